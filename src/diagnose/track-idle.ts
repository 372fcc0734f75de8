/**
 * Pauses of a connection, and whether it was alive behind them. A pause counts when nothing waited
 * for an acknowledgement: otherwise it is a loss. Owns the longest one that was survived and the
 * one that was not. Units: microseconds.
 */
import { RST } from '../engine/wire/segment.ts';
import type { Direction, Seen } from './flow.ts';
import { hasFlags, UNKNOWN } from './packet-record.ts';

/** Shorter ones no firewall calls idle. */
const PAUSE_US = 3_000_000;
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

  /** `sinceUs`: since the packet before. `settled`: nothing was outstanding when this one came. */
  note(seen: Seen, dir: Direction, sinceUs: number, settled: boolean): void {
    if (sinceUs >= PAUSE_US && settled && this.tries === 0 && !hasFlags(seen, RST)) {
      this.begin(seen, dir, sinceUs);
      return;
    }
    if (this.tries === 0 || this.byReset) return;
    if (dir === this.wakes) this.tryAgain(seen);
    else this.answer(seen);
  }

  private begin(seen: Seen, dir: Direction, sinceUs: number): void {
    this.pauseUs = sinceUs;
    this.wakes = dir;
    this.tries = 1;
    this.frames.length = 0;
    this.frames.push(seen.frame);
    this.firstTryUs = seen.timeUs;
    this.lastTryUs = seen.timeUs;
  }

  private tryAgain(seen: Seen): void {
    if (hasFlags(seen, RST)) return;
    // What is sent in one go is one try.
    if (seen.timeUs - this.lastTryUs < TIMER_US) return;
    this.tries += 1;
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
