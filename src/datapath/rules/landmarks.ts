/**
 * Was the whole ruleset made anew, or were our rules alone taken away? The first is an accident of
 * a reload, the second an order. Told by the handles of tables beside ours, which every change
 * leaves as they are, but for one that makes a table anew: a flush of the ruleset, or a restore
 * without `--noflush`, gives it another; `nft delete table inet seqshim`, `iptables -F`, `-D`,
 * `-X`, and `remove.sh` do not touch that of another table.
 *
 * One that is still there, or none to go by: an order. iptables on x_tables (legacy) has none, and
 * its counters tell nothing: an `iptables -D` sets them all to 0, like a restore. Pure.
 */

/** By `FAMILY TABLE` its handle. */
export type Landmarks = ReadonlyMap<string, number>;

const FAMILIES: Readonly<Record<string, string>> = { ip: '4', ip6: '6' };

/** Of `nft -j list tables`; nothing where that is not to be had. */
export function tableHandles(json: string): Landmarks {
  const marks = new Map<string, number>();
  for (const { table } of parse(json)) {
    if (table === undefined) continue;
    marks.set(`${FAMILIES[table.family] ?? table.family} ${table.name}`, table.handle);
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

/** Is everything anew that there was before, of the tables that are in scope? */
export function isReload(
  before: Landmarks,
  now: Landmarks,
  inScope: (table: string) => boolean,
): boolean {
  let anew = 0;
  for (const [table, handle] of before) {
    if (!inScope(table)) continue;
    if (now.get(table) === handle) return false;
    anew++;
  }
  return anew > 0;
}
