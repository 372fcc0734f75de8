/**
 * What the near end has lately said, by its own timestamps: which ACK was in use at which TSval,
 * and when the octets in flight left. An echoed TSval (RFC 7323 §4.3) then tells what the far end
 * has accepted, exactly or not at all.
 *
 * Owns a direct-mapped table: a newer flow takes the slot, and an empty history proves nothing.
 * Numbers are the near end's; TSvals compare serially.
 */
import { SPOKEN_COUNT } from '../limits.ts';
import { type Seq, seqLeq, seqLt } from '../wire/seq.ts';

export const S_FLOW = 0; // flow + 1
export const S_GENERATION = 1;
export const S_ACK_COUNT = 2; // ever noted
export const S_TS = 3; // newest TSval
export const S_FLIGHT_TS = 4; // TSval of the first octet in flight
export const S_SHORT_TS = 5; // newest TSval of a segment that ends below SND.NXT
export const S_KNOWN = 6; // bits of what below is known, and of the past
export const S_FAR_COUNT = 7; // ever noted, modulo FAR_COUNT
export const S_ACKS = 8; // ACK_COUNT times: ACK, first TSval, last TSval, engine ms of the first
export const ACK_WORDS = 4;
export const ACK_COUNT = 6;
export const S_FAR = 32; // FAR_COUNT times: SEQ of fresh data of the far end, its size, its first eight octets
export const FAR_WORDS = 4;
export const FAR_COUNT = 4;
/** An octet of the near end's that the far end may have. */
export const S_PENDING_SEQ = 48;
export const S_PENDING = 49;
/** One that it has, and whose: that stays true when the rest is forgotten. */
export const S_OCTET_SEQ = 50;
export const S_OCTET = 51;
export const S_OCTET_FLOW = 52; // flow + 1
export const S_OCTET_GENERATION = 53;
/** Who has sent one octet alone: that stays true as well. */
export const S_SINGLE_FLOW = 54; // flow + 1
export const S_SINGLE_GENERATION = 55;
export const SPOKEN_WORDS = 56;

export const FLIGHT_KNOWN = 1;
export const SHORT_KNOWN = 2;
export const OCTET_PENDING = 4;
export const RECALLED = 8;

export class Spoken {
  static readonly BYTES = SPOKEN_COUNT * SPOKEN_WORDS * 4;

  private readonly words: Int32Array;

  constructor(buffer: ArrayBufferLike) {
    this.words = new Int32Array(buffer);
  }

  /**
   * A segment of the near end that ends at `end`, before its flow is told: `una`, `nxt` are its
   * SND.UNA and SND.NXT so far. `whole`: it travels in one packet.
   */
  note(
    flow: number,
    generation: number,
    ack: Seq,
    tsVal: number,
    una: Seq,
    nxt: Seq,
    end: Seq,
    whole: boolean,
    nowMs: number,
  ): void {
    const words = this.words;
    const at = this.slot(flow);
    if (words[at + S_FLOW] !== flow + 1 || words[at + S_GENERATION] !== generation) {
      words.fill(0, at, at + S_OCTET_SEQ);
      words[at + S_FLOW] = flow + 1;
      words[at + S_GENERATION] = generation;
      words[at + S_TS] = tsVal;
    }
    if (seqLt(nxt, end)) {
      if (una === nxt) {
        words[at + S_FLIGHT_TS] = tsVal;
        words[at + S_KNOWN] = words[at + S_KNOWN]! | FLIGHT_KNOWN | SHORT_KNOWN;
      }
      words[at + S_SHORT_TS] = whole ? words[at + S_TS]! : tsVal;
    } else if (seqLt(end, nxt) || !whole) {
      words[at + S_SHORT_TS] = tsVal;
    }
    if (seqLt(words[at + S_TS]!, tsVal)) words[at + S_TS] = tsVal;
    this.noteAck(at, ack, tsVal, nowMs);
  }

  private noteAck(at: number, ack: Seq, tsVal: number, nowMs: number): void {
    const words = this.words;
    const count = words[at + S_ACK_COUNT]!;
    const newest = at + S_ACKS + ((count + ACK_COUNT - 1) % ACK_COUNT) * ACK_WORDS;
    if (count > 0 && seqLeq(ack, words[newest]!)) {
      if (ack === words[newest] && seqLt(words[newest + 2]!, tsVal)) words[newest + 2] = tsVal;
      return;
    }
    const to = at + S_ACKS + (count % ACK_COUNT) * ACK_WORDS;
    words[to] = ack;
    words[to + 1] = tsVal;
    words[to + 2] = tsVal;
    words[to + 3] = nowMs;
    words[at + S_ACK_COUNT] = count + 1 >= 4 * ACK_COUNT ? count + 1 - 2 * ACK_COUNT : count + 1;
  }

  /** Fresh data of the far end, in near numbers; `head` and `next` are its first eight octets. */
  noteFar(
    flow: number,
    generation: number,
    seq: Seq,
    octets: number,
    head: number,
    next: number,
  ): void {
    const words = this.words;
    const at = this.slot(flow);
    if (!this.knows(at, flow, generation)) return;
    const to = at + S_FAR + words[at + S_FAR_COUNT]! * FAR_WORDS;
    words[to] = seq;
    words[to + 1] = octets;
    words[to + 2] = head;
    words[to + 3] = next;
    words[at + S_FAR_COUNT] = (words[at + S_FAR_COUNT]! + 1) % FAR_COUNT;
  }

  /**
   * May data that begins with these octets be what the far end has sent before, behind any ACK from
   * that at `oldest` to the one before `rcvNxt`? Only what is known to differ is no repetition.
   */
  mayRepeat(
    flow: number,
    oldest: number,
    rcvNxt: Seq,
    octets: number,
    head: number,
    next: number,
  ): boolean {
    const words = this.words;
    const at = this.slot(flow);
    const count = words[at + S_ACK_COUNT]!;
    const kept = count < ACK_COUNT ? count : ACK_COUNT;
    for (let i = 0; i < kept; i++) {
      const ack = words[at + S_ACKS + i * ACK_WORDS]!;
      if (seqLt(ack, words[oldest]!) || seqLeq(rcvNxt, ack)) continue;
      if (this.mayBegin(at, ack, octets, head, next)) return true;
    }
    return false;
  }

  private mayBegin(at: number, seq: Seq, octets: number, head: number, next: number): boolean {
    const words = this.words;
    for (let i = 0; i < FAR_COUNT; i++) {
      const entry = at + S_FAR + i * FAR_WORDS;
      if (words[entry] !== seq || words[entry + 1] === 0) continue;
      const common = words[entry + 1]! < octets ? words[entry + 1]! : octets;
      const inHead = common < 4 ? common : 4;
      if ((words[entry + 2]! ^ head) >>> (32 - 8 * inHead) !== 0) return false;
      if (common <= 4) return true;
      const inNext = common < 8 ? common - 4 : 4;
      return (words[entry + 3]! ^ next) >>> (32 - 8 * inNext) === 0;
    }
    return true;
  }

  /** The first octet of a segment of the near end, of so many, behind `note`. */
  noteOctet(flow: number, generation: number, seq: Seq, octet: number, octets: number): void {
    const words = this.words;
    const at = this.slot(flow);
    if (octets === 1) this.noteSingle(flow, generation);
    if ((words[at + S_KNOWN]! & OCTET_PENDING) !== 0) return;
    words[at + S_PENDING_SEQ] = seq;
    words[at + S_PENDING] = octet;
    words[at + S_KNOWN] = words[at + S_KNOWN]! | OCTET_PENDING;
  }

  /** The far end acknowledges what lies below `ack`. */
  acknowledged(flow: number, generation: number, ack: Seq): void {
    const words = this.words;
    const at = this.slot(flow);
    if ((words[at + S_KNOWN]! & OCTET_PENDING) === 0 || !this.knows(at, flow, generation)) return;
    if (!seqLt(words[at + S_PENDING_SEQ]!, ack)) return;
    words[at + S_OCTET_SEQ] = words[at + S_PENDING_SEQ]!;
    words[at + S_OCTET] = words[at + S_PENDING]!;
    words[at + S_OCTET_FLOW] = flow + 1;
    words[at + S_OCTET_GENERATION] = generation;
    words[at + S_KNOWN] = words[at + S_KNOWN]! & ~OCTET_PENDING;
  }

  /** An octet that the far end has, or -1; `octetSeq` is its number. */
  octetKnown(flow: number, generation: number): number {
    const words = this.words;
    const at = this.slot(flow);
    if (words[at + S_OCTET_FLOW] !== flow + 1) return -1;
    return words[at + S_OCTET_GENERATION] === generation ? words[at + S_OCTET]! : -1;
  }

  /** The near end itself has sent one octet alone. */
  noteSingle(flow: number, generation: number): void {
    const at = this.slot(flow);
    this.words[at + S_SINGLE_FLOW] = flow + 1;
    this.words[at + S_SINGLE_GENERATION] = generation;
  }

  /** Is the near end known to have sent one octet alone? */
  sentSingle(flow: number, generation: number): boolean {
    const at = this.slot(flow);
    const isFlow = this.words[at + S_SINGLE_FLOW] === flow + 1;
    return isFlow && this.words[at + S_SINGLE_GENERATION] === generation;
  }

  octetSeq(flow: number): Seq {
    return this.words[this.slot(flow) + S_OCTET_SEQ]!;
  }

  /** Packets of the flow go by unseen: what was known proves nothing now, but for single octets. */
  forget(flow: number): void {
    const at = this.slot(flow);
    if (this.words[at + S_FLOW] === flow + 1) this.words[at + S_FLOW] = 0;
  }

  /**
   * The flow is looked at again, and its socket tells: `ack` is in use since `sinceMs`, which was
   * at the TSval `sinceTs` or before.
   */
  recall(
    flow: number,
    generation: number,
    ack: Seq,
    sinceTs: number,
    nowTs: number,
    sinceMs: number,
  ): void {
    const words = this.words;
    const at = this.slot(flow);
    words.fill(0, at, at + S_OCTET_SEQ);
    words[at + S_FLOW] = flow + 1;
    words[at + S_GENERATION] = generation;
    words[at + S_TS] = nowTs;
    words[at + S_ACKS] = ack;
    words[at + S_ACKS + 1] = seqLt(sinceTs, nowTs) ? sinceTs : nowTs;
    words[at + S_ACKS + 2] = nowTs;
    words[at + S_ACKS + 3] = sinceMs;
    words[at + S_ACK_COUNT] = 1;
    words[at + S_KNOWN] = RECALLED;
  }

  /** Behind `recall`: nothing that is in flight left before this TSval. */
  recallFlight(flow: number, tsVal: number): void {
    const at = this.slot(flow);
    this.words[at + S_FLIGHT_TS] = tsVal;
    this.words[at + S_KNOWN] = this.words[at + S_KNOWN]! | FLIGHT_KNOWN;
  }

  /**
   * Where the one ACK stands that was in use at this TSval, for `ackAt`; -1 when there was none,
   * or more than one.
   */
  ackInUse(flow: number, generation: number, tsVal: number): number {
    const words = this.words;
    const at = this.slot(flow);
    if (!this.knows(at, flow, generation)) return -1;
    const count = words[at + S_ACK_COUNT]!;
    const kept = count < ACK_COUNT ? count : ACK_COUNT;
    const oldest = count > ACK_COUNT ? (count - ACK_COUNT) % ACK_COUNT : -1;
    let found = -1;
    for (let i = 0; i < kept; i++) {
      const entry = at + S_ACKS + i * ACK_WORDS;
      if (seqLt(tsVal, words[entry + 1]!) || seqLt(words[entry + 2]!, tsVal)) continue;
      const maybeOlder = i === oldest && tsVal === words[entry + 1]; // what stood before is lost
      if (found >= 0 || maybeOlder) return -1;
      found = entry;
    }
    return found;
  }

  ackAt(entry: number): Seq {
    return this.words[entry]!;
  }

  /** TSval of the first segment with that ACK, or a later one. */
  firstTs(entry: number): number {
    return this.words[entry + 1]!;
  }

  /** Where the newest ACK stands, or -1. */
  newestAck(flow: number, generation: number): number {
    const at = this.slot(flow);
    const count = this.words[at + S_ACK_COUNT]!;
    if (!this.knows(at, flow, generation) || count === 0) return -1;
    return at + S_ACKS + ((count + ACK_COUNT - 1) % ACK_COUNT) * ACK_WORDS;
  }

  /** Is the newest ACK one that only the socket told? */
  isRecalled(flow: number): boolean {
    const at = this.slot(flow);
    return this.words[at + S_ACK_COUNT] === 1 && (this.words[at + S_KNOWN]! & RECALLED) !== 0;
  }

  /** Engine ms of the first segment with that ACK, or when its last octet came, or later. */
  firstMs(entry: number): number {
    return this.words[entry + 3]!;
  }

  /** Was nothing that is in flight now accepted by who echoes this TSval? */
  provesNothingNew(flow: number, generation: number, tsEcr: number): boolean {
    const at = this.slot(flow);
    if (!this.knows(at, flow, generation)) return false;
    if ((this.words[at + S_KNOWN]! & FLIGHT_KNOWN) === 0) return false;
    return seqLt(tsEcr, this.words[at + S_FLIGHT_TS]!);
  }

  /** Was everything that is in flight now accepted by who echoes this TSval? */
  provesAll(flow: number, generation: number, tsEcr: number): boolean {
    const at = this.slot(flow);
    if (!this.knows(at, flow, generation)) return false;
    if ((this.words[at + S_KNOWN]! & SHORT_KNOWN) === 0) return false;
    return seqLt(this.words[at + S_SHORT_TS]!, tsEcr);
  }

  private knows(at: number, flow: number, generation: number): boolean {
    return this.words[at + S_FLOW] === flow + 1 && this.words[at + S_GENERATION] === generation;
  }

  private slot(flow: number): number {
    return (flow % SPOKEN_COUNT) * SPOKEN_WORDS;
  }
}
