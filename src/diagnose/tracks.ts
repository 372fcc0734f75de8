/**
 * What is followed packet by packet for the findings that need more than the kept packets. One call
 * a packet, in the order of the input; the record may be a reused one and is not kept. The state of
 * a connection is of fixed size.
 */
import { ACK, RST, SYN } from '../engine/wire/segment.ts';
import { type Seq, seqAdd, seqDiff, seqLeq, seqLt } from '../engine/wire/seq.ts';
import type { Direction, Seen } from './flow.ts';
import { hasFlags, UNKNOWN } from './packet-record.ts';
import { IdleTrack } from './track-idle.ts';
import { isApart, NumbersTrack } from './track-numbers.ts';
import { OptionsTrack } from './track-options.ts';
import { OriginTrack } from './track-origin.ts';
import { SackTrack } from './track-sack.ts';
import { StallTrack } from './track-stall.ts';

/** Of what one side sends. */
export class HalfTracks {
  readonly numbers = new NumbersTrack();
  readonly sack = new SackTrack();
  readonly stall = new StallTrack();
  readonly options = new OptionsTrack();
  readonly origin = new OriginTrack();
}

export class Tracks {
  readonly halves: readonly [HalfTracks, HalfTracks] = [new HalfTracks(), new HalfTracks()];
  readonly idle = new IdleTrack();
  private lastUs = UNKNOWN;

  /** `octets`: of sequence space. */
  note(seen: Seen, dir: Direction, octets: number): void {
    const own = this.halves[dir];
    const peer = this.halves[dir === 0 ? 1 : 0];
    const sinceUs =
      this.lastUs === UNKNOWN || seen.timeUs === UNKNOWN ? 0 : seen.timeUs - this.lastUs;
    if (seen.timeUs !== UNKNOWN) this.lastUs = seen.timeUs;
    const settled = own.numbers.isAcknowledged() && peer.numbers.isAcknowledged();
    const { sndNxt } = own.numbers;
    const again = sndNxt !== null && seen.segSeq !== null && seqLt(seen.segSeq, sndNxt);
    // Handshakes have findings of their own, and a repeated SYN-ACK may be another end point's.
    if (!hasFlags(seen, SYN)) this.idle.note(seen, dir, sinceUs, settled, octets, again);
    if (hasFlags(seen, RST)) return;
    own.origin.note(seen);
    if (hasFlags(seen, SYN)) {
      begin(own, seen);
      return;
    }
    own.options.note(seen);
    if (seen.segSeq === null) return;
    if (isOff(own, peer, seen, seen.segSeq)) return;
    noteOctets(own, seen, seen.segSeq, octets);
    if (seen.segAck === null || !hasFlags(seen, ACK)) return;
    peer.stall.hear(seen, seen.segAck);
    own.sack.note(seen, peer.numbers);
    peer.numbers.acknowledge(seen.segAck);
  }

  /** Of the next segment of this side, if it brings nothing new, only counts and numbers move. */
  isSteady(dir: Direction): boolean {
    const { numbers, origin, options, sack } = this.halves[dir];
    const peer = this.halves[dir === 0 ? 1 : 0];
    if (!numbers.isSettled || peer.numbers.offCount > 0) return false;
    if (numbers.sndNxt === null || peer.numbers.sndNxt === null) return false;
    const isOpen = sack.isOpen || !peer.stall.isQuiet || peer.numbers.sndUna === null;
    return origin.isAtFirst && options.hasBegun && !isOpen;
  }

  noteTime(timeUs: number): void {
    this.lastUs = timeUs;
  }
}

function begin({ numbers }: HalfTracks, seen: Seen): void {
  if (seen.segSeq === null || numbers.sndNxt !== null) return;
  numbers.sndNxt = seqAdd(seen.segSeq, 1);
  numbers.sndUna = numbers.sndNxt;
}

/** Far from where the numbers of either side stand: counted, and nothing else is made of it. */
function isOff(own: HalfTracks, peer: HalfTracks, seen: Seen, segSeq: Seq): boolean {
  const { numbers } = own;
  const { segAck } = seen;
  const from = numbers.sndNxt;
  const seqFar = numbers.isFar(segSeq);
  const ackFar = segAck !== null && peer.numbers.isFar(segAck) && peer.numbers.offCount === 0;
  if (from === null || (!seqFar && !ackFar)) return false;
  if (numbers.offCount === 0 || isApart(segSeq, numbers.offSeq)) {
    numbers.offCount = 0;
    numbers.offEchoes = 0;
    numbers.refusals = 0;
    numbers.offFrame = seen.frame;
    numbers.offUs = seen.timeUs;
    numbers.offSeq = segSeq;
    numbers.offFrom = from;
    numbers.offSeqBy = seqFar ? seqDiff(segSeq, from) : 0;
    numbers.offAckBy = ackFar ? seqDiff(segAck, peer.numbers.sndUna ?? segAck) : 0;
  }
  numbers.offCount += 1;
  numbers.offLastFrame = seen.frame;
  numbers.offLastUs = seen.timeUs;
  if (echoes(seen, peer.numbers)) numbers.offEchoes += 1;
  if (segAck !== null && !ackFar) peer.numbers.acknowledge(segAck);
  return true;
}

/** It echoes a time that the peer has told lately: it belongs to this connection. */
function echoes(seen: Seen, peer: NumbersTrack): boolean {
  const { tsEcr } = seen.options;
  if (tsEcr === null || peer.tsVal === null) return false;
  const age = seqDiff(peer.tsVal, tsEcr);
  return age >= 0 && age < 1 << 22;
}

function noteOctets(own: HalfTracks, seen: Seen, segSeq: Seq, octets: number): void {
  const { numbers } = own;
  if (seen.options.tsVal !== null) numbers.tsVal = seen.options.tsVal;
  const end = seqAdd(segSeq, octets);
  const { sndNxt, sndUna } = numbers;
  const repeated = octets > 0 && sndNxt !== null && seqLeq(end, sndNxt);
  if (repeated && (sndUna === null || !seqLt(segSeq, sndUna))) own.stall.repeat(seen, segSeq);
  numbers.settle(end);
}
