/**
 * By how much the numbers of a watched flow have jumped: exactly, or not at all (the argument
 * stands in `jump.ts`). U is our ACK that the far end has accepted last, V the end of our data
 * that it has.
 *
 * Reads the watch in the repair slot, the halves and `core.spoken`. Units: octets.
 */
import { type Core, farHalf, flagsOf, generationOf, nearHalf, since } from '../core.ts';
import {
  FLOW_RESYNCED,
  FLOW_ROW_WORDS,
  RTT_MS,
  SND_CONT,
  SND_NXT,
  SND_UNA,
  TS_ECR,
} from '../flow/layout.ts';
import {
  R_JUMP_ACK,
  R_JUMP_AGAIN_MS,
  R_JUMP_AT_MS,
  R_JUMP_FLAGS,
  R_JUMP_HEAD_MS,
  R_JUMP_HEADS,
  R_JUMP_RCV_NXT,
  R_JUMP_SEQ,
  R_JUMP_TS_ECR,
} from '../flow/repair-table.ts';
import { seqDiff } from '../wire/seq.ts';
import { ackIn, hasTimestamps, seqIn } from './numbers.ts';

/** Bit of R_JUMP_FLAGS: the far end showed data, or more than one number. */
export const JUMP_DATA = 1;
/** The first data in new numbers repeats nothing that came in the old ones. */
export const JUMP_FRESH = 8;

/**
 * In this time an unacknowledged octet comes again four times (200 ms, doubling), or twice (1 s).
 */
const REPEATED_MS = 3000;

/** V, where TSecr and what is in flight leave no doubt: 1 SND.UNA, 2 SND.NXT, 0 not known. */
function acceptedEnd(core: Core, flow: number, base: number): number {
  const halves = core.flows.halves;
  const near = nearHalf(core, flow);
  if (halves[near + SND_UNA] === halves[near + SND_NXT]) return 1;
  if (!hasTimestamps(core, flow)) return 0;
  const generation = generationOf(core, flow);
  const tsEcr = core.repairs.words[base + R_JUMP_TS_ECR]!;
  if (core.spoken.provesNothingNew(flow, generation, tsEcr)) return 1;
  return core.spoken.provesAll(flow, generation, tsEcr) ? 2 : 0;
}

/**
 * Has the far end nothing outstanding, and the near end acknowledged all there was? Then U =
 * RCV.NXT.
 */
function isIdle(core: Core, flow: number, base: number): boolean {
  const words = core.repairs.words;
  if ((words[base + R_JUMP_FLAGS]! & JUMP_DATA) !== 0) return false;
  if (since(core.nowMs, words[base + R_JUMP_AT_MS]!) < repeatedMs(core, flow)) return false;
  return newestAccepted(core, flow, base, core.nowMs) >= 0;
}

function repeatedMs(core: Core, flow: number): number {
  return REPEATED_MS + 4 * core.flows.rows[flow * FLOW_ROW_WORDS + RTT_MS]!;
}

/** Our newest ACK in `core.spoken` if the far end surely has it, -1 otherwise. */
function newestAccepted(core: Core, flow: number, base: number, nowMs: number): number {
  const words = core.repairs.words;
  const generation = generationOf(core, flow);
  const newest = core.spoken.newestAck(flow, generation);
  const halves = core.flows.halves;
  const far = farHalf(core, flow);
  const rcvNxt = words[base + R_JUMP_RCV_NXT]!;
  // A gap is being repaired: what comes twice need not be the oldest octet.
  if (rcvNxt !== halves[far + SND_NXT] || rcvNxt !== halves[far + SND_CONT]) return -1;
  if (newest < 0 || core.spoken.ackAt(newest) !== rcvNxt) return -1;
  if (hasTimestamps(core, flow)) {
    const echoed = halves[far + TS_ECR]!; // in the old numbers still
    if (core.spoken.ackInUse(flow, generation, echoed) === newest) return newest;
    const ackJumped = !ackIn(core, flow, words[base + R_JUMP_ACK]!);
    const tsEcr = words[base + R_JUMP_TS_ECR]!;
    if (ackJumped && core.spoken.ackInUse(flow, generation, tsEcr) === newest) return newest;
  }
  // Its oldest octet is one that the near end has not had: all before was acknowledged to it.
  if ((words[base + R_JUMP_FLAGS]! & JUMP_FRESH) !== 0) return newest;
  // Of a flow that came back from the kernel nobody saw whether its path worked all the time.
  if (core.spoken.isRecalled(flow)) return -1;
  // Behind a first jump the far end's timer has backed off: how long says nothing.
  if ((flagsOf(core, flow) & FLOW_RESYNCED) !== 0) return -1;
  const outMs = since(nowMs, core.spoken.firstMs(newest));
  return outMs > repeatedMs(core, flow) ? newest : -1;
}

/** Where the one ACK that the far end can have accepted last stands in `core.spoken`, or -1. */
function acceptedAck(core: Core, flow: number, base: number): number {
  const words = core.repairs.words;
  if (!hasTimestamps(core, flow) || words[base + R_JUMP_HEADS]! < 2) return -1;
  const generation = generationOf(core, flow);
  const named = core.spoken.ackInUse(flow, generation, words[base + R_JUMP_TS_ECR]!);
  return named >= 0 ? named : unseen(core, flow, base);
}

/**
 * A timer that backs off (RFC 6298 §5.5) tells how old its octet is: younger than twice its last
 * wait, or four times that of one that does not double. First sent when the near end had all
 * before it, the oldest octet is one that never came: U is our newest ACK.
 */
function unseen(core: Core, flow: number, base: number): number {
  const words = core.repairs.words;
  const newest = core.spoken.newestAck(flow, generationOf(core, flow));
  const halves = core.flows.halves;
  const far = farHalf(core, flow);
  const rcvNxt = words[base + R_JUMP_RCV_NXT]!;
  if (rcvNxt !== halves[far + SND_NXT] || rcvNxt !== halves[far + SND_CONT]) return -1;
  if (newest < 0 || core.spoken.ackAt(newest) !== rcvNxt) return -1;
  const againMs = words[base + R_JUMP_AGAIN_MS]!;
  const oldestMs = againMs - 4 * since(againMs, words[base + R_JUMP_HEAD_MS]!);
  const hadMs = core.spoken.firstMs(newest) + 4 * core.flows.rows[flow * FLOW_ROW_WORDS + RTT_MS]!;
  return ((oldestMs - hadMs) | 0) > 0 ? newest : -1;
}

/**
 * The far end's numbers alone: with our SEQ as it was, it may have taken our data with an ACK that
 * meant nothing to it, and what it echoes now names no ACK. U is told by what it echoed before, or
 * by its timer; what it shows twice, or alone for so long, begins there.
 */
function isFarExact(core: Core, flow: number, base: number): boolean {
  const words = core.repairs.words;
  if (!hasTimestamps(core, flow)) return false;
  if (words[base + R_JUMP_HEADS]! >= 2) {
    return hasAllAcked(core, flow, base) || unseen(core, flow, base) >= 0;
  }
  if ((words[base + R_JUMP_FLAGS]! & JUMP_DATA) !== 0) return false;
  if (since(core.nowMs, words[base + R_JUMP_AT_MS]!) < repeatedMs(core, flow)) return false;
  return hasAllAcked(core, flow, base);
}

/** Has the far end, in the old numbers, echoed an ACK of all that it had sent? Then U is that. */
function hasAllAcked(core: Core, flow: number, base: number): boolean {
  const generation = generationOf(core, flow);
  const newest = core.spoken.newestAck(flow, generation);
  const halves = core.flows.halves;
  const far = farHalf(core, flow);
  const rcvNxt = core.repairs.words[base + R_JUMP_RCV_NXT]!;
  if (rcvNxt !== halves[far + SND_NXT] || rcvNxt !== halves[far + SND_CONT]) return false;
  if (newest < 0 || core.spoken.ackAt(newest) !== rcvNxt) return false;
  return core.spoken.ackInUse(flow, generation, halves[far + TS_ECR]!) === newest;
}

export function isExact(core: Core, flow: number, base: number): boolean {
  const words = core.repairs.words;
  const seqJumped = !seqIn(core, flow, words[base + R_JUMP_SEQ]!);
  const ackJumped = !ackIn(core, flow, words[base + R_JUMP_ACK]!);
  if (!ackJumped) return seqJumped && isFarExact(core, flow, base);
  if (acceptedEnd(core, flow, base) === 0) return false;
  return !seqJumped || isIdle(core, flow, base) || acceptedAck(core, flow, base) >= 0;
}

export function seqShift(core: Core, flow: number, base: number): number {
  const seq = core.repairs.words[base + R_JUMP_SEQ]!;
  if (seqIn(core, flow, seq)) return 0;
  if (ackIn(core, flow, core.repairs.words[base + R_JUMP_ACK]!)) {
    return seqDiff(seq, core.repairs.words[base + R_JUMP_RCV_NXT]!);
  }
  if (isIdle(core, flow, base)) return seqDiff(seq, core.repairs.words[base + R_JUMP_RCV_NXT]!);
  return seqDiff(seq, core.spoken.ackAt(acceptedAck(core, flow, base)));
}

export function ackShift(core: Core, flow: number, base: number): number {
  const ack = core.repairs.words[base + R_JUMP_ACK]!;
  if (ackIn(core, flow, ack)) return 0;
  const known = acceptedEnd(core, flow, base) === 1 ? SND_UNA : SND_NXT;
  return seqDiff(ack, core.flows.halves[nearHalf(core, flow) + known]!);
}
