/**
 * How many log lines there are of one code: a bucket of tokens each, filled again at a steady
 * rate. Lines for which there was none are counted, and told in one line a minute later. Owns the
 * buckets. Times: ms of the monotonic clock: one that is set back must not silence a code.
 */
import { TokenBucket } from './token-bucket.ts';

const BURST_LINES = 100;
const LINE_MS = 600;
const TOLD_MS = 60_000;

interface Lines {
  readonly bucket: TokenBucket;
  /** Lines not written since `missedMs`. */
  missed: number;
  missedMs: number;
}

export interface Suppressed {
  readonly code: string;
  readonly lines: number;
}

export class LogLimit {
  private readonly codes = new Map<string, Lines>();

  /** May one more line of this code be written? */
  take(code: string, nowMs: number): boolean {
    const lines = this.linesOf(code, nowMs);
    if (lines.bucket.take(1, nowMs)) return true;
    if (lines.missed === 0) lines.missedMs = nowMs;
    lines.missed++;
    return false;
  }

  private linesOf(code: string, nowMs: number): Lines {
    const had = this.codes.get(code);
    if (had !== undefined) return had;
    const bucket = new TokenBucket(BURST_LINES, 1 / LINE_MS, nowMs);
    const fresh = { bucket, missed: 0, missedMs: 0 };
    this.codes.set(code, fresh);
    return fresh;
  }

  /** What has waited a minute to be told; it is not told again. */
  suppressed(nowMs: number): readonly Suppressed[] {
    const told: Suppressed[] = [];
    for (const [code, lines] of this.codes) {
      if (lines.missed === 0 || nowMs - lines.missedMs < TOLD_MS) continue;
      told.push({ code, lines: lines.missed });
      lines.missed = 0;
    }
    return told;
  }
}
