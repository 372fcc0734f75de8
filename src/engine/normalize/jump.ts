// @pathology sequence-jump | RFC 9293 §3.4, RFC 7323 §4.3, §5 | translates SEQ, ACK, SACK | default on
/**
 * A firewall re-made its translation in mid-flow: from one segment to the next the numbers of one
 * or both directions are shifted by a constant. The near end refuses them, and nobody else is
 * asked.
 *
 * A *sight* is a segment outside every window of its flow whose TSecr lies between the newest
 * TSval that the far end has echoed and the newest that the near end has sent, and whose TSval is
 * not older than the far end's. Sights open a watch of WATCH_MS and two round trips, with two
 * probes 550 ms apart (Linux answers one per 500 ms). The flow moves only if in all that time no
 * segment came in the old numbers, at least two sights agree, one of them behind the second
 * probe, and the near end, having heard them, still acknowledges its old RCV.NXT.
 *
 * **Who cannot bring this about.** An off-path attacker must guess a TSecr among 2^32 that only
 * the path saw, in a range as wide as the flow was quiet (ten seconds: 2^-18.7 a packet; twice,
 * the same), and a TSval not older than the last; and if he does, the far end, which he cannot
 * silence, answers a probe in the old numbers, and the watch is over. Without timestamps a sight
 * says nothing, and acknowledgments must advance over octets that the near end sent during the
 * watch: 2^-32 by the window. An older connection of the same ports echoes TSvals from before
 * this one's SYN; where the ports are known to be re-used, where the flow is older than we are,
 * or without timestamps, nothing is done within 2 MSL of the SYN. A gap in what we saw (an
 * overload) is no jump: there the near end acknowledges the new numbers. A segment in the old
 * numbers cancels what was begun, at any time.
 *
 * **By how much** must be exact, or data would be lost or doubled unnoticed. What the far end has
 * accepted is U (our ACK) and V (our data). V is SND.UNA when nothing is in flight; otherwise
 * TSecr tells: older than the first octet in flight, V = SND.UNA; newer than all but the last, V
 * = SND.NXT. For U, what the far end has outstanding comes again, the oldest octet by its timer:
 * the lowest number of the watch. TSecr names the one ACK that was in use at that TSval, and
 * while our SEQ jumped as well nothing of ours was accepted since; and a timer that has backed off
 * tells that the octet was first sent when the near end had all before it. A far end that shows
 * nothing but empty segments of one number, for as long as an octet would need to come again, has
 * nothing outstanding: then U = RCV.NXT. If only the far end's numbers jumped, it may have taken
 * our data with an ACK that meant nothing to it, and what it echoes now proves nothing: U is known
 * only by that timer, or where it had echoed an ACK of all that it had sent (3 of 12,000 random
 * worlds put octets in the wrong place). Where several fit (bulk data within one tick), and on
 * every other doubt: pass unchanged, for good.
 *
 * **A flow that was settled** comes back with what its socket knows (`looks.ts`), and with TSvals
 * as old as its bypass: what a stranger has to guess is as wide as that (a day: 2^-6 a packet), so
 * that three probes must have stayed without an answer in the old numbers. What brought it back,
 * an INVALID packet or a socket in trouble, is no evidence of anything.
 *
 * Owns the watch in the repair slot. Units: octets, ms. DESIGN §4.4.
 */
import { RESYNCED, SEQUENCE_JUMP, STAT_RESYNC_CANCELLED } from '../codes.ts';
import {
  type Core,
  clearFlags,
  count,
  enforce,
  farHalf,
  flagsOf,
  isBehindRaw,
  nearHalf,
  repairBase,
  repairOf,
  setFlags,
  since,
  takeRepair,
} from '../core.ts';
import { acknowledgeAgain, askSocket, event, found, probe, probeWaits } from '../emit.ts';
import {
  BORN_MS,
  DELTA,
  FLOW_ANCHORED,
  FLOW_BYPASSED,
  FLOW_FORWARDED,
  FLOW_NO_JUMP,
  FLOW_NUMBERS_OLD,
  FLOW_OVER,
  FLOW_PICKED_UP,
  FLOW_PROVEN,
  FLOW_RESYNCED,
  FLOW_REUSED,
  FLOW_ROW_WORDS,
  FLOW_RULE,
  FLOW_TRANSLATED,
  INDEX_TRANSLATED,
  ISS,
  NEAR_DELTA,
  RTT_MS,
  SCALE_FIX,
  TS_DELTA,
  TS_ECR,
  TS_VAL,
} from '../flow/layout.ts';
import {
  R_ARMED,
  R_JUMP_ANSWERS,
  R_JUMP_AT_MS,
  R_JUMP_BEGAN_MS,
  R_JUMP_FLAGS,
  R_JUMP_PROBED_MS,
  R_JUMP_PROBES,
  R_JUMP_RCV_NXT,
  R_JUMP_SEQ,
  R_JUMP_SIGHTS,
  R_JUMPING,
} from '../flow/repair-table.ts';
import { TWO_MSL_MS } from '../limits.ts';
import { POLICY_OBSERVE } from '../memory.ts';
import { dropRule, wantRule } from '../rule-requests.ts';
import { VERDICT_ACCEPT, VERDICT_DROP } from '../verdict.ts';
import { get32 } from '../wire/bytes.ts';
import { seqAdd, seqLeq, seqLt } from '../wire/seq.ts';
import { disarm } from './held.ts';
import { hasTimestamps, inNumbers, seqIn } from './numbers.ts';
import { ackShift, isExact, seqShift } from './shift.ts';
import { begin, JUMP_ADVANCED, see } from './sights.ts';
import { GO_ON, rewriteIn } from './translate.ts';

/**
 * Longer than the far end's retransmission timer (RFC 6298: 200 ms and the round trip in Linux).
 */
const WATCH_MS = 650;
const SECOND_PROBE_MS = 550;
const PROBES_MAX = 8;
/** Of a flow that was settled, before it moves. */
const PROBES_BYPASSED = 3;
const GIVE_UP_MS = 15_000;

/** Bit of R_JUMP_FLAGS: the near end spoke, and has taken nothing. */
const JUMP_NEAR = 2;

/**
 * A segment with ACK from the far end, in the numbers valid so far. GO_ON: it is in them, or the
 * flow is none to watch; otherwise its verdict.
 */
export function normalizeJump(core: Core, flow: number): number {
  const flags = flagsOf(core, flow);
  if (!mayJump(flags)) return GO_ON;
  if (inNumbers(core, flow, core.seg.segSeq, core.seg.segAck)) {
    if (isWatching(core, flow)) endWatch(core, flow);
    return GO_ON;
  }
  if (!isCredible(core, flow, flags)) return VERDICT_ACCEPT;
  const slot = takeRepair(core, flow);
  if (slot < 0) return VERDICT_ACCEPT;
  const base = repairBase(slot);
  if ((core.repairs.words[base + R_ARMED]! & R_JUMPING) === 0) begin(core, flow, base);
  else see(core, flow, base);
  return decide(core, flow, base);
}

function mayJump(flags: number): boolean {
  // Of what was settled and is forwarded nobody can say what is in flight (`forwarded.ts`).
  if ((flags & (FLOW_NUMBERS_OLD | FLOW_FORWARDED)) !== 0) return false;
  const live = flags & (FLOW_ANCHORED | FLOW_PROVEN | FLOW_OVER | FLOW_NO_JUMP);
  if (live !== (FLOW_ANCHORED | FLOW_PROVEN)) return false;
  // A re-anchored flow has its own rule for old numbers: there they are a contradiction.
  return (flags & (FLOW_TRANSLATED | FLOW_RESYNCED)) !== FLOW_TRANSLATED;
}

/** Does it echo what only this connection's path has seen, and is no older connection possible? */
function isCredible(core: Core, flow: number, flags: number): boolean {
  const seg = core.seg;
  const halves = core.flows.halves;
  const near = nearHalf(core, flow);
  const far = farHalf(core, flow);
  const ageMs = since(core.nowMs, core.flows.rows[flow * FLOW_ROW_WORDS + BORN_MS]!);
  const stamped = hasTimestamps(core, flow);
  const doubtful = !stamped || (flags & (FLOW_REUSED | FLOW_PICKED_UP)) !== 0;
  if (doubtful && ageMs < TWO_MSL_MS) return false;
  if (!stamped) return seg.tsOff === 0;
  return (
    seg.tsOff !== 0 &&
    seqLeq(seg.tsEcr, halves[near + TS_VAL]!) &&
    seqLeq(halves[far + TS_ECR]!, seg.tsEcr) &&
    seqLeq(halves[far + TS_VAL]!, seg.tsVal)
  );
}

export function isWatching(core: Core, flow: number): boolean {
  const slot = repairOf(core, flow);
  return slot >= 0 && (core.repairs.words[repairBase(slot) + R_ARMED]! & R_JUMPING) !== 0;
}

/** A segment of the near end during the watch: has it accepted any of the new numbers? */
export function hearNear(core: Core, flow: number): void {
  if (!isWatching(core, flow)) return;
  const words = core.repairs.words;
  const base = repairBase(repairOf(core, flow));
  const rcvNxt = words[base + R_JUMP_RCV_NXT]!;
  const seg = core.seg;
  let accepted = seg.segAck !== rcvNxt;
  for (let i = 0; i < seg.sackCount; i++) {
    const left = get32(core.buf, seg.sackOff + 8 * i);
    // Below RCV.NXT it is a D-SACK of what was refused; ahead of it, something was taken.
    if (seqLt(rcvNxt, left) && !seqIn(core, flow, left)) accepted = true;
  }
  if (accepted) endWatch(core, flow);
  else if (words[base + R_JUMP_SIGHTS]! >= 2) {
    words[base + R_JUMP_FLAGS] = words[base + R_JUMP_FLAGS]! | JUMP_NEAR;
  }
}

/**
 * The near end's socket has received so many octets. Where other people's rules drop what is
 * INVALID, the near end hears of no sight, and says nothing.
 */
export function hearSocket(core: Core, flow: number, received: number): void {
  if (!isWatching(core, flow)) return;
  const words = core.repairs.words;
  const base = repairBase(repairOf(core, flow));
  const rcvNxt = seqAdd(core.flows.halves[farHalf(core, flow) + ISS]!, 1 + received);
  if (seqLt(words[base + R_JUMP_RCV_NXT]!, rcvNxt)) endWatch(core, flow);
  else if (words[base + R_JUMP_SIGHTS]! >= 2 && rcvNxt === words[base + R_JUMP_RCV_NXT]) {
    words[base + R_JUMP_FLAGS] = words[base + R_JUMP_FLAGS]! | JUMP_NEAR;
  }
}

/** Moves the flow when everything is settled; the verdict of the segment in hand. */
function decide(core: Core, flow: number, base: number): number {
  const words = core.repairs.words;
  const rttMs = core.flows.rows[flow * FLOW_ROW_WORDS + RTT_MS]!;
  if (!isWatching(core, flow)) return VERDICT_ACCEPT;
  if (since(core.nowMs, words[base + R_JUMP_AT_MS]!) < WATCH_MS + 2 * rttMs) return VERDICT_ACCEPT;
  if (words[base + R_JUMP_SIGHTS]! < 2) return VERDICT_ACCEPT;
  const flags = words[base + R_JUMP_FLAGS]!;
  if ((flags & JUMP_NEAR) === 0) return VERDICT_ACCEPT;
  if (!hasTimestamps(core, flow) && (flags & JUMP_ADVANCED) === 0) return VERDICT_ACCEPT;
  const observe = core.policy[POLICY_OBSERVE] !== 0;
  if (!observe) {
    if (words[base + R_JUMP_ANSWERS] === 0 || isBehindRaw(core)) return VERDICT_ACCEPT;
    const bypassed = (flagsOf(core, flow) & FLOW_BYPASSED) !== 0;
    if (bypassed && words[base + R_JUMP_PROBES]! < PROBES_BYPASSED) return VERDICT_ACCEPT;
    if ((flagsOf(core, flow) & FLOW_RULE) === 0) return VERDICT_ACCEPT;
  }
  if (!isExact(core, flow, base)) return VERDICT_ACCEPT;
  return resync(core, flow, base);
}

function resync(core: Core, flow: number, base: number): number {
  const rows = core.flows.rows;
  const row = flow * FLOW_ROW_WORDS;
  const words = core.repairs.words;
  const seqBy = seqShift(core, flow, base);
  const ackBy = ackShift(core, flow, base);
  const afterMs = since(core.nowMs, words[base + R_JUMP_BEGAN_MS]!);
  const rcvNxt = words[base + R_JUMP_RCV_NXT]!;
  found(core, flow, SEQUENCE_JUMP, words[base + R_JUMP_SEQ]!, rcvNxt, seqBy, ackBy, afterMs);
  if (!enforce(core, RESYNCED)) {
    giveUp(core, flow);
    return VERDICT_ACCEPT;
  }
  event(core, flow, RESYNCED, SEQUENCE_JUMP, seqBy, ackBy, afterMs, 0, 0);
  const again = (flagsOf(core, flow) & FLOW_RESYNCED) !== 0;
  rows[row + DELTA] = seqAdd(again ? rows[row + DELTA]! : 0, seqBy);
  rows[row + NEAR_DELTA] = seqAdd(again ? rows[row + NEAR_DELTA]! : 0, ackBy);
  if (!again) {
    rows[row + TS_DELTA] = 0;
    rows[row + SCALE_FIX] = 0;
    core.flows.index[INDEX_TRANSLATED] = core.flows.index[INDEX_TRANSLATED]! + 1;
  }
  setFlags(core, flow, FLOW_TRANSLATED | FLOW_RESYNCED);
  closeWatch(core, flow);
  acknowledgeAgain(core, flow);
  return rewriteIn(core, flow) ? GO_ON : VERDICT_DROP;
}

/** The old numbers came after all: as it was before. */
export function cancelResync(core: Core, flow: number): void {
  if (isWatching(core, flow)) closeWatch(core, flow);
  clearFlags(core, flow, FLOW_TRANSLATED | FLOW_RESYNCED);
  core.flows.index[INDEX_TRANSLATED] = core.flows.index[INDEX_TRANSLATED]! - 1;
  count(core, STAT_RESYNC_CANCELLED);
  dropRule(core, flow);
}

export function tickJump(core: Core, slot: number, flow: number): void {
  const words = core.repairs.words;
  const base = repairBase(slot);
  if (since(core.nowMs, words[base + R_JUMP_BEGAN_MS]!) > GIVE_UP_MS) {
    giveUp(core, flow);
    return;
  }
  if (core.policy[POLICY_OBSERVE] !== 0) return;
  wantRule(core, flow);
  const probes = words[base + R_JUMP_PROBES]!;
  const pausedMs = since(core.nowMs, words[base + R_JUMP_PROBED_MS]!);
  if (probes >= PROBES_MAX || probeWaits(core, base)) return;
  if (probes > 0 && pausedMs < SECOND_PROBE_MS) return;
  words[base + R_JUMP_PROBES] = probes + 1;
  words[base + R_JUMP_PROBED_MS] = core.nowMs;
  probe(core, flow, SEQUENCE_JUMP, probes + 1);
  if ((flagsOf(core, flow) & FLOW_PICKED_UP) === 0) askSocket(core, flow);
}

/** It cannot be told: this flow is left alone from now on. */
function giveUp(core: Core, flow: number): void {
  setFlags(core, flow, FLOW_NO_JUMP);
  endWatch(core, flow);
}

function endWatch(core: Core, flow: number): void {
  closeWatch(core, flow);
  if ((flagsOf(core, flow) & FLOW_TRANSLATED) === 0) dropRule(core, flow);
}

function closeWatch(core: Core, flow: number): void {
  const slot = repairOf(core, flow);
  if (slot < 0) return;
  const base = repairBase(slot);
  core.repairs.words[base + R_ARMED] = core.repairs.words[base + R_ARMED]! & ~R_JUMPING;
  disarm(core, flow, slot);
}
