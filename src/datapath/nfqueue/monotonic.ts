/**
 * CLOCK_MONOTONIC in milliseconds, the same in every thread and process of one boot. Owns nothing.
 * `performance.now()` is cheap (but for 16 bytes of heap a call: `microsecond-clock.ts`), and
 * starts at zero in each thread: a constant makes up for that, measured once.
 */

/** A thread that loses its processor between two readings reads again; at most so often. */
const READINGS_MAX = 100;
const APART_MS_MAX = 0.02;

/**
 * By how much `now` (ms) is behind `monotonic` (seconds, nanoseconds): by two readings of `now`
 * with one of `monotonic` in between, close to each other, or the closest there were. The error is
 * at most half of what lies between them.
 */
export function clockOffsetMs(
  monotonic: () => readonly [number, number],
  now: () => number,
): number {
  let closestMs = Number.POSITIVE_INFINITY;
  let offsetMs = 0;
  for (let i = 0; i < READINGS_MAX && closestMs > APART_MS_MAX; i++) {
    const beforeMs = now();
    const [seconds, nanoseconds] = monotonic();
    const apartMs = now() - beforeMs;
    if (apartMs >= closestMs) continue;
    closestMs = apartMs;
    offsetMs = seconds * 1000 + nanoseconds / 1e6 - beforeMs - apartMs / 2;
  }
  return offsetMs;
}

const OFFSET_MS = clockOffsetMs(
  () => process.hrtime(),
  () => performance.now(),
);

/** As the engine wants it: a canonical int32 that wraps after 24 days. */
export function engineMs(): number {
  return (performance.now() + OFFSET_MS) | 0;
}

/** The same clock in seconds, unwrapped: for what outlives a run. */
export function secondsSinceBoot(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds + nanoseconds / 1e9;
}
