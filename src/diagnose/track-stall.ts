/**
 * One side's octets that are sent again and again, and the time in which the other side has no room
 * for them. Only repetitions a timer makes count: a copy right behind the original is a network
 * or a capture that doubles packets. Owns the worst of each. Units: octets, microseconds.
 * RFC 6298 §2.4 (a timer runs for at least a second, Linux: 200 ms), RFC 9293 §3.8.6.1.
 */
import { type Seq, seqLeq } from '../engine/wire/seq.ts';
import type { Seen } from './flow.ts';
import { UNKNOWN } from './packet-record.ts';

/** Sooner than any timer sends again. */
const TIMER_US = 150_000;

export class StallTrack {
  /** The worst so far: how often the same octet was sent again by a timer. */
  count = 0;
  frame = 0;
  lastFrame = 0;
  firstUs = UNKNOWN;
  lastUs = UNKNOWN;
  seq: Seq = 0;
  octets = 0;
  /** It was acknowledged in the end. */
  answered = false;

  /** The longest time that the receiver of these octets had no room: its window was zero. */
  closedUs = 0;
  closedFrame = 0;
  openedFrame = 0;
  /** Asked again while there was no room. */
  closedProbes = 0;

  private nowSeq: Seq | null = null;
  private nowCount = 0;
  private nowFrame = 0;
  private nowFirstUs = UNKNOWN;
  private nowLastUs = UNKNOWN;
  private zeroSinceUs = UNKNOWN;
  private zeroFrame = 0;
  private zeroProbes = 0;

  /** A segment with octets that were sent before and are not acknowledged. */
  repeat(seen: Seen, segSeq: Seq): void {
    // Without times nothing tells a timer from a copy.
    if (seen.timeUs === UNKNOWN) return;
    if (this.zeroFrame !== 0) {
      this.zeroProbes += 1;
      return;
    }
    if (this.nowSeq !== segSeq) {
      this.nowSeq = segSeq;
      this.nowCount = 1;
      this.nowFrame = seen.frame;
      this.nowFirstUs = seen.timeUs;
    } else if (seen.timeUs - this.nowLastUs < TIMER_US) {
      return;
    } else this.nowCount += 1;
    this.nowLastUs = seen.timeUs;
    if (this.nowCount <= this.count) return;
    this.count = this.nowCount;
    this.frame = this.nowFrame;
    this.lastFrame = seen.frame;
    this.firstUs = this.nowFirstUs;
    this.lastUs = seen.timeUs;
    this.seq = segSeq;
    this.octets = seen.payloadOctets;
    this.answered = false;
  }

  /** Nothing is being repeated, and there is room. */
  get isQuiet(): boolean {
    return this.nowSeq === null && this.zeroFrame === 0;
  }

  /** The peer acknowledges up to `ack`, with this window. */
  hear(seen: Seen, ack: Seq): void {
    if (this.nowSeq !== null && !seqLeq(ack, this.nowSeq)) {
      if (this.count > 0 && this.seq === this.nowSeq) this.answered = true;
      this.nowSeq = null;
    }
    if (seen.segWnd === 0) this.close(seen);
    else if (this.zeroFrame !== 0 && seen.segWnd > 0) this.open(seen);
  }

  private close(seen: Seen): void {
    if (this.zeroFrame === 0) {
      this.zeroFrame = seen.frame;
      this.zeroSinceUs = seen.timeUs;
      this.zeroProbes = 0;
    }
    this.measure(seen, 0);
  }

  private open(seen: Seen): void {
    this.measure(seen, seen.frame);
    this.zeroFrame = 0;
  }

  private measure(seen: Seen, openedFrame: number): void {
    if (seen.timeUs === UNKNOWN || this.zeroSinceUs === UNKNOWN) return;
    const closedUs = seen.timeUs - this.zeroSinceUs;
    if (closedUs <= this.closedUs) return;
    this.closedUs = closedUs;
    this.closedFrame = this.zeroFrame;
    this.openedFrame = openedFrame;
    this.closedProbes = this.zeroProbes;
  }
}
