/** The offset between two clocks lies within the error that is stated, whatever the delays are. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  estimateClock,
  middleRoundTripUs,
  type TimePair,
} from '../../../src/diagnose/both/clock-offset.ts';
import { CLIENT, SERVER } from '../../../src/diagnose/flow.ts';

interface Trip {
  readonly sentUs: number;
  readonly delayUs: number;
  readonly toServer: boolean;
}

const trips = fc.array(
  fc.record({
    sentUs: fc.integer({ min: 0, max: 60_000_000 }),
    delayUs: fc.integer({ min: 1, max: 300_000 }),
    toServer: fc.boolean(),
  }),
  { minLength: 2, maxLength: 60 },
);

function pairsOf(list: readonly Trip[], offsetUs: number, ppm: number): TimePair[] {
  const serverClock = (us: number) => us + offsetUs + (us * ppm) / 1e6;
  return list.map(({ sentUs, delayUs, toServer }) =>
    toServer
      ? { clientUs: sentUs, serverUs: serverClock(sentUs + delayUs), dir: CLIENT }
      : { clientUs: sentUs + delayUs, serverUs: serverClock(sentUs), dir: SERVER },
  );
}

const RUNS = { numRuns: 300, seed: 20_260_728 };

describe('estimateClock()', () => {
  it('holds its error for any delays', () => {
    fc.assert(
      fc.property(trips, fc.integer({ min: -5e9, max: 5e9 }), (list, offsetUs) => {
        const clock = estimateClock(pairsOf(list, offsetUs, 0));
        if (clock?.errorUs === undefined) return;
        expect(Math.abs(clock.offsetUs - offsetUs)).toBeLessThanOrEqual(clock.errorUs);
        expect([clock.driftPpm, clock.isStepped]).toEqual([0, false]);
      }),
      RUNS,
    );
  });

  it('holds its error at the start where a drift shows', () => {
    fc.assert(
      fc.property(trips, fc.integer({ min: -400, max: 400 }), (list, ppm) => {
        const clock = estimateClock(pairsOf(list, 1e6, ppm));
        if (clock?.errorUs === undefined || clock.driftPpm === 0) return;
        const truth = 1e6 + (clock.atUs * ppm) / 1e6;
        expect(Math.abs(clock.offsetUs - truth)).toBeLessThanOrEqual(clock.errorUs + 1);
        expect(clock.isStepped).toBe(false);
      }),
      RUNS,
    );
  });

  it('finds a drift that no constant offset explains', () => {
    const list = Array.from({ length: 100 }, (_, index) => ({
      sentUs: index * 600_000,
      delayUs: 200 + (index % 7),
      toServer: index % 2 === 0,
    }));
    const clock = estimateClock(pairsOf(list, 5000, 50));
    expect(clock?.driftPpm).toBeGreaterThan(35);
    expect(clock?.driftPpm).toBeLessThan(65);
  });

  it('says so when a clock was set', () => {
    const list = Array.from({ length: 100 }, (_, index) => ({
      sentUs: index * 10_000,
      delayUs: 200,
      toServer: index % 2 === 0,
    }));
    const pairs = pairsOf(list, 5000, 0).map((pair, index) =>
      index < 50 ? pair : { ...pair, serverUs: pair.serverUs + 5e6 },
    );
    expect(estimateClock(pairs)?.isStepped).toBe(true);
  });

  it('has no error to state when one direction is missing, and nothing without packets', () => {
    const one = pairsOf([{ sentUs: 5, delayUs: 10, toServer: true }], 100, 0);
    expect(estimateClock(one)).toMatchObject({ offsetUs: 110, errorUs: undefined });
    expect(estimateClock([])).toBeUndefined();
  });
});

it('middleRoundTripUs() is negative when the sides are swapped', () => {
  const list = [0, 1, 2, 3].map((index) => ({
    sentUs: index * 1000,
    delayUs: 100,
    toServer: index % 2 === 0,
  }));
  const pairs = pairsOf(list, 77, 0);
  expect(middleRoundTripUs(pairs)).toBe(200);
  const swapped = pairs.map(({ clientUs, serverUs, dir }) => {
    return { clientUs: serverUs, serverUs: clientUs, dir };
  });
  expect(middleRoundTripUs(swapped)).toBe(-200);
});
