/** Serial arithmetic against a BigInt model on the circle of 2^32 (RFC 9293 §3.4). */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatSeq, seqAdd, seqDiff, seqLeq, seqLt, seqMax } from '../../../src/engine/wire/seq.ts';
import { SEED, SEED_HINT } from '../../helpers/seed.ts';

const CIRCLE = 2n ** 32n;
const HALF = 2n ** 31n;
const options = { seed: SEED, numRuns: 2000 };

/** Steps from b forward to a, 0 <= steps < 2^32. */
function ahead(a: number, b: number): bigint {
  return (((BigInt(a) - BigInt(b)) % CIRCLE) + CIRCLE) % CIRCLE;
}

/** Near each other and anywhere, canonical or unsigned. */
const pair = fc.oneof(
  fc.tuple(fc.integer(), fc.integer()),
  fc.tuple(fc.integer(), fc.integer({ min: -3, max: 3 })).map(([a, d]) => [a, (a + d) | 0]),
  fc.tuple(fc.nat(0xffffffff), fc.nat(0xffffffff)),
) as fc.Arbitrary<[number, number]>;

describe(`serial arithmetic (${SEED_HINT})`, () => {
  it('seqLt() and seqLeq() agree with the model', () => {
    fc.assert(
      fc.property(pair, ([a, b]) => {
        const steps = ahead(b, a);
        expect(seqLt(a, b)).toBe(steps !== 0n && (steps < HALF || steps === HALF));
        expect(seqLeq(a, b)).toBe(steps === 0n || steps <= HALF);
      }),
      { ...options, examples: [[[0x7fffffff, -0x80000000]], [[-1, 0]], [[0, -0x80000000]]] },
    );
  });

  it('seqAdd() and seqDiff() invert each other and stay int32', () => {
    fc.assert(
      fc.property(pair, ([a, b]) => {
        const diff = seqDiff(a, b);
        expect(diff).toBe(diff | 0);
        expect(BigInt.asUintN(32, BigInt(diff))).toBe(ahead(a, b));
        expect(seqAdd(b, diff)).toBe(a | 0);
      }),
      options,
    );
  });

  it('seqMax() is the newer, formatSeq() unsigned', () => {
    fc.assert(
      fc.property(pair, ([a, b]) => {
        expect(seqMax(a, b)).toBe((seqLt(a, b) ? b : a) | 0);
        expect(BigInt(formatSeq(a))).toBe(BigInt.asUintN(32, BigInt(a)));
      }),
      options,
    );
  });
});
