/**
 * When a behaviour shows itself, and the small schemas that behaviours share. Every behaviour has
 * the four options of `SCHEDULE`; chances are drawn from the seed, for each connection anew. Owns
 * nothing. Times: ms.
 */
import * as v from 'valibot';

export const ms = v.pipe(v.number('must be a number of ms'), v.finite(), v.minValue(0, atLeast(0)));
/** Of chances and parts: 0 to 1. */
export const share = numberIn(0, 1, 'must be a part from 0 to 1', false);
export const count = v.pipe(wholeNumber(), v.minValue(0, atLeast(0)));
export const octet = numberIn(0, 255);

/** By whom a segment was sent. */
export const whose = v.picklist(['client', 'server', 'both']);
export type Whose = v.InferOutput<typeof whose>;

/** TTL of what a box makes up; 63 looks like a server one hop behind us. */
export const ttl = v.optional(octet, 63);

export const SCHEDULE = {
  /** From so long after the connection's first SYN; 0: from the SYN on. */
  fromMs: v.optional(ms, 0),
  /** Until so long after it; 0: to its end. */
  untilMs: v.optional(ms, 0),
  /** The chance that a connection is hit at all. */
  probability: v.optional(share, 1),
  /** Only the n-th connection that this box sees, from 1; 0: every one. */
  connection: v.optional(count, 0),
} as const;

export interface Schedule {
  readonly fromMs: number;
  readonly untilMs: number;
  readonly probability: number;
  readonly connection: number;
}

export function isOf(whose: Whose, fromClient: boolean): boolean {
  return whose === 'both' || (whose === 'client') === fromClient;
}

function atLeast(least: number): string {
  return `must be at least ${least}`;
}

function wholeNumber() {
  const says = 'must be a whole number';
  return v.pipe(v.number(says), v.integer(says));
}

/** Both ends included; the message says which they are. */
export function numberIn(
  low: number,
  high: number,
  says = `must be a whole number from ${low} to ${high}`,
  isWhole = true,
) {
  const isRight = (value: number) => !isWhole || Number.isInteger(value);
  return v.pipe(
    v.number(says),
    v.minValue(low, says),
    v.maxValue(high, says),
    v.check(isRight, says),
  );
}

export const ALWAYS: Schedule = { fromMs: 0, untilMs: 0, probability: 1, connection: 0 };
