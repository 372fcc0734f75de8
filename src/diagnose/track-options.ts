/**
 * Whether one side uses behind the handshake what the handshake agreed on: timestamps, SACK blocks,
 * scaled windows. Owns counts and the first frame of each.
 */
import type { Seen } from './flow.ts';
import { UNKNOWN } from './packet-record.ts';

export class OptionsTrack {
  stampedCount = 0;
  stampedFrame = 0;
  plainCount = 0;
  plainFrame = 0;
  /** Raw window of its first packet behind the SYN. */
  firstWnd = UNKNOWN;
  firstWndFrame = 0;

  get hasBegun(): boolean {
    return this.firstWnd !== UNKNOWN;
  }

  note(seen: Seen): void {
    this.count(seen.options.tsVal !== null, seen.frame);
    if (this.firstWnd === UNKNOWN) {
      this.firstWnd = seen.segWnd;
      this.firstWndFrame = seen.frame;
    }
  }

  count(isStamped: boolean, frame: number): void {
    if (isStamped) {
      this.stampedCount += 1;
      if (this.stampedFrame === 0) this.stampedFrame = frame;
    } else {
      this.plainCount += 1;
      if (this.plainFrame === 0) this.plainFrame = frame;
    }
  }
}
