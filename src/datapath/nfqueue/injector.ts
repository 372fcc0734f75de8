/**
 * Sends packets that the engine made or kept. What is injected is a whole IP packet with complete
 * checksums; its destination address says where it goes, to this machine or out of it.
 *
 * Three sockets a family, opened when first needed: one whose mark our own rules return first, one
 * unmarked, which passes our egress hook and is translated there (DESIGN §2 "Rules"), and one with
 * the mark of what was just judged, which ends the bypass of its connection. Errors are counted and
 * told once a minute each, never thrown: a host without IPv6 works for IPv4.
 */
import { INJECT_FAR_HOOKED, INJECT_FAR_WAKE } from '../../engine/verdict.ts';
import { KoffiTransmitter } from './inject-koffi.ts';
import { loadRawSocket, RawSocketTransmitter } from './inject-raw-socket.ts';
import type { Transmitter } from './transmitter.ts';

export type InjectBackend = 'raw-socket' | 'koffi';

export interface Injector {
  readonly backend: InjectBackend;
  /** Packets handed to the kernel, and those it refused. */
  readonly sentCount: number;
  readonly failedCount: number;
  /** `path` is INJECT_*. The packet may be overwritten as soon as this returns. */
  send(path: number, packet: Uint8Array): boolean;
  close(): void;
}

export interface InjectorOptions {
  readonly backend: InjectBackend | 'auto';
  /** SO_MARK of the marked sockets. */
  readonly mark: number;
  /** SO_MARK for INJECT_FAR_WAKE; absent: the same. */
  readonly wakeMark?: number;
  /** One line for the log, at most once a minute for each kind of error. */
  readonly report: (line: string) => void;
}

const REPORT_INTERVAL_MS = 60_000;
const IPV4_BYTES_MIN = 20;
const IPV6_BYTES_MIN = 40;

export function openInjector(options: InjectorOptions): Injector {
  const rawSocket = options.backend === 'koffi' ? undefined : loadRawSocket();
  if (options.backend === 'raw-socket' && rawSocket === undefined) {
    throw new Error(
      'Cannot inject with raw-socket: the module is not built for this Node. ' +
        'Run: npm rebuild raw-socket, or use --inject koffi',
    );
  }
  const failures = new FailureLog(options.report);
  const fail = (name: string) => failures.add(name);
  const transmitter =
    rawSocket === undefined
      ? new KoffiTransmitter(fail)
      : new RawSocketTransmitter(rawSocket, fail);
  return new PacketInjector(
    rawSocket === undefined ? 'koffi' : 'raw-socket',
    transmitter,
    failures,
    options,
  );
}

class PacketInjector implements Injector {
  readonly backend: InjectBackend;
  sentCount = 0;
  private readonly transmitter: Transmitter;
  private readonly failures: FailureLog;
  private readonly options: InjectorOptions;

  constructor(
    backend: InjectBackend,
    transmitter: Transmitter,
    failures: FailureLog,
    options: InjectorOptions,
  ) {
    this.backend = backend;
    this.transmitter = transmitter;
    this.failures = failures;
    this.options = options;
  }

  get failedCount(): number {
    return this.failures.count;
  }

  send(path: number, packet: Uint8Array): boolean {
    const version = (packet[0] ?? 0) >>> 4;
    const bytesMin = version === 4 ? IPV4_BYTES_MIN : IPV6_BYTES_MIN;
    if ((version !== 4 && version !== 6) || packet.length < bytesMin) {
      this.failures.add('EINVAL');
      return false;
    }
    const handed = this.transmitter.send(version, this.markFor(path), packet);
    if (handed) this.sentCount++;
    return handed;
  }

  private markFor(path: number): number {
    const { mark, wakeMark } = this.options;
    if (path === INJECT_FAR_HOOKED) return 0;
    return path === INJECT_FAR_WAKE ? (wakeMark ?? mark) : mark;
  }

  close(): void {
    this.transmitter.close();
  }
}

class FailureLog {
  count = 0;
  private readonly toldMs = new Map<string, number>();
  private readonly report: (line: string) => void;

  constructor(report: (line: string) => void) {
    this.report = report;
  }

  add(name: string): void {
    this.count++;
    const nowMs = performance.now();
    const toldMs = this.toldMs.get(name);
    if (toldMs !== undefined && nowMs - toldMs < REPORT_INTERVAL_MS) return;
    this.toldMs.set(name, nowMs);
    this.report(`cannot inject a packet: ${name} (${this.count} in all)`);
  }
}
