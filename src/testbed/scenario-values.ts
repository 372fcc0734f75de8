/**
 * The kinds of values in scenario files, each with the sentence that says what is allowed. Owns
 * nothing. Times: ms.
 */
import * as v from 'valibot';

const MS_MAX = 600_000;
const OCTETS_MAX = 1 << 30;

const whole = (min: number, max: number) => {
  const says = `must be a whole number from ${min} to ${max}`;
  return v.pipe(v.number(says), v.integer(says), v.minValue(min, says), v.maxValue(max, says));
};

export const msSchema = whole(0, MS_MAX);
export const octetsSchema = whole(1, OCTETS_MAX);
export const countSchema = (max: number) => whole(1, max);

/** One number, or the least and the most of it. */
export type Bounds = readonly [least: number, most: number];

export function boundsSchema(max: number) {
  const says = `must be a number from 0 to ${max}, or two like [0.5, 1]`;
  const one = v.pipe(v.number(says), v.minValue(0, says), v.maxValue(max, says));
  const two = v.pipe(
    v.tuple([one, one], says),
    v.check(([least, most]) => least <= most, says),
  );
  return v.pipe(
    v.union([one, two], says),
    v.transform((given): Bounds => (typeof given === 'number' ? [given, given] : given)),
  );
}
