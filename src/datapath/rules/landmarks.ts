/**
 * Was the whole ruleset made anew, or were our rules alone taken away? The first is an accident of
 * a reload, the second an order. Told by what others have beside ours: marks of the kernel that
 * every change leaves as they are, but for one that makes their table anew.
 *
 * - nft, and iptables on nf_tables: the handle of a table. A flush of the ruleset, or a restore
 *   without `--noflush`, gives a new one; `nft delete table inet seqshim`, `iptables -F`, `-D`,
 *   `-X`, and `remove.sh` do not touch that of another table.
 * - iptables on x_tables (legacy): the packets that the policy of a built-in chain counts. They
 *   begin at 0 with a restore, and go back by nothing else but `-Z`.
 *
 * One mark that is still there, or none to go by: an order. Pure.
 */

/** By `FAMILY TABLE table` its handle, by `FAMILY TABLE CHAIN` its policy's packets. */
export type Landmarks = ReadonlyMap<string, number>;

const HANDLE = ' table';
const FAMILIES: Readonly<Record<string, string>> = { ip: '4', ip6: '6' };

/** Of `nft -j list tables`; nothing where that is not to be had. */
export function tableHandles(json: string): Landmarks {
  const marks = new Map<string, number>();
  for (const { table } of parse(json)) {
    if (table === undefined) continue;
    marks.set(`${FAMILIES[table.family] ?? table.family} ${table.name}${HANDLE}`, table.handle);
  }
  return marks;
}

interface Listed {
  readonly table?: { readonly family: string; readonly name: string; readonly handle: number };
}

function parse(json: string): readonly Listed[] {
  try {
    const { nftables } = JSON.parse(json) as { nftables?: readonly Listed[] };
    return nftables ?? [];
  } catch {
    return [];
  }
}

/** Of `iptables-save -c`. */
export function policyCounters(saved: string, family: 4 | 6): Landmarks {
  const marks = new Map<string, number>();
  let table = '';
  for (const line of saved.split('\n')) {
    if (line.startsWith('*')) table = line.slice(1).trim();
    const [, chain, packets] = /^:(\S+) (?:ACCEPT|DROP) \[(\d+):/.exec(line) ?? [];
    if (chain !== undefined) marks.set(`${family} ${table} ${chain}`, Number(packets));
  }
  return marks;
}

/** Is everything anew that there was before, of the tables (`FAMILY TABLE`) that are in scope? */
export function isReload(
  before: Landmarks,
  now: Landmarks,
  inScope: (table: string) => boolean,
): boolean {
  let anew = 0;
  for (const [key, was] of before) {
    const is = now.get(key);
    if (!inScope(key.slice(0, key.lastIndexOf(' ')))) continue;
    if (key.endsWith(HANDLE)) {
      if (is === was) return false;
    } else {
      if (was === 0) continue; // on nf_tables they count nothing
      if (is !== undefined && is >= was) return false;
    }
    anew++;
  }
  return anew > 0;
}
