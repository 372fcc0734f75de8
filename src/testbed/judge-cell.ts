/** Attempts become a cell of the matrix, held against what the scenario expects of it. */
import type { Cell } from './matrix-result.ts';
import type { Bounds } from './scenario-values.ts';
import type { Attempted } from './workload/attempt.ts';
import type { Expectation } from './workload/workload.ts';

const ERROR_COUNT_MAX = 3;

/** `cleanBitsPerSecond`: what the path carries without behaviours; 0 where it is not known. */
export function judgeCell(
  made: readonly Attempted[],
  expected: Expectation,
  cleanBitsPerSecond: number,
): Cell {
  const good = made.filter(({ ok }) => ok);
  const rates = made.flatMap(({ bitsPerSecond }) => bitsPerSecond ?? []);
  const bitsPerSecond = rates.length === 0 ? undefined : median(rates);
  const throughput =
    bitsPerSecond === undefined || cleanBitsPerSecond === 0
      ? undefined
      : bitsPerSecond / cleanBitsPerSecond;
  const success = made.length === 0 ? 0 : good.length / made.length;
  const unexpected = [
    outside('success', success, expected.success),
    outside('throughput', throughput ?? 0, expected.throughput),
  ].filter((phrase) => phrase !== '');
  return {
    ok: good.length,
    count: made.length,
    medianMs: Math.round(median(good.map(({ ms }) => ms))),
    ...(bitsPerSecond === undefined ? {} : { bitsPerSecond: Math.round(bitsPerSecond) }),
    ...(throughput === undefined ? {} : { throughput: round(throughput) }),
    errors: [...new Set(made.flatMap(({ error }) => error ?? []))].slice(0, ERROR_COUNT_MAX),
    unexpected,
  };
}

function outside(what: string, value: number, bounds: Bounds | undefined): string {
  if (bounds === undefined) return '';
  const [least, most] = bounds;
  if (value >= least && value <= most) return '';
  const wanted = least === most ? percent(least) : `${percent(least)} to ${percent(most)}`;
  return `${what} is ${percent(value)}, expected ${wanted}`;
}

export function percent(part: number): string {
  const hundredths = part * 100;
  const digits = hundredths > 0 && hundredths < 10 ? 1 : 0;
  return `${hundredths.toFixed(digits)} %`;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;
}

function round(part: number): number {
  return Math.round(part * 10_000) / 10_000;
}
