/** How many attempts of one way succeeded, and how long they took. Owns nothing. Times: ms. */
import { type Attempt, succeeded, type Way } from './attempt.ts';

export interface Summary {
  readonly ok: number;
  readonly count: number;
  /** Of those that succeeded, from the SYN to the server's first line; null: none. */
  readonly p50Ms: number | null;
}

export function successes(attempts: readonly Attempt[], port: number): ReadonlySet<Attempt> {
  const anyGreeted = attempts.some(({ outcome }) => outcome === 'greeted');
  return new Set(attempts.filter((attempt) => succeeded(attempt, anyGreeted, port)));
}

/** What was interrupted says nothing. */
export function summarize(attempts: readonly Attempt[], way: Way, port: number): Summary {
  const good = successes(attempts, port);
  const made = attempts.filter((one) => one.way === way && one.outcome !== 'stopped');
  const okMs = made.filter((one) => good.has(one)).map(({ ms }) => ms);
  okMs.sort((a, b) => a - b);
  const middle = okMs[Math.floor((okMs.length - 1) / 2)];
  return {
    ok: okMs.length,
    count: made.length,
    p50Ms: middle === undefined ? null : Math.round(middle * 100) / 100,
  };
}

/** `3/20`, and `(p50 18 ms)` where something succeeded. */
export function summaryText({ ok, count, p50Ms }: Summary): string {
  return `${ok}/${count}${p50Ms === null ? '' : ` (p50 ${p50Ms} ms)`}`;
}
