/**
 * Our rules as they stand in `iptables-save` text, and the text that replaces or removes them in
 * the same commit as the new ones. Goes by the names of our chains only. Owns nothing.
 */
import { CHAIN_PREFIX } from './rule-input.ts';

export interface Leftovers {
  /** Rules of other chains that lead to ours, without their `-A`. */
  readonly jumps: readonly string[];
  readonly chains: readonly string[];
}

/** By table. Tables without anything of ours are left out. */
export function findLeftovers(saved: string): ReadonlyMap<string, Leftovers> {
  const found = new Map<string, { jumps: string[]; chains: string[] }>();
  let current = { jumps: [] as string[], chains: [] as string[] };
  for (const line of saved.split('\n')) {
    if (line.startsWith('*')) {
      current = { jumps: [], chains: [] };
      found.set(line.slice(1).trim(), current);
    } else if (line.startsWith(`:${CHAIN_PREFIX}`)) {
      current.chains.push(line.slice(1).split(' ')[0] ?? '');
    } else if (leadsToUs(line)) {
      current.jumps.push(line.slice('-A '.length));
    }
  }
  for (const [table, { jumps, chains }] of found) {
    if (jumps.length + chains.length === 0) found.delete(table);
  }
  return found;
}

/** A rule of somebody's chain that jumps to one of ours. */
export function leadsToUs(line: string): boolean {
  return (
    line.startsWith('-A ') &&
    !line.startsWith(`-A ${CHAIN_PREFIX}`) &&
    / -[jg] SEQSHIM-[A-Z-]+\s*$/.test(line)
  );
}

/** `fresh` with what is left of an older run taken away in the same transaction, table by table. */
export function replacing(saved: string, fresh: string): string {
  const found = findLeftovers(saved);
  const out: string[] = [];
  let declaring = false;
  let old: Leftovers | undefined;
  const declared = new Set<string>();
  for (const line of fresh.split('\n')) {
    if (declaring && !line.startsWith(':')) {
      declaring = false;
      // Declaring an existing chain empties it; those we no longer have go.
      const stale = old?.chains.filter((chain) => !declared.has(chain)) ?? [];
      out.push(...(old?.jumps.map((jump) => `-D ${jump}`) ?? []));
      out.push(...stale.map((chain) => `-F ${chain}`), ...stale.map((chain) => `-X ${chain}`));
    }
    out.push(line);
    if (line.startsWith('*')) {
      old = found.get(line.slice(1));
      declaring = true;
      declared.clear();
    } else if (line.startsWith(':')) {
      declared.add(line.slice(1).split(' ')[0] ?? '');
    }
  }
  return out.join('\n');
}

/** Takes the entries of single flows out of our chains; empty where there are none. */
export function withoutFlows(saved: string): string {
  const out: string[] = [];
  let table = '';
  let entries: string[] = [];
  for (const line of saved.split('\n')) {
    if (line.startsWith('*')) table = line;
    else if (/^-A SEQSHIM-[A-Z]+-REPAIR .*--sport \d+ --dport \d+/.test(line)) {
      entries.push(`-D ${line.slice('-A '.length)}`);
    } else if (line.startsWith('COMMIT')) {
      if (entries.length > 0) out.push(table, ...entries, 'COMMIT', '');
      entries = [];
    }
  }
  return out.join('\n');
}
