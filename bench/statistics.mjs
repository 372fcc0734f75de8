/** The few numbers that a bench is told in. Owns nothing. */

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

export function spread(values) {
  return [Math.min(...values), Math.max(...values)];
}

/** A median with its spread, or its interval: `0.94 (0.80-0.99)`. */
export function ranged(middle, [low, high], digits) {
  return `${middle.toFixed(digits)} (${low.toFixed(digits)}-${high.toFixed(digits)})`;
}

/** One ratio a round, of runs that stood next to each other in time. */
export function ratios(rows, others, metric) {
  const values = rows.map((row, round) => row[metric] / others[round][metric]);
  return { median: median(values), spread: spread(values), interval: interval(values) };
}

/**
 * Where the true median lies, 95 times in 100: by ranks, so that nothing is assumed of how the
 * values are spread. Less than six values say nothing: the whole spread then.
 */
export function interval(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const count = sorted.length;
  let below = 0;
  let chance = 0.5 ** count;
  let tail = chance;
  while (tail <= 0.025) {
    below++;
    chance *= (count - below + 1) / below;
    tail += chance;
  }
  const out = Math.max(0, below - 1);
  return [sorted[out], sorted[count - 1 - out]];
}
