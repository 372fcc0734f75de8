/**
 * What several workers know of destinations, as one. All begin with what was loaded; each learns
 * and clears by itself. Owns nothing.
 *
 * A fact whose count has changed was seen again, and stands. One that nobody has seen again, and
 * that one of them no longer has, was cleared there by a canary, and goes.
 */
import type { FactView, PathView } from './path-view.ts';

export function mergePaths(
  lists: readonly (readonly PathView[])[],
  loaded: readonly PathView[],
): readonly PathView[] {
  const [only] = lists;
  if (lists.length === 1 && only !== undefined) return only;
  const before = new Map(loaded.map((path) => [nameOf(path), path]));
  const tables = lists.map((list) => new Map(list.map((path) => [nameOf(path), path])));
  const names = new Set(lists.flat().map(nameOf));
  const merged: PathView[] = [];
  for (const name of names) {
    const views = tables.map((table) => table.get(name));
    const path = mergePath(views, before.get(name));
    if (path !== undefined) merged.push(path);
  }
  return merged.sort((a, b) => newest(b) - newest(a));
}

function mergePath(
  views: readonly (PathView | undefined)[],
  before: PathView | undefined,
): PathView | undefined {
  const some = views.find((view) => view !== undefined);
  if (some === undefined) return undefined;
  const names = new Set(views.flatMap((view) => view?.facts.map(({ fact }) => fact) ?? []));
  const facts = [...names].flatMap((name) => {
    const found = views.map((view) => view?.facts.find(({ fact }) => fact === name));
    return (
      mergeFact(
        found,
        before?.facts.find(({ fact }) => fact === name),
      ) ?? []
    );
  });
  if (facts.length === 0) return undefined;
  const grown = (key: 'connections' | 'canaries' | 'canariesClean') => {
    const base = before?.[key] ?? 0;
    const more = views.map((view) => Math.max(0, (view?.[key] ?? 0) - base));
    return base + more.reduce((sum, count) => sum + count, 0);
  };
  return {
    address: some.address,
    port: some.port,
    facts,
    connections: grown('connections'),
    canaries: grown('canaries'),
    canariesClean: grown('canariesClean'),
  };
}

function mergeFact(
  found: readonly (FactView | undefined)[],
  before: FactView | undefined,
): FactView | undefined {
  const seen = found.filter((fact) => fact !== undefined && fact.count !== before?.count);
  const [first] = seen.filter((fact) => fact !== undefined).sort(byLastSeen);
  if (first === undefined) return found.includes(undefined) ? undefined : found[0];
  const base = before?.count ?? 0;
  const more = seen.map((fact) => Math.max(0, (fact?.count ?? 0) - base));
  const count = base + more.reduce((sum, times) => sum + times, 0);
  // Cleared, and seen again since: it counts from there.
  const limits = seen.flatMap((fact) => fact?.limitMs ?? []);
  const limit = limits.length === 0 ? {} : { limitMs: Math.min(...limits) };
  return { ...first, count: count === base ? first.count : count, ...limit };
}

function byLastSeen(a: FactView, b: FactView): number {
  return Date.parse(b.lastSeen) - Date.parse(a.lastSeen);
}

function newest(path: PathView): number {
  return Math.max(...path.facts.map(({ lastSeen }) => Date.parse(lastSeen)));
}

function nameOf({ address, port }: PathView): string {
  return `${address} ${port}`;
}
