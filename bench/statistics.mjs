/** The few numbers that a bench is told in. Owns nothing. */

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

export function spread(values) {
  return [Math.min(...values), Math.max(...values)];
}

/** One ratio a round, of runs that stood next to each other in time. */
export function ratios(rows, others, metric) {
  const values = rows.map((row, round) => row[metric] / others[round][metric]);
  return { median: median(values), spread: spread(values) };
}
