/**
 * Settled connections that this machine forwards: no socket here could be asked for their numbers.
 * Their empty segments go on being seen (`rules/model.ts`), and each is the word of its sender on
 * both directions: SEQ is its SND.NXT, ACK its RCV.NXT. What both ends say last in an exchange is
 * empty, so that of an idle connection everything is known, and of a busy one all but what is in
 * flight; 2 GiB and a wrap go by unnoticed only where no end says anything for as long.
 *
 * Blocked resets are checked with these numbers and the far end's answer, which is such a segment
 * too. What lies below the near end's last ACK is not exact for certain, the rest may be.
 *
 * Writes the halves, FLOW_OLD. Units: octets, ms. RFC 9293 §3.8.4, §3.10.7.4; DESIGN §4.2.
 */
import { type Core, clearFlags, farHalf, nearHalf, since } from '../core.ts';
import {
  ANCHORED_MS,
  ANSWERED_MS,
  FLOW_OLD,
  FLOW_ROW_WORDS,
  HALF_FLAGS,
  HALF_RST_PASSED,
  NEAR_TS_MS,
  SND_CONT,
  SND_NXT,
  SND_UNA,
} from '../flow/layout.ts';
import { trackSegment } from '../flow/track.ts';
import { ACK, RST, SYN } from '../wire/segment.ts';
import { seqDiff, seqLt } from '../wire/seq.ts';

/** Further than this from what is known nothing is nearer than the rest: it begins anew. */
const ASTRAY_OCTETS = 0x40000000;
/** A connection whose mark was taken may still be in the kernel for as long. */
const WAKES_MS = 500;

/** A segment with ACK of a settled connection, which goes on as it is. */
export function followSettled(core: Core, flow: number, toFar: boolean): void {
  const { seg } = core;
  const { rows, halves } = core.flows;
  const isNew = seg.segAck !== halves[nearHalf(core, flow) + SND_UNA];
  takeNumbers(core, flow, toFar);
  if (toFar) {
    // Timestamps for a probe in its name; whoever forges the far end's must not teach us any.
    trackSegment(core, halves, nearHalf(core, flow), farHalf(core, flow), seg);
    rows[flow * FLOW_ROW_WORDS + NEAR_TS_MS] = core.nowMs;
  } else if (seg.segLen === 0 && !isNew) {
    rows[flow * FLOW_ROW_WORDS + ANSWERED_MS] = core.nowMs;
  }
}

/** A segment of one whose bypass has ended; soon nothing of it is in the kernel any more. */
export function followWaking(core: Core, flow: number, toFar: boolean): void {
  if ((core.seg.flags & (SYN | RST | ACK)) !== ACK) return;
  takeNumbers(core, flow, toFar);
  if (toFar) return;
  const far = farHalf(core, flow) + HALF_FLAGS;
  core.flows.halves[far] = core.flows.halves[far]! & ~HALF_RST_PASSED;
  if (since(core.nowMs, core.flows.rows[flow * FLOW_ROW_WORDS + ANCHORED_MS]!) >= WAKES_MS) {
    clearFlags(core, flow, FLOW_OLD);
  }
}

/** The newest word counts, so that a forged one is forgotten with the next. */
export function takeNumbers(core: Core, flow: number, toFar: boolean): void {
  const { halves } = core.flows;
  const { segSeq, segAck, segLen } = core.seg;
  const sender = toFar ? nearHalf(core, flow) : farHalf(core, flow);
  const peer = toFar ? farHalf(core, flow) : nearHalf(core, flow);
  const acked = seqDiff(segAck, halves[peer + SND_NXT]!);
  if (acked > 0 || acked < -ASTRAY_OCTETS) {
    halves[peer + SND_NXT] = halves[peer + SND_CONT] = segAck;
  }
  if (acked > 0 || acked < -ASTRAY_OCTETS || segLen === 0) halves[peer + SND_UNA] = segAck;
  const sent = seqDiff(segSeq, halves[sender + SND_NXT]!);
  const isKeepAlive = sent === -1; // RFC 9293 §3.8.4
  if (sent > 0 || sent < -ASTRAY_OCTETS || (segLen === 0 && !isKeepAlive)) {
    halves[sender + SND_NXT] = halves[sender + SND_CONT] = segSeq;
    const astray = seqDiff(segSeq, halves[sender + SND_UNA]!);
    if (astray < 0 || astray > ASTRAY_OCTETS) halves[sender + SND_UNA] = segSeq;
  }
}

/** Is a reset's number one that the near end has certainly gone past, or cannot be at? */
export function isBeyond(core: Core, flow: number, seq: number): boolean {
  const acked = core.flows.halves[farHalf(core, flow) + SND_UNA]!;
  return seqLt(seq, acked) || seqDiff(seq, acked) > ASTRAY_OCTETS;
}
