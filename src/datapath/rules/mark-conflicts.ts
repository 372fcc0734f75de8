/**
 * Does somebody else use our two mark bits? Reads what iptables-save, nft and `ip rule` print and
 * looks for marks with a mask; a rule that sets or compares the whole value (`--set-mark 0x1`) names
 * every bit and is no conflict. Owns nothing.
 */
import { run } from './execute.ts';

const MASKED =
  /(?:mark|set-xmark|set-mark|and|or|fwmark)\D{0,12}(0x[0-9a-f]+|\d+)\/(0x[0-9a-f]+|\d+)/gi;
const WHOLE = new Set([0xffffffff, 0]);

export interface MarkConflict {
  readonly rule: string;
  readonly source: string;
}

/** Lines that use `bits` of the mark or connmark under a mask, ours left out. */
export function findMarkConflicts(bits: number): MarkConflict[] {
  const conflicts: MarkConflict[] = [];
  for (const [source, text] of sources()) {
    for (const line of text.split('\n')) {
      if (/seqshim/i.test(line) || !usesBits(line, bits)) continue;
      conflicts.push({ source, rule: line.trim().slice(0, 200) });
    }
  }
  return conflicts;
}

export function usesBits(line: string, bits: number): boolean {
  for (const [, , maskText = ''] of line.matchAll(MASKED)) {
    const mask = Number(maskText) >>> 0;
    if (!WHOLE.has(mask) && (mask & bits) !== 0) return true;
  }
  // nft writes `meta mark & 0x1000 == ...`, `ct mark and 0x1000`.
  for (const [, maskText = ''] of line.matchAll(
    /(?:meta|ct) mark (?:and|or|xor|[&|^]) (0x[0-9a-f]+)/gi,
  )) {
    const mask = Number(maskText) >>> 0;
    const used = isComplement(mask) ? ~mask >>> 0 : mask;
    if (!WHOLE.has(mask) && (used & bits) !== 0) return true;
  }
  return false;
}

/** `mark & 0xffffefff` clears the bits that are missing. */
function isComplement(mask: number): boolean {
  return mask >>> 16 === 0xffff;
}

function sources(): [string, string][] {
  return [
    ['iptables', run('iptables-save', []).stdout],
    ['ip6tables', run('ip6tables-save', []).stdout],
    ['nft', withoutOwnTable(run('nft', ['list', 'ruleset']).stdout)],
    ['ip rule', run('ip', ['rule', 'show']).stdout],
    ['ip -6 rule', run('ip', ['-6', 'rule', 'show']).stdout],
  ];
}

/** iptables-nft's rules show up in nft as well: only tables that iptables does not own count. */
function withoutOwnTable(ruleset: string): string {
  return ruleset
    .split(/^(?=table )/m)
    .filter((table) => !/^table inet seqshim/.test(table) && !/xt (target|match)/.test(table))
    .join('');
}
