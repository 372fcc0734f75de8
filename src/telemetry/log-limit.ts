/**
 * How many log lines there are of one code: a bucket of tokens each, filled again at a steady
 * rate. Lines for which there was none are counted, and told in one line a minute later. Owns the
 * buckets. Times: ms of the wall clock, which may be set back: then a bucket fills from there on,
 * and what is to be told is told at once.
 */
const BURST_LINES = 100;
const LINE_MS = 600;
const TOLD_MS = 60_000;

interface Bucket {
  tokens: number;
  filledAt: number;
  /** Lines not written since `missedAt`. */
  missed: number;
  missedAt: number;
}

export interface Suppressed {
  readonly code: string;
  readonly lines: number;
}

export class LogLimit {
  private readonly buckets = new Map<string, Bucket>();

  /** May one more line of this code be written? */
  take(code: string, nowDate: number): boolean {
    const bucket = this.bucketOf(code, nowDate);
    const waitedMs = Math.max(0, nowDate - bucket.filledAt);
    bucket.tokens = Math.min(BURST_LINES, bucket.tokens + waitedMs / LINE_MS);
    bucket.filledAt = nowDate;
    if (bucket.tokens >= 1) {
      bucket.tokens--;
      return true;
    }
    if (bucket.missed === 0) bucket.missedAt = nowDate;
    bucket.missed++;
    return false;
  }

  private bucketOf(code: string, nowDate: number): Bucket {
    const had = this.buckets.get(code);
    if (had !== undefined) return had;
    const full = { tokens: BURST_LINES, filledAt: nowDate, missed: 0, missedAt: 0 };
    this.buckets.set(code, full);
    return full;
  }

  /** What has waited a minute to be told; it is not told again. */
  suppressed(nowDate: number): readonly Suppressed[] {
    const told: Suppressed[] = [];
    for (const [code, bucket] of this.buckets) {
      const waitedMs = nowDate - bucket.missedAt;
      if (bucket.missed === 0 || (waitedMs >= 0 && waitedMs < TOLD_MS)) continue;
      told.push({ code, lines: bucket.missed });
      bucket.missed = 0;
    }
    return told;
  }
}
