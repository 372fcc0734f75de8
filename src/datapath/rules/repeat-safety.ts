/**
 * May a verdict be NF_REPEAT here? The packet then runs through its hook's rules again with our
 * bit, which the head of our chain takes away. A rule before our jump that takes the bit away first
 * makes the packet look new: it would go round for ever. Reads `iptables-save` text. Owns nothing.
 */
import { CHAIN_PREFIX } from './rule-input.ts';

const PARENTS = [
  ['raw', 'PREROUTING'],
  ['mangle', 'INPUT'],
  ['mangle', 'FORWARD'],
  ['mangle', 'POSTROUTING'],
] as const;

/** The first rule that erases the bit before a packet gets to us. */
export function findEraser(saved: string, bit: number): string | undefined {
  for (const [table, parent] of PARENTS) {
    const chains = chainsOf(saved, table);
    const eraser = walk(chains, parent, bit, new Set());
    if (eraser !== undefined) return eraser;
  }
  return undefined;
}

/** Rules in order, by chain, of one table. */
function chainsOf(saved: string, table: string): ReadonlyMap<string, readonly string[]> {
  const chains = new Map<string, string[]>();
  let inside = false;
  for (const line of saved.split('\n')) {
    if (line.startsWith('*')) inside = line.trim() === `*${table}`;
    const chain = /^-A (\S+) /.exec(line)?.[1];
    if (!inside || chain === undefined) continue;
    const rules = chains.get(chain) ?? [];
    rules.push(line);
    chains.set(chain, rules);
  }
  return chains;
}

function walk(
  chains: ReadonlyMap<string, readonly string[]>,
  chain: string,
  bit: number,
  seen: Set<string>,
): string | undefined {
  if (seen.has(chain)) return undefined;
  seen.add(chain);
  for (const rule of chains.get(chain) ?? []) {
    const target = / -[jg] (\S+)/.exec(rule)?.[1] ?? '';
    if (target.startsWith(CHAIN_PREFIX)) return undefined; // what follows is behind us
    if (erases(rule, target, bit)) return rule;
    const eraser = walk(chains, target, bit, seen);
    if (eraser !== undefined) return eraser;
  }
  return undefined;
}

function erases(rule: string, target: string, bit: number): boolean {
  if (target === 'HMARK') return true;
  if (target === 'SET') return rule.includes('--map-mark');
  if (target === 'MARK') {
    const [, mask = '0xffffffff'] =
      /--set-x?mark 0x[0-9a-f]+(?:\/(0x[0-9a-f]+))?/i.exec(rule) ?? [];
    return (Number(mask) & bit) !== 0;
  }
  if (target !== 'CONNMARK' || !rule.includes('--restore-mark')) return false;
  const mask = /--nfmask (0x[0-9a-f]+)/i.exec(rule)?.[1] ?? '0xffffffff';
  return (Number(mask) & bit) !== 0;
}
