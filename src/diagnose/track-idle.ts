/**
 * Pauses of a connection, and whether it was alive behind them. A pause counts when nothing waited
 * for an acknowledgement: otherwise it is a loss. Owns the longest one that was survived and the
 * one that was not. Units: microseconds.
 */
import { RST } from '../engine/wire/segment.ts';
import type { Seq } from '../engine/wire/seq.ts';
import type { Direction, Seen } from './flow.ts';
import { hasFlags, UNKNOWN } from './packet-record.ts';

/** Shorter ones no firewall calls idle. */
export const PAUSE_US = 3_000_000;
const TIMER_US = 150_000;
const FRAME_COUNT_MAX = 16;

export class IdleTrack {
  /** The longest pause behind which the other side answered. */
  survivedUs = 0;
  /** Of the newest pause: who spoke first, 0 frames: it is over. */
  pauseUs = 0;
  wakes: Direction = 0;
  /** What it sent since, each by its own or its timer's wish. */
  readonly frames: number[] = [];
  tries = 0;
  /** The answer was a reset. */
  byReset = false;
  resetFrame = 0;
  firstTryUs = UNKNOWN;
  lastTryUs = UNKNOWN;
  private trySeq: Seq | null = null;

  /**
   * `sinceUs`: since the packet before. `settled`: nothing was outstanding when this one came.
   * `octets` of it want an answer; `again`: it repeats an octet (a retransmission, a keep-alive).
   */
  note(
    seen: Seen,
    dir: Direction,
    sinceUs: number,
    settled: boolean,
    octets: number,
    again: boolean,
  ): void {
    const asks = (octets > 0 || again) && !hasFlags(seen, RST);
    if (sinceUs >= PAUSE_US && settled && this.tries === 0 && asks) {
      this.begin(seen, dir, sinceUs);
      return;
    }
    if (this.tries === 0 || this.byReset) return;
    if (dir !== this.wakes) this.answer(seen);
    // New octets need not be a sign: the capture may have missed the answer to the old ones.
    else if (again && asks) this.tryAgain(seen);
  }

  /** No pause has to be answered. */
  get isQuiet(): boolean {
    return this.tries === 0;
  }

  private begin(seen: Seen, dir: Direction, sinceUs: number): void {
    this.pauseUs = sinceUs;
    this.wakes = dir;
    this.tries = 1;
    this.trySeq = seen.segSeq;
    this.frames.length = 0;
    this.frames.push(seen.frame);
    this.firstTryUs = seen.timeUs;
    this.lastTryUs = seen.timeUs;
  }

  private tryAgain(seen: Seen): void {
    // What is sent in one go is one try.
    if (seen.timeUs - this.lastTryUs < TIMER_US) return;
    // A timer repeats one octet; another one is another loss, whose answers the capture missed.
    this.tries = seen.segSeq === this.trySeq ? this.tries + 1 : 2;
    this.trySeq = seen.segSeq;
    this.lastTryUs = seen.timeUs;
    if (this.frames.length < FRAME_COUNT_MAX) this.frames.push(seen.frame);
  }

  private answer(seen: Seen): void {
    if (hasFlags(seen, RST)) {
      this.byReset = true;
      this.resetFrame = seen.frame;
      return;
    }
    this.survivedUs = Math.max(this.survivedUs, this.pauseUs);
    this.tries = 0;
  }
}
