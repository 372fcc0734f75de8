/**
 * A bucket of tokens that fills at a steady rate: how much may be done at once, and how much for
 * ever. Full at first. Owns its level. Times: ms of the monotonic clock.
 */
export class TokenBucket {
  private readonly size: number;
  private readonly tokensPerMs: number;
  private level: number;
  private filledMs: number;

  constructor(size: number, tokensPerMs: number, nowMs: number) {
    this.size = size;
    this.tokensPerMs = tokensPerMs;
    this.level = size;
    this.filledMs = nowMs;
  }

  /** False, and nothing is taken: so many are not there. */
  take(tokens: number, nowMs: number): boolean {
    const more = (nowMs - this.filledMs) * this.tokensPerMs;
    this.level = Math.min(this.size, this.level + more);
    this.filledMs = nowMs;
    if (this.level < tokens) return false;
    this.level -= tokens;
    return true;
  }
}
