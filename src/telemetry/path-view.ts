/**
 * What is known of destinations, as people, JSON and the file on disk have it, read from the words
 * that the engine writes. Times are RFC 3339 here, engine ms there. Writes nothing.
 */
import * as p from '../engine/flow/path-table.ts';
import { PATH_FACT_MS } from '../engine/limits.ts';
import { formatAddress } from './flow-address.ts';

/** Names of facts are API; the number is the index. */
export const FACT_NAMES = [
  'faulty',
  'phantom',
  'sack-blind',
  'timestamps-stripped',
  'window-scale-stripped',
  'sack-permitted-stripped',
  'idle-limit',
] as const;

export interface FactView {
  readonly fact: string;
  readonly count: number;
  readonly lastSeen: string;
  readonly expires: string;
  /** Of `idle-limit`: the shortest silence behind which a connection was found dead. */
  readonly limitMs?: number;
}

export interface PathView {
  readonly address: string;
  readonly port: number;
  readonly facts: readonly FactView[];
  /** Since the first fact. */
  readonly connections: number;
  readonly canaries: number;
  readonly canariesClean: number;
}

/** Destinations with a fact that still holds, the newest fact first. */
export function viewPaths(words: Int32Array, nowMs: number, nowDate: number): PathView[] {
  const views: { view: PathView; ageMs: number }[] = [];
  for (let at = 0; at < words.length; at += p.PATH_WORDS) {
    const flags = words[at + p.P_FLAGS] ?? 0;
    if (flags < p.P_HAS) continue;
    const facts: FactView[] = [];
    let newestMs = PATH_FACT_MS;
    for (const [fact, name] of FACT_NAMES.entries()) {
      const pair = at + p.P_FACTS + 2 * fact;
      const ageMs = (nowMs - (words[pair] ?? 0)) | 0;
      if ((flags & (p.P_HAS << fact)) === 0 || ageMs >= PATH_FACT_MS) continue;
      newestMs = Math.min(newestMs, ageMs);
      const seen = nowDate - Math.max(0, ageMs);
      facts.push({
        fact: name,
        count: words[pair + 1] ?? 0,
        lastSeen: new Date(seen).toISOString(),
        expires: new Date(seen + PATH_FACT_MS).toISOString(),
        ...(fact === p.FACT_IDLE ? { limitMs: words[at + p.P_IDLE_MS] ?? 0 } : {}),
      });
    }
    if (facts.length === 0) continue;
    const view: PathView = {
      address: formatAddress(words, at + p.P_ADDR, (flags & p.P_IPV6) !== 0 ? 6 : 4),
      port: words[at + p.P_PORT] ?? 0,
      facts,
      connections: words[at + p.P_CONNECTIONS] ?? 0,
      canaries: words[at + p.P_CANARIES] ?? 0,
      canariesClean: words[at + p.P_CANARIES_CLEAN] ?? 0,
    };
    views.push({ view, ageMs: newestMs });
  }
  return views.sort((a, b) => a.ageMs - b.ageMs).map(({ view }) => view);
}

export function pathLine(path: PathView): string {
  const where = path.address.includes(':') ? `[${path.address}]` : path.address;
  const facts = path.facts.map(
    ({ fact, count, lastSeen, expires, limitMs }) =>
      `${fact}${limitMs === undefined ? '' : ` ${limitMs / 1000} s`}` +
      ` (${count} times, last ${lastSeen}, until ${expires})`,
  );
  const canaries =
    path.canaries === 0 ? '' : `; ${path.canariesClean} of ${path.canaries} canaries clean`;
  const seen = `${path.connections} connections since${canaries}`;
  return `${where}:${path.port}  ${facts.join(', ')}  ${seen}`;
}
