/**
 * Draws many points with few strokes and hides none of them: what falls into one pixel column is
 * one stroke from its lowest to its highest octet. Owns the path data. Pixels.
 */
import { columnOf, isWithin, rowOf, type Scale } from './plot-scale.ts';

export interface Strokes {
  readonly path: string;
  /** Strokes, and the spans behind them. */
  readonly drawn: number;
  readonly spans: number;
}

export interface Span {
  readonly timeUs: number;
  readonly lo: number;
  readonly hi: number;
}

/** A stroke shorter than this could not be seen. */
const SHORTEST_PX = 2;

export function strokesOf(scale: Scale, spans: Iterable<Span>): Strokes {
  const columns = new Map<number, [lo: number, hi: number]>();
  let count = 0;
  for (const { timeUs, lo, hi } of spans) {
    if (!isWithin(scale, timeUs, lo) || !isWithin(scale, timeUs, hi)) continue;
    count += 1;
    const column = columnOf(scale, timeUs);
    const known = columns.get(column);
    if (known === undefined) columns.set(column, [lo, hi]);
    else {
      known[0] = Math.min(known[0], lo);
      known[1] = Math.max(known[1], hi);
    }
  }
  let path = '';
  for (const [column, [lo, hi]] of columns) {
    const bottom = rowOf(scale, lo);
    const top = Math.min(rowOf(scale, hi), bottom - SHORTEST_PX);
    path += `M${column} ${bottom}V${top}`;
  }
  return { path, drawn: columns.size, spans: count };
}

/** A line that keeps its value until the next one; within a column its lowest and highest count. */
export function stepsOf(
  scale: Scale,
  values: Iterable<readonly [timeUs: number, octets: number]>,
): string {
  let path = '';
  let column = -1;
  let low = 0;
  let high = 0;
  let last = 0;
  const flush = () => {
    const lowRow = rowOf(scale, low);
    const highRow = rowOf(scale, high);
    const lastRow = rowOf(scale, last);
    path += path === '' ? `M${column} ${lowRow}` : `H${column}`;
    if (lowRow !== highRow) path += `V${lowRow}V${highRow}`;
    path += `V${lastRow}`;
  };
  for (const [timeUs, octets] of values) {
    if (!isWithin(scale, timeUs, octets)) continue;
    const here = columnOf(scale, timeUs);
    if (here !== column) {
      if (column >= 0) flush();
      column = here;
      low = octets;
      high = octets;
    }
    low = Math.min(low, octets);
    high = Math.max(high, octets);
    last = octets;
  }
  if (column >= 0) flush();
  return path;
}
