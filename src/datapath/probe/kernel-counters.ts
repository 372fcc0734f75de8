/**
 * What this host's own TCP counts of such faults (`nstat -az`), before and after. Of the whole
 * network namespace, not of a connection. Reads /proc/net/netstat and /proc/net/snmp; owns the
 * names.
 */
import { readFileSync } from 'node:fs';

export const KERNEL_COUNTERS = [
  'TCPSYNChallenge',
  'TCPChallengeACK',
  'TCPSACKDiscard',
  'PAWSEstab',
  'TcpInCsumErrors',
] as const;

export type KernelCounter = (typeof KERNEL_COUNTERS)[number];
export type KernelCounts = Readonly<Partial<Record<KernelCounter, number>>>;

export function readKernelCounters(): KernelCounts {
  return countersIn(['/proc/net/netstat', '/proc/net/snmp'].map(read).join('\n'));
}

/** Pairs of lines: names, then numbers. `Tcp` comes before the names of /proc/net/snmp alone. */
export function countersIn(text: string): KernelCounts {
  const lines = text.split('\n');
  const found = new Map<string, number>();
  for (let at = 0; at + 1 < lines.length; at++) {
    const [group = '', ...names] = (lines[at] ?? '').split(' ');
    const [same, ...numbers] = (lines[at + 1] ?? '').split(' ');
    if (group !== same || !/^[A-Za-z]/.test(names[0] ?? '')) continue;
    const prefix = group === 'Tcp:' ? 'Tcp' : '';
    names.forEach((name, i) => {
      found.set(prefix + name, Number(numbers[i]));
    });
  }
  const counts: Partial<Record<KernelCounter, number>> = {};
  for (const name of KERNEL_COUNTERS) {
    const value = found.get(name);
    if (value !== undefined && Number.isFinite(value)) counts[name] = value;
  }
  return counts;
}

/** What was added; a counter that the kernel does not have is left out. */
export function countedSince(before: KernelCounts, after: KernelCounts): KernelCounts {
  const grown: Partial<Record<KernelCounter, number>> = {};
  for (const name of KERNEL_COUNTERS) {
    const [was, is] = [before[name], after[name]];
    if (was !== undefined && is !== undefined) grown[name] = Math.max(0, is - was);
  }
  return grown;
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
