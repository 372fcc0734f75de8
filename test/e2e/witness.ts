/**
 * Independent witnesses of what passes the jumpbox: tcpdump on its interface (the wire: before our
 * hooks for what arrives, behind them for what leaves) and tcpdump on the netfilter log of the
 * filter table (behind our hooks for what arrives, before them for what leaves).
 */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { readCapture } from '../../src/datapath/pcap/read-capture.ts';
import { BULK_PORT, ECHO_PORT, type Lab, SSH_PORT } from '../../src/testbed/lab.ts';
import { collect, type Output } from '../../src/testbed/namespace.ts';

export const LOG_GROUP = 31;
const READY_MS = 10_000;
/** What the shim looks after in the lab. */
export const TARGET_PORTS = [SSH_PORT, ECHO_PORT, BULK_PORT] as const;
const TARGET_FILTER = `tcp and (${TARGET_PORTS.map((port) => `port ${port}`).join(' or ')})`;
const PROGRAMS = ['iptables', 'ip6tables'] as const;
/** KiB: what the kernel keeps while tcpdump has no processor. */
const BUFFER_KIB = '65536';
const LOG_BUFFER_KIB = '4096';

export class Tcpdump {
  private readonly child: ChildProcess;
  private readonly output: Output;
  private readonly file: string;

  private constructor(child: ChildProcess, file: string) {
    this.child = child;
    this.file = file;
    this.output = collect(child);
  }

  static wire(lab: Lab, device = 'c0', filter = TARGET_FILTER): Promise<Tcpdump> {
    return Tcpdump.start(lab, ['-i', device, '-B', BUFFER_KIB], filter);
  }

  /** What `logPassing` sends. The log carries no link layer: no filter beyond the rule's. */
  static log(lab: Lab): Promise<Tcpdump> {
    const args = ['-i', `nflog:${LOG_GROUP}`, '-y', 'IPV4', '-B', LOG_BUFFER_KIB];
    return Tcpdump.start(lab, args, '');
  }

  private static async start(lab: Lab, args: string[], filter: string): Promise<Tcpdump> {
    const file = join(lab.dir, `${args[1]?.replace(':', '-')}-${Date.now()}.pcap`);
    const all = [...args, '-n', '-U', '-Z', 'root', '-w', file, filter];
    const dump = new Tcpdump(lab.jumpbox.start('tcpdump', all), file);
    for (let waited = 0; waited < READY_MS; waited += 10) {
      if (dump.output.stderr.includes('listening on')) return dump;
      await pause(10);
    }
    throw new Error(`tcpdump did not start: ${dump.output.stderr}`);
  }

  /** The IP packets that it saw; throws when the kernel had to drop some: no witness then. */
  async stop(): Promise<Uint8Array[]> {
    this.child.kill('SIGINT');
    await once(this.child, 'close');
    const dropped = /(\d+) packets? dropped by kernel/.exec(this.output.stderr)?.[1];
    if (dropped !== '0') throw new Error(`tcpdump missed packets: ${this.output.stderr}`);
    const { frames } = readCapture(readFileSync(this.file));
    return frames.map((frame) => frame.bytes.subarray(frame.off, frame.off + frame.len));
  }
}

/** Logs every packet of the targets on the inner side of our hooks. */
export function logPassing(lab: Lab): void {
  for (const program of PROGRAMS) {
    for (const [chain, side] of [
      ['INPUT', '--sports'],
      ['OUTPUT', '--dports'],
    ] as const) {
      const match = ['-p', 'tcp', '-m', 'multiport', side, TARGET_PORTS.join(',')];
      const log = ['-j', 'NFLOG', '--nflog-group', String(LOG_GROUP), '--nflog-threshold', '8'];
      lab.jumpbox.call(program, ['-I', chain, ...match, ...log]);
    }
  }
}

/** How often the packets of each kind were seen: captures of two places keep no common order. */
export function tally(packets: readonly Uint8Array[]): Map<string, number> {
  const out = new Map<string, number>();
  for (const packet of packets) {
    const key = Buffer.from(packet).toString('latin1');
    out.set(key, (out.get(key) ?? 0) + 1);
  }
  return out;
}

/** What one place saw more often than the other, as short hex. */
export function missing(from: Map<string, number>, than: Map<string, number>): string[] {
  const out: string[] = [];
  for (const [key, count] of than) {
    const seen = from.get(key) ?? 0;
    if (seen < count) out.push(Buffer.from(key.slice(0, 80), 'latin1').toString('hex'));
  }
  return out;
}

/** Packets that a counting rule with this comment has seen, IPv4 and IPv6 together. */
export function counted(lab: Lab, table: string, chain: string, comment: string): number {
  let sum = 0;
  for (const program of PROGRAMS) {
    for (const line of lab.jumpbox.call(program, ['-t', table, '-nvxL', chain]).split('\n')) {
      if (line.includes(`/* ${comment} */`)) sum += Number(line.trim().split(/\s+/)[0]);
    }
  }
  return sum;
}
