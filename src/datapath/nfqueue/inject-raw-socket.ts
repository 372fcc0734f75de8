/**
 * Injection through the npm module raw-socket, which is optional: it has to be compiled.
 * Owns one socket for each family and mark. Asynchronous: packets are copied, errors come later.
 */
import { createRequire } from 'node:module';
import { isIPv4 } from 'node:net';
import { formatAddress } from '../../telemetry/flow-address.ts';
import { IPPROTO_RAW, SO_MARK, SOL_SOCKET } from './libc.ts';
import type { FailureHandler, Transmitter } from './transmitter.ts';

interface RawSocket {
  setOption(level: number, option: number, value: number): void;
  pauseRecv(): void;
  send(
    buffer: Buffer,
    offset: number,
    length: number,
    address: string,
    afterCallback: (error: Error | null) => void,
  ): void;
  on(event: 'error', listener: (error: Error) => void): void;
  close(): void;
}

export interface RawSocketModule {
  readonly AddressFamily: { readonly IPv4: number; readonly IPv6: number };
  createSocket(options: { addressFamily: number; protocol: number }): RawSocket;
}

/** The module, or undefined when it is not installed or not built for this Node. */
export function loadRawSocket(): RawSocketModule | undefined {
  try {
    return createRequire(import.meta.url)('raw-socket') as RawSocketModule;
  } catch {
    return undefined;
  }
}

export class RawSocketTransmitter implements Transmitter {
  private readonly module: RawSocketModule;
  private readonly fail: FailureHandler;
  private readonly sockets = new Map<string, RawSocket>();

  constructor(module: RawSocketModule, fail: FailureHandler) {
    this.module = module;
    this.fail = fail;
  }

  send(family: 4 | 6, mark: number, packet: Uint8Array): boolean {
    const socket = this.socketFor(family, mark);
    if (socket === undefined) return false;
    const copy = Buffer.from(packet);
    socket.send(copy, 0, copy.length, destinationOf(copy, family), (error) => {
      if (error !== null) this.fail(nameOf(error));
    });
    return true;
  }

  close(): void {
    for (const socket of this.sockets.values()) socket.close();
    this.sockets.clear();
  }

  private socketFor(family: 4 | 6, mark: number): RawSocket | undefined {
    const key = `${family}/${mark}`;
    const known = this.sockets.get(key);
    if (known !== undefined) return known;
    const { IPv4, IPv6 } = this.module.AddressFamily;
    try {
      const addressFamily = family === 4 ? IPv4 : IPv6;
      const socket = this.module.createSocket({ addressFamily, protocol: IPPROTO_RAW });
      socket.on('error', (error) => {
        this.fail(nameOf(error));
        this.sockets.delete(key);
      });
      socket.pauseRecv();
      if (mark !== 0) socket.setOption(SOL_SOCKET, SO_MARK, mark);
      this.sockets.set(key, socket);
      return socket;
    } catch (error) {
      this.fail(nameOf(error));
      return undefined;
    }
  }
}

function destinationOf(packet: Buffer, family: 4 | 6): string {
  const words = new Int32Array(4);
  const at = family === 4 ? 16 : 24;
  for (let i = 0; i < (family === 4 ? 1 : 4); i++) words[i] = packet.readInt32BE(at + i * 4);
  const text = formatAddress(words, 0, family);
  return family === 4 && !isIPv4(text) ? '0.0.0.0' : text;
}

/** The module reports strerror() texts. */
function nameOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
