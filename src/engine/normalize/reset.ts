// @pathology false-reset | RFC 9293 §3.10.7.4, RFC 5961 §3.2 | holds and checks resets | default on
/**
 * A reset with exactly the acceptable number proves nothing: it is what a second end point sends.
 * Inexact ones always pass (the host decides). Exact ones pass at once unless the flow is tainted,
 * the reset comes from elsewhere (TTL, MAC), its address has two origins (provenance.ts), or
 * nothing but the SYN-ACK has come from the far end yet. Those are checked, not waited out: copied
 * and dropped, one keep-alive is sent; a segment at or behind the reset's number refutes it,
 * silence delivers it.
 *
 * Owns the check in the repair slot. Times: ms. DESIGN §4.2.
 */
import {
  DUPLICATE_ADDRESS,
  RST_AFTER_CONFLICT,
  RST_DROPPED,
  RST_FOREIGN,
  RST_HELD,
  RST_INEXACT,
  RST_REFUTED,
  STAT_RST_PASSED,
} from '../codes.ts';
import {
  type Core,
  count,
  enforce,
  farHalf,
  flagsOf,
  isTainted,
  learnPath,
  leaveBypass,
  nearHalf,
  repairBase,
  repairOf,
  setFlags,
  since,
  takeRepair,
} from '../core.ts';
import { askSocket, event, found, probe, probeWaits } from '../emit.ts';
import {
  BORN_MS,
  FLOW_ANCHORED,
  FLOW_FORWARDED,
  FLOW_NEAR_RESPONDS,
  FLOW_NUMBERS_OLD,
  FLOW_OVER,
  FLOW_PICKED_UP,
  FLOW_PROVEN,
  FLOW_REFUTED,
  FLOW_ROW_WORDS,
  FLOW_TAINTED,
  HALF_FLAGS,
  HALF_RST_PASSED,
  HALF_RST_SEEN,
  ISS,
  SND_CONT,
  SND_NXT,
  TAINT_AT_MS,
  TTL_SET,
} from '../flow/layout.ts';
import { FACT_FAULTY } from '../flow/path-table.ts';
import {
  OLD_ASKS_SOCKET,
  OLD_FORWARDED,
  R_ARMED,
  R_CHECK_AGAIN_MS,
  R_CHECK_AT_MS,
  R_CHECK_CAUSE,
  R_CHECK_DEADLINE_MS,
  R_CHECK_OLD,
  R_CHECK_OTHERS,
  R_CHECK_PROBE_MS,
  R_CHECK_PROBES,
  R_CHECK_PROBES_LEFT,
  R_CHECK_SEQ,
  R_CHECKING,
} from '../flow/repair-table.ts';
import { endFlow } from '../lifecycle.ts';
import { HELD_BYTES } from '../limits.ts';
import { POLICY_OBSERVE } from '../memory.ts';
import { VERDICT_ACCEPT, VERDICT_DROP } from '../verdict.ts';
import { seqAdd, seqLeq, seqLt } from '../wire/seq.ts';
import { arm, isProvoked, postpone } from './check-pace.ts';
import { isExact, maybeExact } from './exact.ts';
import { isBeyond } from './forwarded.ts';
import {
  aliveAgain,
  disarm,
  holdReset,
  judgeHeld,
  releaseHeld,
  releaseUnjudged,
  startDeadman,
  waitMs,
} from './held.ts';
import { isDuplicate, isForeign } from './provenance.ts';
import { answerReset, isAsking } from './question.ts';
import { hearReset } from './silence.ts';
import { supportOf } from './support.ts';

/** An answer of the socket takes a millisecond; without one nothing speaks against the reset. */
const SOCKET_MAX_MS = 500;
/** However often nobody looks in between: a program that dies all the time must let a reset go. */
const HELD_MAX_MS = 30_000;

/** A reset from the far end, in the near end's numbers. */
export function normalizeReset(core: Core, flow: number): number {
  const flags = flagsOf(core, flow);
  if ((flags & FLOW_OVER) !== 0) return pass(core, flow, false);
  if ((flags & FLOW_ANCHORED) === 0) return inSynSent(core, flow);
  if ((flags & FLOW_NUMBERS_OLD) !== 0) return onOldNumbers(core, flow, flags);
  const first = isFirst(core, flow, flags);
  if (first && isAsking(core, flow)) return askedReset(core, flow);
  const seq = core.seg.segSeq;
  const exact = isExact(core, flow, seq);
  if (!exact && !maybeExact(core, flow, seq)) return inexact(core, flow);
  const cause = suspicion(core, flow, first);
  if (cause !== 0) return check(core, flow, cause);
  return exact ? pass(core, flow, true) : inexact(core, flow);
}

/**
 * The flow was bypassed: whether the reset is exact only its socket knows. Nothing speaks against
 * it: it passes at once, as it would if it were exact. Otherwise it waits for the socket's answer.
 */
function onOldNumbers(core: Core, flow: number, flags: number): number {
  const forwarded = (flags & FLOW_FORWARDED) !== 0;
  if (forwarded && isBeyond(core, flow, core.seg.segSeq)) return inexact(core, flow);
  const cause = suspicion(core, flow, false);
  if (cause !== 0) return check(core, flow, cause);
  if (forwarded && isExact(core, flow, core.seg.segSeq)) return pass(core, flow, true);
  const far = farHalf(core, flow) + HALF_FLAGS;
  core.flows.halves[far] = core.flows.halves[far]! | HALF_RST_PASSED;
  if (forwarded) leaveBypass(core, flow); // the rules take its mark at a reset
  return pass(core, flow, false);
}

function inexact(core: Core, flow: number): number {
  const cont = core.flows.halves[farHalf(core, flow) + SND_CONT]!;
  found(core, flow, RST_INEXACT, core.seg.segSeq, cont, 0, 0, 0);
  return VERDICT_ACCEPT;
}

function pass(core: Core, flow: number, ends: boolean): number {
  count(core, STAT_RST_PASSED);
  if (ends) hearReset(core, flow);
  if (ends) endFlow(core, flow, true);
  return VERDICT_ACCEPT;
}

/** SYN-SENT: connection refused stays as fast as it is (RFC 9293 §3.10.7.3). */
function inSynSent(core: Core, flow: number): number {
  const near = nearHalf(core, flow);
  const valid = core.seg.segAck === core.flows.halves[near + SND_NXT];
  return pass(core, flow, valid && (flagsOf(core, flow) & FLOW_NEAR_RESPONDS) === 0);
}

/** Exactly A + 1 while A has shown nothing but its SYN-ACK: the number of a second end point. */
function isFirst(core: Core, flow: number, flags: number): boolean {
  if ((flags & (FLOW_PROVEN | FLOW_PICKED_UP | FLOW_NEAR_RESPONDS)) !== 0) return false;
  return core.seg.segSeq === seqAdd(core.flows.halves[farHalf(core, flow) + ISS]!, 1);
}

/** The question is open: the reset is its answer, and goes nowhere. */
function askedReset(core: Core, flow: number): number {
  if (!enforce(core, RST_HELD)) return VERDICT_ACCEPT;
  const slot = repairOf(core, flow);
  holdReset(core, slot);
  core.repairs.words[repairBase(slot) + R_CHECK_AT_MS] = core.nowMs;
  answerReset(core, flow);
  return VERDICT_DROP;
}

/** The finding that makes an exact reset worth a question, or 0. */
function suspicion(core: Core, flow: number, first: boolean): number {
  const rows = core.flows.rows;
  const row = flow * FLOW_ROW_WORDS;
  const halves = core.flows.halves;
  const far = farHalf(core, flow);
  const seg = core.seg;
  if (isTainted(core, flow)) {
    const conflictMs = since(core.nowMs, rows[row + TAINT_AT_MS]!);
    found(core, flow, RST_AFTER_CONFLICT, seg.segSeq, halves[far + ISS]!, conflictMs, 0, 0);
    return RST_AFTER_CONFLICT;
  }
  if (isForeign(core, far)) {
    const flowTtl = halves[far + TTL_SET]! & 0xff;
    found(core, flow, RST_FOREIGN, seg.segSeq, seg.ttl, flowTtl, supportOf(core, flow), 0);
    return RST_FOREIGN;
  }
  if (isDuplicate(core, flow)) return DUPLICATE_ADDRESS;
  return first ? RST_HELD : 0;
}

function check(core: Core, flow: number, cause: number): number {
  const slot = takeRepair(core, flow);
  if (slot < 0) return pass(core, flow, true);
  const words = core.repairs.words;
  const base = repairBase(slot);
  if ((words[base + R_ARMED]! & R_CHECKING) !== 0) {
    if (core.seg.segSeq !== words[base + R_CHECK_SEQ]) words[base + R_CHECK_OTHERS] = 1;
    return VERDICT_DROP; // one is under way
  }
  if (isProvoked(core, flow, base)) {
    disarm(core, flow, slot);
    return VERDICT_DROP;
  }
  if (core.seg.ipBytes > HELD_BYTES || !enforce(core, RST_HELD)) {
    disarm(core, flow, slot);
    const far = farHalf(core, flow) + HALF_FLAGS;
    core.flows.halves[far] = core.flows.halves[far]! | HALF_RST_SEEN;
    return VERDICT_ACCEPT;
  }
  holdReset(core, slot);
  arm(core, flow, base, cause);
  const flags = flagsOf(core, flow);
  const isOld = (flags & FLOW_NUMBERS_OLD) !== 0;
  const forwarded = (flags & FLOW_FORWARDED) !== 0;
  words[base + R_CHECK_OLD] = !isOld ? 0 : forwarded ? OLD_FORWARDED : OLD_ASKS_SOCKET;
  if (isOld && forwarded) leaveBypass(core, flow);
  else if (isOld) askSocket(core, flow);
  const support = supportOf(core, flow);
  const waited = words[base + R_CHECK_DEADLINE_MS]! - core.nowMs;
  event(core, flow, RST_HELD, cause, core.seg.segSeq, waited | 0, core.seg.ttl, support, 0);
  return VERDICT_DROP;
}

export function tickCheck(core: Core, slot: number, flow: number): void {
  const words = core.repairs.words;
  const base = repairBase(slot);
  const heldMs = since(core.nowMs, words[base + R_CHECK_AT_MS]!);
  if (words[base + R_CHECK_OLD] === OLD_ASKS_SOCKET) {
    if (heldMs >= SOCKET_MAX_MS) judgeHeld(core, flow, false, core.nowMs);
    return;
  }
  if (probeWaits(core, base) && postpone(core, flow, base)) return;
  const left = words[base + R_CHECK_PROBES_LEFT]!;
  if (left > 0 && seqLeq(words[base + R_CHECK_PROBE_MS]!, core.nowMs)) {
    // Nobody looked for a while: silence counts from this probe on.
    const late = seqLeq(words[base + R_CHECK_DEADLINE_MS]!, core.nowMs) && heldMs < HELD_MAX_MS;
    if (late) words[base + R_CHECK_DEADLINE_MS] = (core.nowMs + waitMs(core, flow)) | 0;
    words[base + R_CHECK_PROBES_LEFT] = left - 1;
    words[base + R_CHECK_PROBES] = words[base + R_CHECK_PROBES]! + 1;
    words[base + R_CHECK_PROBE_MS] = words[base + R_CHECK_AGAIN_MS]!;
    probe(core, flow, words[base + R_CHECK_CAUSE]!, words[base + R_CHECK_PROBES]!);
  }
  if (seqLeq(words[base + R_CHECK_DEADLINE_MS]!, core.nowMs)) {
    const cause = words[base + R_CHECK_CAUSE]!;
    const unjudged =
      words[base + R_CHECK_OLD] === OLD_FORWARDED &&
      !isExact(core, flow, words[base + R_CHECK_SEQ]!);
    words[base + R_ARMED] = words[base + R_ARMED]! & ~R_CHECKING;
    if (!unjudged) hearReset(core, flow);
    if (unjudged) releaseUnjudged(core, slot, flow, cause);
    else releaseHeld(core, slot, flow, cause);
  }
}

/** The far end has spoken: that refutes a held reset, and ends a watch behind a refuted one. */
export function hearLiving(core: Core, flow: number): void {
  refute(core, flow);
  const slot = repairOf(core, flow);
  if (slot >= 0) aliveAgain(core, slot, flow);
}

/** A segment of the far end at or behind the held reset's number: it was false. */
function refute(core: Core, flow: number): void {
  const far = farHalf(core, flow);
  const halves = core.flows.halves;
  if ((halves[far + HALF_FLAGS]! & HALF_RST_SEEN) !== 0) refuteObserved(core, flow, far);
  const slot = repairOf(core, flow);
  if (slot < 0) return;
  const words = core.repairs.words;
  const base = repairBase(slot);
  if ((words[base + R_ARMED]! & R_CHECKING) === 0) return;
  const seq = words[base + R_CHECK_SEQ]!;
  if (seqLt(core.seg.segSeq, seq)) return; // older segments are reordering and prove nothing
  const heldMs = since(core.nowMs, words[base + R_CHECK_AT_MS]!);
  const probes = words[base + R_CHECK_PROBES]!;
  words[base + R_ARMED] = words[base + R_ARMED]! & ~R_CHECKING;
  found(core, flow, RST_REFUTED, seq, core.seg.segSeq, heldMs, probes, 0);
  count(core, RST_DROPPED);
  event(core, flow, RST_DROPPED, RST_REFUTED, seq, heldMs, 0, 0, 0);
  taint(core, flow);
  // The answer to a probe that left behind the reset is proof of life; data may have been in
  // flight.
  if (probes > 0 && core.seg.segLen === 0) disarm(core, flow, slot);
  else startDeadman(core, slot);
}

/** Somebody forges resets for this flow: the next one is asked about as well. */
function taint(core: Core, flow: number): void {
  core.flows.rows[flow * FLOW_ROW_WORDS + TAINT_AT_MS] = core.nowMs;
  setFlags(core, flow, FLOW_TAINTED | FLOW_REFUTED);
  learnPath(core, flow, FACT_FAULTY);
}

/** Observe mode: the reset was delivered, and the far end goes on all the same. */
function refuteObserved(core: Core, flow: number, far: number): void {
  const halves = core.flows.halves;
  halves[far + HALF_FLAGS] = halves[far + HALF_FLAGS]! & ~HALF_RST_SEEN;
  if (core.policy[POLICY_OBSERVE] === 0) return;
  const age = since(core.nowMs, core.flows.rows[flow * FLOW_ROW_WORDS + BORN_MS]!);
  found(core, flow, RST_REFUTED, halves[far + SND_CONT]!, core.seg.segSeq, age, 0, 0);
}
