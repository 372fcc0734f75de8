/**
 * Which part of time and numbers a plot shows, and where in the picture a value falls. Owns the
 * choice: numbers of another space (a second SYN-ACK) would squeeze the data into one line, so they
 * lie off the scale, and the page says how many do. Microseconds, octets, pixels.
 */
import { FIN, RST, SYN } from '../../engine/wire/segment.ts';
import type { Point } from './plot-lane.ts';

export const PLOT_WIDTH = 760;
export const PLOT_HEIGHT = 360;
export const LEFT = 84;
export const RIGHT = 16;
export const TOP = 40;
export const BOTTOM = 44;
/** One pixel each. */
export const COLUMN_COUNT = PLOT_WIDTH - LEFT - RIGHT;

/** Two numbers with a wider gap between them are taken for two spaces. */
const GAP_OCTETS = 1 << 26;
/** A window edge further above the data than that many times its height is left out. */
const EDGE_TIMES = 3;

export interface Scale {
  readonly fromUs: number;
  readonly toUs: number;
  readonly from: number;
  readonly to: number;
  readonly edgeShown: boolean;
}

/** Undefined: there is nothing to plot in this direction. */
export function chooseScale(sent: readonly Point[], acks: readonly Point[]): Scale | undefined {
  const data = sent.filter(isData);
  const [first] = data;
  if (first === undefined) return undefined;
  const [from, to] = mainSpan(data.flatMap(({ lo, hi }) => [lo, hi]));
  const height = Math.max(1, to - from);
  let top = to;
  let edgesAbove = 0;
  for (const { edge } of acks) {
    if (edge > to + EDGE_TIMES * height) edgesAbove += 1;
    else if (edge > top) top = edge;
  }
  const edgeShown = edgesAbove === 0 && acks.some(({ edge }) => !Number.isNaN(edge));
  const [fromUs, toUs] = timeSpan(sent, acks, data);
  const highest = edgeShown ? top : to;
  const room = Math.max(1, highest - from) * 0.04;
  return {
    fromUs,
    toUs: toUs + Math.max(1, (toUs - fromUs) * 0.03),
    from: from - room,
    to: highest + room,
    edgeShown,
  };
}

function isData({ lo, flags, timeUs }: Point): boolean {
  return !Number.isNaN(lo) && timeUs >= 0 && (flags & (SYN | RST)) === 0;
}

/** The largest group of numbers between which no gap is wider than GAP_OCTETS. */
function mainSpan(values: number[]): readonly [from: number, to: number] {
  values.sort((a, b) => a - b);
  let best: readonly [number, number, number] = [0, 0, 0];
  let start = 0;
  for (let index = 1; index <= values.length; index++) {
    const here = values[index] ?? Number.POSITIVE_INFINITY;
    if (here - (values[index - 1] ?? 0) <= GAP_OCTETS) continue;
    const count = index - start;
    if (count > best[2]) best = [values[start] ?? 0, values[index - 1] ?? 0, count];
    start = index;
  }
  return [best[0], best[1]];
}

/** From the first packet to the last data, and to what ended it: not to what came long after. */
function timeSpan(
  sent: readonly Point[],
  acks: readonly Point[],
  data: readonly Point[],
): readonly [fromUs: number, toUs: number] {
  const all = [...sent, ...acks];
  const timed = (points: readonly Point[]) => points.filter(({ timeUs }) => timeUs >= 0);
  const fromUs = Math.min(...ends(timed(all)));
  const resets = timed(all.filter(({ flags }) => (flags & RST) !== 0));
  const closing = [sent, acks].flatMap((lane) =>
    lane.filter(({ flags }) => (flags & FIN) !== 0).slice(0, 1),
  );
  const firstReset = resets.length === 0 ? [] : [ends(resets)[0]];
  return [fromUs, Math.max(ends(data)[1], ...firstReset, ends(timed(closing))[1])];
}

/** Spread over arguments a long list would not fit. */
function ends(points: readonly Point[]): [firstUs: number, lastUs: number] {
  let first = Number.POSITIVE_INFINITY;
  let last = 0;
  for (const { timeUs } of points) {
    first = Math.min(first, timeUs);
    last = Math.max(last, timeUs);
  }
  return [first, last];
}

export function columnOf(scale: Scale, timeUs: number): number {
  const share = (timeUs - scale.fromUs) / Math.max(1, scale.toUs - scale.fromUs);
  return LEFT + Math.round(share * (COLUMN_COUNT - 1));
}

export function rowOf(scale: Scale, octets: number): number {
  const share = (octets - scale.from) / (scale.to - scale.from);
  return Math.round((PLOT_HEIGHT - BOTTOM - share * (PLOT_HEIGHT - TOP - BOTTOM)) * 10) / 10;
}

export function isWithin(scale: Scale, timeUs: number, octets: number): boolean {
  return (
    timeUs >= scale.fromUs && timeUs <= scale.toUs && octets >= scale.from && octets <= scale.to
  );
}
