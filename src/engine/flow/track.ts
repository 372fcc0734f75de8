/**
 * What each segment teaches about its flow: SND.UNA, SND.NXT, windows, timestamps, FINs.
 *
 * Writes the halves; decides nothing. A middlebox may miss segments (a queue that overflowed, a
 * flow older than we are), so every variable catches up instead of insisting. RFC 9293 §3.10.7.4,
 * RFC 7323 §4.3.
 */
import { STAT_RETRANSMISSION } from '../codes.ts';
import type { Core } from '../core.ts';
import { ACK, FIN, type Segment, SYN } from '../wire/segment.ts';
import { seqAdd, seqDiff, seqLeq, seqLt } from '../wire/seq.ts';
import {
  HALF_FIN_SEEN,
  HALF_FLAGS,
  HALF_SACK_OFFERED,
  HALF_SYN_SEEN,
  HALF_TS_OFFERED,
  HALF_TS_ON,
  ISS,
  LAST_SEQ,
  LAST_WND,
  MAC_HASH,
  MSS,
  SEGMENT_COUNT,
  SND_CONT,
  SND_NXT,
  SND_UNA,
  SND_WND,
  TS_ECR,
  TS_VAL,
  TTL_SET,
  WND_SCALE,
} from './layout.ts';
import { onFin, onFinAcked } from './state.ts';

const HALF_SPACE = 0x40000000;

/** A SYN or SYN-ACK decides the numbering of the half that sends it. */
export function trackSyn(halves: Int32Array, sender: number, seg: Segment): void {
  halves[sender + ISS] = seg.segSeq;
  halves[sender + SND_UNA] = seg.segSeq;
  halves[sender + SND_NXT] = seqAdd(seg.segSeq, seg.segLen);
  halves[sender + SND_CONT] = seqAdd(seg.segSeq, 1);
  halves[sender + LAST_SEQ] = seg.segSeq;
  halves[sender + LAST_WND] = seg.segWnd;
  halves[sender + TS_VAL] = seg.tsVal;
  halves[sender + TS_ECR] = seg.tsEcr;
  halves[sender + WND_SCALE] = seg.wndScale;
  halves[sender + MSS] = seg.mss;
  halves[sender + HALF_FLAGS] =
    HALF_SYN_SEEN |
    (seg.sackPermitted !== 0 ? HALF_SACK_OFFERED : 0) |
    (seg.tsOff !== 0 ? HALF_TS_OFFERED : 0);
}

/** Starts both halves from one segment of a connection that is older than we are. */
export function trackPickedUp(
  halves: Int32Array,
  sender: number,
  peer: number,
  seg: Segment,
): void {
  halves[sender + ISS] = seg.segSeq;
  halves[sender + SND_UNA] = seg.segSeq;
  halves[sender + SND_NXT] = seg.segSeq;
  halves[sender + SND_CONT] = seg.segSeq;
  halves[sender + WND_SCALE] = -1;
  halves[sender + MSS] = -1;
  halves[peer + ISS] = seg.segAck;
  halves[peer + SND_UNA] = seg.segAck;
  halves[peer + SND_NXT] = seg.segAck;
  halves[peer + SND_CONT] = seg.segAck;
  halves[peer + WND_SCALE] = -1;
  halves[peer + MSS] = -1;
}

/** A segment with ACK and without SYN or RST, sent by `sender`. Numbers are the near end's. */
export function trackSegment(
  core: Core,
  halves: Int32Array,
  sender: number,
  peer: number,
  seg: Segment,
): void {
  const end = seqAdd(seg.segSeq, seg.segLen);
  if (seg.segLen > 0 && seqLeq(end, halves[sender + SND_NXT]!)) {
    core.counters[STAT_RETRANSMISSION] = core.counters[STAT_RETRANSMISSION]! + 1;
  }
  const cont = halves[sender + SND_CONT]!;
  if (seqLeq(seg.segSeq, cont) && seqLt(cont, end)) halves[sender + SND_CONT] = end;
  if (seqLt(halves[sender + SND_NXT]!, end)) halves[sender + SND_NXT] = end;
  halves[sender + LAST_SEQ] = seg.segSeq;
  halves[sender + LAST_WND] = seg.segWnd;
  if (halves[sender + SEGMENT_COUNT]! < 0x7fffffff) {
    halves[sender + SEGMENT_COUNT] = halves[sender + SEGMENT_COUNT]! + 1;
  }
  trackTimestamps(halves, sender, seg);
  trackAck(halves, sender, peer, seg);
  if ((seg.flags & FIN) !== 0 && (halves[sender + HALF_FLAGS]! & HALF_FIN_SEEN) === 0) {
    halves[sender + HALF_FLAGS] = halves[sender + HALF_FLAGS]! | HALF_FIN_SEEN;
    onFin(halves, sender, peer);
  }
}

function trackTimestamps(halves: Int32Array, sender: number, seg: Segment): void {
  if (seg.tsOff === 0) return;
  const on = (halves[sender + HALF_FLAGS]! & HALF_TS_ON) !== 0;
  if (on && seqLt(seg.tsVal, halves[sender + TS_VAL]!)) return;
  halves[sender + HALF_FLAGS] = halves[sender + HALF_FLAGS]! | HALF_TS_ON;
  halves[sender + TS_VAL] = seg.tsVal;
  halves[sender + TS_ECR] = seg.tsEcr;
}

/** SEG.ACK moves the peer's SND.UNA; what was acknowledged was also sent and received. */
function trackAck(halves: Int32Array, sender: number, peer: number, seg: Segment): void {
  if ((seg.flags & ACK) === 0) return;
  const ahead = seqDiff(seg.segAck, halves[peer + SND_UNA]!);
  if (ahead < 0 || ahead > HALF_SPACE) return;
  halves[peer + SND_UNA] = seg.segAck;
  if (seqLt(halves[peer + SND_NXT]!, seg.segAck)) halves[peer + SND_NXT] = seg.segAck;
  if (seqLt(halves[peer + SND_CONT]!, seg.segAck)) halves[peer + SND_CONT] = seg.segAck;
  const scale = (seg.flags & SYN) !== 0 ? 0 : scaleOf(halves, sender, peer);
  halves[peer + SND_WND] = seg.segWnd << scale;
  const finSent = (halves[peer + HALF_FLAGS]! & HALF_FIN_SEEN) !== 0;
  if (finSent && seg.segAck === halves[peer + SND_NXT]) onFinAcked(halves, peer);
}

/** The shift of SEG.WND: scaling is on only when both ends offered it (RFC 7323 §2.2). */
export function scaleOf(halves: Int32Array, sender: number, peer: number): number {
  const own = halves[sender + WND_SCALE]!;
  return own < 0 || halves[peer + WND_SCALE]! < 0 ? 0 : own;
}

/** Remembers a TTL (at most four, the oldest gives way) and the link-layer source. */
export function trackOrigin(halves: Int32Array, sender: number, ttl: number, mac: number): void {
  if (mac !== 0) halves[sender + MAC_HASH] = mac;
  if (knowsTtl(halves, sender, ttl)) return;
  halves[sender + TTL_SET] = (halves[sender + TTL_SET]! << 8) | ttl;
}

export function knowsTtl(halves: Int32Array, sender: number, ttl: number): boolean {
  const set = halves[sender + TTL_SET]!;
  return (
    (set & 0xff) === ttl ||
    ((set >>> 8) & 0xff) === ttl ||
    ((set >>> 16) & 0xff) === ttl ||
    set >>> 24 === ttl
  );
}
