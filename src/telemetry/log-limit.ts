/**
 * How many log lines there are of one code: a bucket of tokens each, filled again at a steady
 * rate. Lines for which there was none are counted, and told in one line a minute later. Owns the
 * buckets. Times: ms of the monotonic clock: one that is set back must not silence a code.
 */
const BURST_LINES = 100;
const LINE_MS = 600;
const TOLD_MS = 60_000;

interface Bucket {
  tokens: number;
  filledMs: number;
  /** Lines not written since `missedMs`. */
  missed: number;
  missedMs: number;
}

export interface Suppressed {
  readonly code: string;
  readonly lines: number;
}

export class LogLimit {
  private readonly buckets = new Map<string, Bucket>();

  /** May one more line of this code be written? */
  take(code: string, nowMs: number): boolean {
    const bucket = this.bucketOf(code, nowMs);
    const waitedMs = nowMs - bucket.filledMs;
    bucket.tokens = Math.min(BURST_LINES, bucket.tokens + waitedMs / LINE_MS);
    bucket.filledMs = nowMs;
    if (bucket.tokens >= 1) {
      bucket.tokens--;
      return true;
    }
    if (bucket.missed === 0) bucket.missedMs = nowMs;
    bucket.missed++;
    return false;
  }

  private bucketOf(code: string, nowMs: number): Bucket {
    const had = this.buckets.get(code);
    if (had !== undefined) return had;
    const full = { tokens: BURST_LINES, filledMs: nowMs, missed: 0, missedMs: 0 };
    this.buckets.set(code, full);
    return full;
  }

  /** What has waited a minute to be told; it is not told again. */
  suppressed(nowMs: number): readonly Suppressed[] {
    const told: Suppressed[] = [];
    for (const [code, bucket] of this.buckets) {
      if (bucket.missed === 0 || nowMs - bucket.missedMs < TOLD_MS) continue;
      told.push({ code, lines: bucket.missed });
      bucket.missed = 0;
    }
    return told;
  }
}
