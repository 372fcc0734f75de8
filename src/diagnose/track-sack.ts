/**
 * SACK blocks that one side sends, held against what the other has sent: blocks that name octets
 * which do not exist, and by what constant they are off. Units: octets. RFC 2018 §3, RFC 2883.
 *
 * When the hole below the highest block is filled, the acknowledgement that follows stands at that
 * block's right edge, in the numbers that are right: the difference is the offset (DESIGN: found
 * passively when a recovery completes). One such difference can be chance (an acknowledgement that
 * was lost); the same one twice is not.
 */
import { type Seq, seqDiff, seqLt } from '../engine/wire/seq.ts';
import type { Seen } from './flow.ts';
import { isApart, type NumbersTrack } from './track-numbers.ts';

const OFFSET_COUNT_MAX = 4;
/** The capture may have missed what a block that is a little ahead names. */
const NEAR_OCTETS = 1 << 16;

export class SackTrack {
  /** ACKs with blocks. */
  ackCount = 0;
  /** The first of them. */
  firstFrame = 0;
  /** ACKs with a block outside everything that was sent. */
  outCount = 0;
  /** Of these, so far outside that no missing packet explains it. */
  farCount = 0;
  outFrame = 0;
  outLastFrame = 0;
  outLeft: Seq = 0;
  outRight: Seq = 0;
  outAck: Seq = 0;
  outSndNxt: Seq = 0;
  /** Candidates for the offset, and how often each was found. */
  readonly offsets: Seq[] = [];
  readonly offsetCounts: number[] = [];
  /** Highest right edge of the last ACK with blocks that were outside; null: recovery is over. */
  private openRight: Seq | null = null;
  private openAck: Seq = 0;

  /** An acknowledgement without blocks may tell the offset of those before. */
  get isOpen(): boolean {
    return this.openRight !== null;
  }

  note(seen: Seen, about: NumbersTrack): void {
    const { sack } = seen.options;
    const ack = seen.segAck;
    if (ack === null) return;
    if (sack.length === 0) {
      if (this.openRight !== null && seqLt(this.openAck, ack)) {
        this.noteOffset(seqDiff(this.openRight, ack) | 0);
        this.openRight = null;
      }
      return;
    }
    this.ackCount += 1;
    if (this.firstFrame === 0) this.firstFrame = seen.frame;
    this.noteBlocks(seen, ack, about);
  }

  private noteBlocks(seen: Seen, ack: Seq, about: NumbersTrack): void {
    const { sack } = seen.options;
    const { sndNxt } = about;
    if (sndNxt === null || about.offCount > 0) return;
    let out = false;
    let far = false;
    let right: Seq | null = null;
    for (let at = 0; at + 1 < sack.length; at += 2) {
      const blockLeft = sack[at] ?? 0;
      const blockRight = sack[at + 1] ?? 0;
      // What is below was sent once and may be named again (D-SACK); above, nothing was sent.
      const ahead = seqDiff(blockRight, sndNxt);
      const below = seqDiff(ack, blockLeft);
      const apart = isApart(blockRight, ack) || isApart(blockLeft, ack);
      if (!apart && ahead <= NEAR_OCTETS && below <= 1 << 24) continue;
      if (!out && this.outCount === 0) this.keepFirst(seen, blockLeft, blockRight, ack, sndNxt);
      out = true;
      if (apart) far = true;
      if (right === null || seqLt(right, blockRight)) right = blockRight;
    }
    if (!out) return;
    this.outCount += 1;
    if (far) this.farCount += 1;
    this.outLastFrame = seen.frame;
    this.openRight = right;
    this.openAck = ack;
  }

  private keepFirst(seen: Seen, left: Seq, right: Seq, ack: Seq, sndNxt: Seq): void {
    this.outFrame = seen.frame;
    this.outLeft = left;
    this.outRight = right;
    this.outAck = ack;
    this.outSndNxt = seqLt(sndNxt, ack) ? ack : sndNxt; // it was sent, whether seen or not
  }

  private noteOffset(offset: Seq): void {
    const at = this.offsets.indexOf(offset);
    if (at >= 0) this.offsetCounts[at] = (this.offsetCounts[at] ?? 0) + 1;
    else if (this.offsets.length < OFFSET_COUNT_MAX) {
      this.offsets.push(offset);
      this.offsetCounts.push(1);
    }
  }

  /** The offset that was found most often, and how often; 0 times: none. */
  bestOffset(): { readonly offset: Seq; readonly count: number } {
    let best = 0;
    for (let at = 1; at < this.offsets.length; at++) {
      if ((this.offsetCounts[at] ?? 0) > (this.offsetCounts[best] ?? 0)) best = at;
    }
    return { offset: this.offsets[best] ?? 0, count: this.offsetCounts[best] ?? 0 };
  }
}
