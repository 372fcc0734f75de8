/**
 * Where the numbers of one side stand: how far it has sent, how far that is acknowledged, and
 * whether its segments have left for other numbers (`sequence-jump`). Copies what it keeps; nothing
 * is allocated a packet. Units: octets, microseconds.
 */
import { type Seq, seqDiff, seqLt } from '../engine/wire/seq.ts';
import { UNKNOWN } from './packet-record.ts';

/** Farther apart than this no window of a connection reaches; one jump in 64 is shorter. */
export const FAR_OCTETS = 1 << 25;

export class NumbersTrack {
  /** Highest SEG.SEQ + SEG.LEN, also by what the peer acknowledges: captures lose packets. */
  sndNxt: Seq | null = null;
  /** Highest that the peer has acknowledged. */
  sndUna: Seq | null = null;
  tsVal: Seq | null = null;
  /** So often the peer acknowledged octets that were not seen. */
  unseenCount = 0;

  // Segments that are off: far from where SEQ, or the peer's octets that they acknowledge, stand.
  offCount = 0;
  offFrame = 0;
  offLastFrame = 0;
  offUs = UNKNOWN;
  offLastUs = UNKNOWN;
  offSeq: Seq = 0;
  offAck: Seq = 0;
  /** What would have come next in the old numbers. */
  offFrom: Seq = 0;
  /** SEG.ACK of the first one, against what the peer has sent; 0: acknowledgements are right. */
  offSeqBy: Seq = 0;
  offAckBy: Seq = 0;
  /** So many of them echo a timestamp that the peer has sent. */
  offEchoes = 0;
  /** The peer has spoken since, and did not acknowledge the new numbers. */
  refusals = 0;

  /** A segment of this side that stands where it should: what was off was no jump. */
  settle(end: Seq): void {
    this.offCount = 0;
    this.refusals = 0;
    if (this.sndNxt === null || seqLt(this.sndNxt, end)) this.sndNxt = end;
  }

  isFar(seq: Seq): boolean {
    return this.sndNxt !== null && isApart(seq, this.sndNxt);
  }

  /** Nothing is off. */
  get isSettled(): boolean {
    return this.offCount === 0 && this.refusals === 0;
  }

  /** The peer acknowledges: what was taken for a jump is a gap in the capture if it is accepted. */
  acknowledge(ack: Seq): void {
    if (this.offCount > 0) {
      if (this.offSeqBy !== 0 && !isApart(ack, this.offSeq)) {
        this.settle(ack);
        this.sndNxt = ack;
        this.sndUna = ack;
        return;
      }
      this.refusals += 1;
    }
    if (this.isFar(ack)) return;
    if (this.sndUna === null || seqLt(this.sndUna, ack)) this.sndUna = ack;
    if (this.sndNxt === null) this.sndNxt = ack;
    else if (seqLt(this.sndNxt, ack)) {
      this.sndNxt = ack;
      this.unseenCount += 1;
    }
  }

  /** Nothing that it sent waits for an acknowledgement, as far as was seen. */
  isAcknowledged(): boolean {
    return this.sndNxt === null || this.sndUna === null || this.sndNxt === this.sndUna;
  }
}

export function isApart(a: Seq, b: Seq): boolean {
  const octets = seqDiff(a, b);
  return octets > FAR_OCTETS || octets < -FAR_OCTETS;
}
