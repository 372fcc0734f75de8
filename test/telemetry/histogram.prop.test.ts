/** The histogram against a sorted list. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { HISTOGRAM_BYTES, Histogram, quantilesOf } from '../../src/telemetry/histogram.ts';

const fresh = () => new Histogram(new ArrayBuffer(HISTOGRAM_BYTES), 0);

describe('Histogram', () => {
  test('is empty at first', () => {
    expect(fresh().quantiles()).toEqual({ count: 0, p50: 0, p99: 0, p999: 0, max: 0 });
  });

  test('quantiles() is never below the true one, nor more than 3.2 % above it', () => {
    const value = fc.oneof(fc.nat(100), fc.nat(10_000), fc.nat(2 ** 24 - 1));
    const property = (rows: [number, number][]) => {
      const histogram = fresh();
      const all: number[] = [];
      for (const [v, weight] of rows) {
        histogram.record(v, weight);
        for (let i = 0; i < weight; i++) all.push(v);
      }
      all.sort((a, b) => a - b);
      const seen = histogram.quantiles();
      expect(seen.count).toBe(all.length);
      expect(seen.max).toBe(all.at(-1));
      for (const [share, got] of [
        [0.5, seen.p50],
        [0.99, seen.p99],
        [0.999, seen.p999],
      ] as const) {
        const want = all[Math.max(0, Math.ceil(all.length * share) - 1)] ?? 0;
        expect(got).toBeGreaterThanOrEqual(want);
        expect(got).toBeLessThanOrEqual(Math.max(want * 1.032, want));
      }
    };
    fc.assert(
      fc.property(
        fc.array(fc.tuple(value, fc.integer({ min: 1, max: 64 })), { minLength: 1, maxLength: 50 }),
        property,
      ),
    );
  });

  test('clips what is out of range and cuts fractions', () => {
    const histogram = fresh();
    histogram.record(-1, 1);
    histogram.record(3.9, 1);
    histogram.record(2 ** 40, 1);
    expect(histogram.quantiles()).toEqual({
      count: 3,
      p50: 3,
      p99: 2 ** 24 - 1,
      p999: 2 ** 24 - 1,
      max: 2 ** 24 - 1,
    });
  });

  test('is one and the same through two views of shared memory', () => {
    const buffer = new SharedArrayBuffer(HISTOGRAM_BYTES + 8);
    const writer = new Histogram(buffer, 8);
    const reader = new Histogram(buffer, 8);
    writer.record(7, 5);
    expect(reader.quantiles()).toEqual({ count: 5, p50: 7, p99: 7, p999: 7, max: 7 });
  });

  test('together are one that has recorded all of it', () => {
    const [one, other, all] = [fresh(), fresh(), fresh()];
    for (const [histogram, value, weight] of [
      [one, 5, 10],
      [other, 70, 3],
      [other, 5000, 1],
    ] as const) {
      histogram.record(value, weight);
      all.record(value, weight);
    }
    expect(quantilesOf([one, other])).toEqual(all.quantiles());
    expect(quantilesOf([])).toEqual({ count: 0, p50: 0, p99: 0, p999: 0, max: 0 });
  });
});
