/**
 * A connection on which something was found or done: how many of its packets may still be written,
 * and what was said of it when no packet of it was in hand. Times: ms of the monotonic clock.
 */
import { TokenBucket } from '../../telemetry/token-bucket.ts';

/** Sentences that wait for a packet to stand at. */
const UNTOLD_COUNT_MAX = 8;
/** A flood of resets on one connection must not push out the evidence of all others. */
const PACKETS = 512;
const PACKET_MS = 10_000;

export class FollowedFlow {
  readonly generation: number;
  private untold: string[] = [];
  private readonly packets = new TokenBucket(PACKETS, 1 / PACKET_MS, 0);

  constructor(generation: number) {
    this.generation = generation;
  }

  sayLater(comment: string): void {
    if (this.untold.length < UNTOLD_COUNT_MAX) this.untold.push(comment);
  }

  takeUntold(): readonly string[] {
    const { untold } = this;
    if (untold.length > 0) this.untold = [];
    return untold;
  }

  /** May one more packet of it be written? */
  mayWrite(nowMs: number): boolean {
    return this.packets.take(1, nowMs);
  }
}
