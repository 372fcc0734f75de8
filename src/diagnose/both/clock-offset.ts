/**
 * How far the server's clock is ahead of the client's, from packets that both captures have.
 *
 * A packet arrives after it was sent. So whatever the delays are, the offset is at most the least
 * (server − client) of packets to the server, and at least the greatest of packets to the client:
 * the middle of the two is the estimate, half the distance its error, and no delay has to be
 * assumed equal to another. Where no constant offset fits, one that grows evenly is tried.
 *
 * Owns nothing. Microseconds; the offset is that at the client's time `atUs`.
 */
import { CLIENT, type Direction } from '../flow.ts';

export interface TimePair {
  readonly clientUs: number;
  readonly serverUs: number;
  readonly dir: Direction;
}

export interface ClockOffset {
  readonly offsetUs: number;
  /** Undefined: only one direction was seen, so nothing bounds it. */
  readonly errorUs: number | undefined;
  /** 0 unless no constant offset fits; parts per million. */
  readonly driftPpm: number;
  /** No line fits either: a clock was set while both captured. */
  readonly isStepped: boolean;
  readonly atUs: number;
}

/** Capture times are cut to whole microseconds, and read before or after the packet. */
const RESOLUTION_US = 2;
/** Faster than this no clock drifts (NTP slews by 500). */
const DRIFT_PPM_MAX = 1000;
const SEARCH_STEPS = 60;

interface Bound {
  readonly sinceUs: number;
  readonly offsetUs: number;
}

/** Undefined without any pair. */
export function estimateClock(pairs: readonly TimePair[]): ClockOffset | undefined {
  const [first] = pairs;
  if (first === undefined) return undefined;
  const atUs = pairs.reduce((least, { clientUs }) => Math.min(least, clientUs), first.clientUs);
  const upper: Bound[] = [];
  const lower: Bound[] = [];
  for (const { clientUs, serverUs, dir } of pairs) {
    const bound = { sinceUs: clientUs - atUs, offsetUs: serverUs - clientUs };
    (dir === CLIENT ? upper : lower).push(bound);
  }
  const still = { driftPpm: 0, isStepped: false, atUs };
  if (lower.length === 0 || upper.length === 0) {
    const only = lower.length === 0 ? least(upper, 0) : greatest(lower, 0);
    return { ...still, offsetUs: only, errorUs: undefined };
  }
  const straight = lineFit(upper, lower, 0);
  if (straight.errorUs >= 0) return { ...still, ...straight };
  const ppm = bestDrift(upper, lower);
  const drifting = lineFit(upper, lower, ppm);
  if (drifting.errorUs >= 0) {
    const errorUs = driftingError(upper, lower, ppm, drifting.offsetUs);
    return { ...still, offsetUs: drifting.offsetUs, errorUs, driftPpm: ppm };
  }
  return { ...still, ...straight, errorUs: Math.abs(straight.errorUs), isStepped: true };
}

/** The offset at a time of the client's clock. */
export function offsetAt(clock: ClockOffset, clientUs: number): number {
  return clock.offsetUs + ((clientUs - clock.atUs) * clock.driftPpm) / 1e6;
}

function lineFit(
  upper: readonly Bound[],
  lower: readonly Bound[],
  ppm: number,
): { offsetUs: number; errorUs: number } {
  const high = least(upper, ppm);
  const low = greatest(lower, ppm);
  return { offsetUs: (high + low) / 2, errorUs: (high - low) / 2 + RESOLUTION_US };
}

function least(bounds: readonly Bound[], ppm: number): number {
  let found = Number.POSITIVE_INFINITY;
  for (const bound of bounds) found = Math.min(found, atStart(bound, ppm));
  return found;
}

function greatest(bounds: readonly Bound[], ppm: number): number {
  let found = Number.NEGATIVE_INFINITY;
  for (const bound of bounds) found = Math.max(found, atStart(bound, ppm));
  return found;
}

function atStart({ sinceUs, offsetUs }: Bound, ppm: number): number {
  return offsetUs - (sinceUs * ppm) / 1e6;
}

/** The room between the bounds is a concave function of the drift: its summit is the best guess. */
function bestDrift(upper: readonly Bound[], lower: readonly Bound[]): number {
  let from = -DRIFT_PPM_MAX;
  let to = DRIFT_PPM_MAX;
  for (let step = 0; step < SEARCH_STEPS; step++) {
    const third = (to - from) / 3;
    const left = lineFit(upper, lower, from + third).errorUs;
    const right = lineFit(upper, lower, to - third).errorUs;
    if (left < right) from += third;
    else to -= third;
  }
  return (from + to) / 2;
}

/**
 * Every drift that leaves room is possible: the offset at the start lies between the highest and
 * the lowest that any of them allows, which are at the ends, both bounds falling with the drift.
 */
function driftingError(
  upper: readonly Bound[],
  lower: readonly Bound[],
  bestPpm: number,
  offsetUs: number,
): number {
  const slowest = lastPossible(upper, lower, bestPpm, -2 * DRIFT_PPM_MAX);
  const fastest = lastPossible(upper, lower, bestPpm, 2 * DRIFT_PPM_MAX);
  const high = least(upper, slowest) + RESOLUTION_US;
  const low = greatest(lower, fastest) - RESOLUTION_US;
  return Math.max(high - offsetUs, offsetUs - low);
}

/** From a drift that leaves room towards one that does not. */
function lastPossible(
  upper: readonly Bound[],
  lower: readonly Bound[],
  possible: number,
  impossible: number,
): number {
  let [inside, outside] = [possible, impossible];
  for (let step = 0; step < SEARCH_STEPS; step++) {
    const middle = (inside + outside) / 2;
    if (lineFit(upper, lower, middle).errorUs >= 0) inside = middle;
    else outside = middle;
  }
  return outside;
}

/**
 * Seen from its own end a packet leaves first and its answer comes last, so what lies between is
 * longer there. The median of the differences, as round trips between the two capture points:
 * negative when the captures are swapped. Undefined: no pair of packets back and forth.
 */
export function middleRoundTripUs(pairs: readonly TimePair[]): number | undefined {
  const inOrder = [...pairs].sort((a, b) => a.clientUs - b.clientUs);
  const trips: number[] = [];
  for (let index = 1; index < inOrder.length; index++) {
    const [one, two] = [inOrder[index - 1], inOrder[index]];
    if (one === undefined || two === undefined || one.dir === two.dir) continue;
    const between = two.clientUs - one.clientUs - (two.serverUs - one.serverUs);
    trips.push(one.dir === CLIENT ? between : -between);
  }
  return trips.sort((a, b) => a - b)[trips.length >> 1];
}
