/**
 * CLOCK_MONOTONIC in milliseconds, the same in every thread and process of one boot. Owns nothing.
 * `performance.now()` is cheap and allocates nothing once optimised, but starts at zero in each
 * thread: a constant makes up for that.
 */
const [seconds, nanoseconds] = process.hrtime();
const OFFSET_MS = seconds * 1000 + nanoseconds / 1e6 - performance.now();

/** As the engine wants it: a canonical int32 that wraps after 24 days. */
export function engineMs(): number {
  return (performance.now() + OFFSET_MS) | 0;
}

/** The same clock in seconds, unwrapped: for what outlives a run. */
export function secondsSinceBoot(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds + nanoseconds / 1e9;
}
