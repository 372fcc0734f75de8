/**
 * The sights of a sequence jump, one after the other: which numbers they share, how often the far
 * end's oldest octet came, what was answered. The argument stands in `jump.ts`.
 *
 * Owns the R_JUMP words of the repair slot. Units: octets, ms.
 */
import { type Core, farHalf, generationOf, nearHalf, since } from '../core.ts';
import { probeWaits } from '../emit.ts';
import { FLOW_ROW_WORDS, RTT_MS, SND_NXT, SND_UNA, SND_WND, TS_ECR } from '../flow/layout.ts';
import {
  R_ARMED,
  R_JUMP_ACK,
  R_JUMP_AGAIN_MS,
  R_JUMP_ANSWERS,
  R_JUMP_AT_MS,
  R_JUMP_BEGAN_MS,
  R_JUMP_FLAGS,
  R_JUMP_HEAD_MS,
  R_JUMP_HEADS,
  R_JUMP_PROBED_MS,
  R_JUMP_PROBES,
  R_JUMP_RCV_NXT,
  R_JUMP_SEQ,
  R_JUMP_SIGHTS,
  R_JUMP_TS_ECR,
  R_JUMPING,
} from '../flow/repair-table.ts';
import { INFO_TRUNCATED } from '../verdict.ts';
import { get32 } from '../wire/bytes.ts';
import { seqDiff, seqLeq, seqLt } from '../wire/seq.ts';
import { ackIn, hasTimestamps, SLACK, seqIn } from './numbers.ts';
import { JUMP_DATA, JUMP_FRESH } from './shift.ts';

/** Answers count behind the second probe; more are for what is lost. */
const PROBES = 2;
const COPY_MS = 150;
/** Bit of R_JUMP_FLAGS: what the near end sent during the watch was acknowledged. */
export const JUMP_ADVANCED = 4;

export function begin(core: Core, flow: number, base: number): void {
  const words = core.repairs.words;
  words[base + R_ARMED] = words[base + R_ARMED]! | R_JUMPING;
  words[base + R_JUMP_BEGAN_MS] = core.nowMs;
  words[base + R_JUMP_RCV_NXT] = core.flows.halves[farHalf(core, flow) + SND_UNA]!;
  words[base + R_JUMP_FLAGS] = 0;
  words[base + R_JUMP_PROBES] = 0;
  restart(core, flow, base);
}

/** What is to be compared from here on: the sight in hand. */
function restart(core: Core, flow: number, base: number): void {
  const words = core.repairs.words;
  const seg = core.seg;
  words[base + R_JUMP_AT_MS] = core.nowMs;
  words[base + R_JUMP_SEQ] = seg.segSeq;
  words[base + R_JUMP_ACK] = seg.segAck;
  words[base + R_JUMP_TS_ECR] = seg.tsEcr;
  words[base + R_JUMP_SIGHTS] = 1;
  words[base + R_JUMP_HEADS] = seg.payloadBytes > 0 ? 1 : 0;
  words[base + R_JUMP_HEAD_MS] = core.nowMs;
  words[base + R_JUMP_ANSWERS] = 0;
  words[base + R_JUMP_FLAGS] = words[base + R_JUMP_FLAGS]! & ~JUMP_FRESH;
  if (isFresh(core, flow, base))
    words[base + R_JUMP_FLAGS] = words[base + R_JUMP_FLAGS]! | JUMP_FRESH;
  if (seg.segLen > 0) words[base + R_JUMP_FLAGS] = words[base + R_JUMP_FLAGS]! | JUMP_DATA;
}

/** Another segment in new numbers. */
export function see(core: Core, flow: number, base: number): void {
  const words = core.repairs.words;
  const seg = core.seg;
  const acksJumped = !ackIn(core, flow, words[base + R_JUMP_ACK]!);
  if (acksJumped !== !ackIn(core, flow, seg.segAck)) {
    restart(core, flow, base);
    return;
  }
  const seqJumped = !seqIn(core, flow, words[base + R_JUMP_SEQ]!);
  if (!seqIn(core, flow, seg.segSeq) === seqJumped && seqJumped) {
    const above = seqDiff(seg.segSeq, words[base + R_JUMP_SEQ]!);
    const room = SLACK + core.flows.halves[farHalf(core, flow) + SND_WND]!;
    if (above > room || above < -room) {
      restart(core, flow, base); // it has jumped again
      return;
    }
    if (above < 0) {
      lower(core, flow, base);
      return;
    }
    if (above !== 0) words[base + R_JUMP_FLAGS] = words[base + R_JUMP_FLAGS]! | JUMP_DATA;
  } else if (!seqIn(core, flow, seg.segSeq) !== seqJumped) {
    restart(core, flow, base);
    return;
  }
  // Segments that were beyond the firewall already are still acknowledged: V is not settled yet.
  if (
    acksJumped &&
    (seg.segAck !== words[base + R_JUMP_ACK] || echoesNewer(words, base, seg.tsEcr))
  ) {
    restartAcks(core, base);
  }
  noteAdvance(core, flow, base);
  words[base + R_JUMP_SIGHTS] = words[base + R_JUMP_SIGHTS]! + 1;
  if (seg.payloadBytes > 0) {
    words[base + R_JUMP_FLAGS] = words[base + R_JUMP_FLAGS]! | JUMP_DATA;
    if (seg.segSeq === words[base + R_JUMP_SEQ]) seeHead(core, flow, base);
  }
  const asked = words[base + R_JUMP_PROBES]! >= PROBES && !probeWaits(core, base);
  if (asked && words[base + R_JUMP_PROBED_MS] !== core.nowMs) {
    words[base + R_JUMP_ANSWERS] = words[base + R_JUMP_ANSWERS]! + 1;
  }
}

/**
 * The lowest number once more: by a timer, not a copy that the network made or a tail loss probe
 * (RFC 8985 §7.3: two round trips), and so the far end's oldest octet (RFC 6298 §5.4).
 */
function seeHead(core: Core, flow: number, base: number): void {
  const words = core.repairs.words;
  const waitMs = COPY_MS + 3 * core.flows.rows[flow * FLOW_ROW_WORDS + RTT_MS]!;
  if (words[base + R_JUMP_HEADS] === 0) words[base + R_JUMP_HEAD_MS] = core.nowMs;
  else if (since(core.nowMs, words[base + R_JUMP_HEAD_MS]!) < waitMs) return;
  words[base + R_JUMP_HEADS] = words[base + R_JUMP_HEADS]! + 1;
  if (words[base + R_JUMP_HEADS] === 2) words[base + R_JUMP_AGAIN_MS] = core.nowMs;
}

/** Is it data that is known not to have come before, in the old numbers? */
function isFresh(core: Core, flow: number, base: number): boolean {
  const seg = core.seg;
  if (seg.payloadBytes === 0 || (core.info & INFO_TRUNCATED) !== 0) return false;
  const echoed = core.flows.halves[farHalf(core, flow) + TS_ECR]!;
  const generation = generationOf(core, flow);
  const oldest = core.spoken.ackInUse(flow, generation, echoed);
  if (oldest < 0 || !hasTimestamps(core, flow)) return false;
  const rcvNxt = core.repairs.words[base + R_JUMP_RCV_NXT]!;
  const head = get32(core.buf, seg.payloadOff);
  const next = get32(core.buf, seg.payloadOff + 4);
  return !core.spoken.mayRepeat(flow, oldest, rcvNxt, seg.payloadBytes, head, next);
}

function echoesNewer(words: Int32Array, base: number, tsEcr: number): boolean {
  return seqLt(words[base + R_JUMP_TS_ECR]!, tsEcr);
}

function restartAcks(core: Core, base: number): void {
  const words = core.repairs.words;
  words[base + R_JUMP_AT_MS] = core.nowMs;
  words[base + R_JUMP_ACK] = core.seg.segAck;
  words[base + R_JUMP_TS_ECR] = core.seg.tsEcr;
}

/** A lower number than the first: the far end's oldest octet after all. */
function lower(core: Core, flow: number, base: number): void {
  const tsEcr = core.repairs.words[base + R_JUMP_TS_ECR]!;
  restart(core, flow, base);
  core.repairs.words[base + R_JUMP_TS_ECR] = tsEcr;
  core.repairs.words[base + R_JUMP_FLAGS] = core.repairs.words[base + R_JUMP_FLAGS]! | JUMP_DATA;
}

/** Without timestamps: does it acknowledge what the near end has sent since the watch began? */
function noteAdvance(core: Core, flow: number, base: number): void {
  const halves = core.flows.halves;
  const near = nearHalf(core, flow);
  const words = core.repairs.words;
  const ack = core.seg.segAck;
  if (!seqLt(words[base + R_JUMP_ACK]!, ack) || !seqLeq(ack, halves[near + SND_NXT]!)) return;
  if (ackIn(core, flow, ack))
    words[base + R_JUMP_FLAGS] = words[base + R_JUMP_FLAGS]! | JUMP_ADVANCED;
}
