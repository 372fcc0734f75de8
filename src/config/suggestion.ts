/** The known name that an unknown one was probably meant to be. Owns nothing. */

const DISTANCE_MAX = 3;

export function nearestName(written: string, known: readonly string[]): string | undefined {
  const wanted = written.toLowerCase().replaceAll('_', '-');
  let best: string | undefined;
  let bestDistance = Math.min(DISTANCE_MAX, Math.ceil(wanted.length / 2));
  for (const name of known) {
    const distance = editDistance(wanted, name);
    if (distance >= bestDistance && !(best === undefined && distance === bestDistance)) continue;
    best = name;
    bestDistance = distance;
  }
  return best;
}

/** Levenshtein's, with one row. */
function editDistance(a: string, b: string): number {
  const row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    let diagonal = row[0] ?? 0;
    row[0] = i;
    for (let j = 1; j <= b.length; j++) {
      const above = row[j] ?? 0;
      const change = diagonal + (a[i - 1] === b[j - 1] ? 0 : 1);
      row[j] = Math.min(change, above + 1, (row[j - 1] ?? 0) + 1);
      diagonal = above;
    }
  }
  return row[b.length] ?? 0;
}
