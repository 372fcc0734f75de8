/**
 * A reset that is held back: how long, how it is delivered after all, and the dead-man check that
 * watches a connection whose reset was refuted.
 *
 * Owns the held copy and the dead-man words of the repair slot. Times: ms. DESIGN §4.2.
 */
import { FAR_END_SILENT, RST_DROPPED, RST_RELEASED } from '../codes.ts';
import { type Core, count, farHalf, releaseRepair, repairBase, repairOf, since } from '../core.ts';
import { event, found, injectCopy, probe, probeWaits, resetNear } from '../emit.ts';
import {
  FLOW_ROW_WORDS,
  HALF_FLAGS,
  HALF_RST_PASSED,
  PROBED_MS,
  RTT_MS,
  SND_CONT,
  SND_UNA,
} from '../flow/layout.ts';
import {
  OLD_ASKS_SOCKET,
  R_ARMED,
  R_CHECK_AGAIN_MS,
  R_CHECK_AT_MS,
  R_CHECK_CAUSE,
  R_CHECK_DEADLINE_MS,
  R_CHECK_OLD,
  R_CHECK_OTHERS,
  R_CHECK_PROBE_MS,
  R_CHECK_PROBES,
  R_CHECK_SEQ,
  R_CHECKING,
  R_DEAD_AT_MS,
  R_DEAD_PROBED_MS,
  R_DEAD_PROBES,
  R_DEADMAN,
  R_HELD_BYTES,
} from '../flow/repair-table.ts';
import { endFlow } from '../lifecycle.ts';
import { CHALLENGE_INTERVAL_MS, HELD_BYTES } from '../limits.ts';
import { INJECT_NEAR } from '../verdict.ts';
import { fillTcpChecksum } from '../wire/checksum.ts';
import { seqDiff, seqLt } from '../wire/seq.ts';
import { isExact, maybeExact } from './exact.ts';

const WAIT_MIN_MS = 100;
/** A genuine reset reaches the near end within a second wherever the round trip allows it. */
const WAIT_MAX_MS = 700;
/** The least wait where a reset is false more often than not. */
export const PATIENT_MS = 400;
const DEAD_FIRST_PROBE_MS = 600;
const DEAD_SECOND_PROBE_MS = 1300;
const DEAD_MS = 2000;
const DEAD_HASTENED_MS = 700;
/** A number that far below RCV.NXT was never one of the window's. */
const OVERTAKEN_OCTETS = 1 << 30;

/** How long silence must last to mean something: three round trips, at least 100 ms. */
export function waitMs(core: Core, flow: number): number {
  const rttMs = core.flows.rows[flow * FLOW_ROW_WORDS + RTT_MS]!;
  if (3 * rttMs <= WAIT_MIN_MS) return WAIT_MIN_MS;
  if (3 * rttMs <= WAIT_MAX_MS) return 3 * rttMs;
  return 2 * rttMs > WAIT_MAX_MS ? 2 * rttMs : WAIT_MAX_MS;
}

/** The same where what came is false more often than not. */
export function patientMs(core: Core, flow: number): number {
  const wait = waitMs(core, flow);
  return wait < PATIENT_MS ? PATIENT_MS : wait;
}

/** Copies the reset in hand, complete in itself: as it arrived, its checksum may be unfinished. */
export function holdReset(core: Core, slot: number): boolean {
  fillTcpChecksum(core.buf, core.words, core.seg);
  return core.repairs.hold(slot, core.buf, core.off, core.seg.ipBytes);
}

/** Delivers the held reset: as it was, or with the number that the near end accepts by now. */
export function releaseHeld(core: Core, slot: number, flow: number, cause: number): void {
  const words = core.repairs.words;
  const base = repairBase(slot);
  const seq = words[base + R_CHECK_SEQ]!;
  const heldMs = since(core.nowMs, words[base + R_CHECK_AT_MS]!);
  const probes = words[base + R_CHECK_PROBES]!;
  const bytes = words[base + R_HELD_BYTES]!;
  const still = core.flows.halves[farHalf(core, flow) + SND_CONT] === seq;
  count(core, RST_RELEASED);
  event(core, flow, RST_RELEASED, cause, seq, heldMs, probes, 0, 0);
  if (still && bytes > 0) {
    injectCopy(core, flow, INJECT_NEAR, core.repairs.held, slot * HELD_BYTES, bytes);
  } else {
    resetNear(core, flow);
  }
  endFlow(core, flow, true);
}

/**
 * Delivers the held reset as it was: whether to act on it is for the near end to say. Was another
 * one dropped meanwhile? That may have been genuine: the far end is asked.
 */
export function releaseUnjudged(core: Core, slot: number, flow: number, cause: number): void {
  const words = core.repairs.words;
  const base = repairBase(slot);
  const heldMs = since(core.nowMs, words[base + R_CHECK_AT_MS]!);
  const bytes = words[base + R_HELD_BYTES]!;
  const far = farHalf(core, flow) + HALF_FLAGS;
  count(core, RST_RELEASED);
  const probes = words[base + R_CHECK_PROBES]!;
  event(core, flow, RST_RELEASED, cause, words[base + R_CHECK_SEQ]!, heldMs, probes, 0, 0);
  injectCopy(core, flow, INJECT_NEAR, core.repairs.held, slot * HELD_BYTES, bytes);
  core.flows.halves[far] = core.flows.halves[far]! | HALF_RST_PASSED;
  words[base + R_ARMED] = 0;
  if (words[base + R_CHECK_OTHERS] === 0) {
    releaseRepair(core, flow);
    return;
  }
  startDeadman(core, slot);
  hastenDeadman(core, base);
}

/**
 * The socket has told its numbers: a held reset is judged by them, and its check begins. What it
 * was asked before the reset came knows nothing of the data in between: it was asked once more.
 */
export function judgeHeld(core: Core, flow: number, known: boolean, askedMs: number): void {
  const slot = repairOf(core, flow);
  if (slot < 0) return;
  const words = core.repairs.words;
  const base = repairBase(slot);
  if ((words[base + R_ARMED]! & R_CHECKING) === 0 || words[base + R_CHECK_OLD] !== OLD_ASKS_SOCKET)
    return;
  if (seqLt(askedMs, words[base + R_CHECK_AT_MS]!)) return;
  words[base + R_CHECK_OLD] = 0;
  const seq = words[base + R_CHECK_SEQ]!;
  if (known && isOvertaken(core, flow, seq)) {
    dropOvertaken(core, slot, flow);
    return;
  }
  if (!known || !(isExact(core, flow, seq) || maybeExact(core, flow, seq))) {
    releaseUnjudged(core, slot, flow, words[base + R_CHECK_CAUSE]!);
    return;
  }
  const waitedMs = since(core.nowMs, words[base + R_CHECK_AT_MS]!);
  words[base + R_CHECK_PROBE_MS] = (words[base + R_CHECK_PROBE_MS]! + waitedMs) | 0;
  words[base + R_CHECK_AGAIN_MS] = (words[base + R_CHECK_AGAIN_MS]! + waitedMs) | 0;
  words[base + R_CHECK_DEADLINE_MS] = (words[base + R_CHECK_DEADLINE_MS]! + waitedMs) | 0;
}

/** Has the near end's socket received what the reset's number says will never come? */
function isOvertaken(core: Core, flow: number, seq: number): boolean {
  const ahead = seqDiff(core.flows.halves[farHalf(core, flow) + SND_UNA]!, seq);
  return ahead > 0 && ahead < OVERTAKEN_OCTETS && !isExact(core, flow, seq);
}

/**
 * Data came by in the kernel while the reset was held. The near end would ignore it now, its
 * conntrack would not: it is dropped, and the far end watched as behind any refuted one. Another
 * one that came meanwhile may be genuine.
 */
function dropOvertaken(core: Core, slot: number, flow: number): void {
  const words = core.repairs.words;
  const base = repairBase(slot);
  const heldMs = since(core.nowMs, words[base + R_CHECK_AT_MS]!);
  const cause = words[base + R_CHECK_CAUSE]!;
  words[base + R_ARMED] = words[base + R_ARMED]! & ~R_CHECKING;
  count(core, RST_DROPPED);
  event(core, flow, RST_DROPPED, cause, words[base + R_CHECK_SEQ]!, heldMs, 0, 0, 0);
  startDeadman(core, slot);
  if (words[base + R_CHECK_OTHERS] !== 0) hastenDeadman(core, base);
}

/** The far end just spoke although a reset said it was gone: it must be able to do so again. */
export function startDeadman(core: Core, slot: number): void {
  const words = core.repairs.words;
  const base = repairBase(slot);
  words[base + R_ARMED] = words[base + R_ARMED]! | R_DEADMAN;
  words[base + R_DEAD_AT_MS] = core.nowMs;
  words[base + R_DEAD_PROBES] = 0;
}

/** A segment from the far end ends the watch once a probe has left. */
export function aliveAgain(core: Core, slot: number, flow: number): void {
  const words = core.repairs.words;
  const base = repairBase(slot);
  if ((words[base + R_ARMED]! & R_DEADMAN) === 0 || words[base + R_DEAD_PROBES] === 0) return;
  if (since(core.nowMs, words[base + R_DEAD_PROBED_MS]!) < 1) return;
  words[base + R_ARMED] = words[base + R_ARMED]! & ~R_DEADMAN;
  disarm(core, flow, slot);
}

/** A reset joined the watch: if it is genuine, it must not wait for the whole of it. */
export function hastenDeadman(core: Core, base: number): void {
  const words = core.repairs.words;
  const startMs = (core.nowMs - (DEAD_MS - DEAD_HASTENED_MS)) | 0;
  if (seqLt(startMs, words[base + R_DEAD_AT_MS]!)) words[base + R_DEAD_AT_MS] = startMs;
}

/** Behind a gap the last probe may have been answered: the watch begins anew at it. */
export function watchAnew(words: Int32Array, base: number, probedMs: number): void {
  if (words[base + R_DEAD_PROBES] === 0) return;
  words[base + R_DEAD_AT_MS] = probedMs;
  words[base + R_DEAD_PROBES] = 0;
}

/** Whatever was in the way (a gap, a stall, a full outbox): the last probe has its time. */
export function tickDeadman(core: Core, slot: number, flow: number): void {
  const words = core.repairs.words;
  const base = repairBase(slot);
  const age = since(core.nowMs, words[base + R_DEAD_AT_MS]!);
  const probes = words[base + R_DEAD_PROBES]!;
  const latest = DEAD_MS - patientMs(core, flow);
  if (probeWaits(core, base)) {
    if (age > latest) words[base + R_DEAD_AT_MS] = (core.nowMs - latest) | 0;
    return;
  }
  const due = probes === 0 ? DEAD_FIRST_PROBE_MS : DEAD_SECOND_PROBE_MS;
  const probedMs = since(core.nowMs, core.flows.rows[flow * FLOW_ROW_WORDS + PROBED_MS]!);
  if (probes < 2 && age >= due && probedMs > CHALLENGE_INTERVAL_MS) {
    if (probes === 0 && age > DEAD_SECOND_PROBE_MS) {
      words[base + R_DEAD_AT_MS] = (core.nowMs - due) | 0;
    } else if (probes === 1 && age > latest) {
      words[base + R_DEAD_AT_MS] = (core.nowMs - latest) | 0;
    }
    if (probes === 0) words[base + R_DEAD_PROBED_MS] = core.nowMs;
    words[base + R_DEAD_PROBES] = probes + 1;
    probe(core, flow, FAR_END_SILENT, probes + 1);
  } else if (age >= DEAD_MS) {
    found(core, flow, FAR_END_SILENT, age, probes, 0, 0, 0);
    releaseHeld(core, slot, flow, FAR_END_SILENT);
  }
}

/** Gives the slot back when nothing is armed in it any more. */
export function disarm(core: Core, flow: number, slot: number): void {
  if (core.repairs.words[repairBase(slot) + R_ARMED] === 0) releaseRepair(core, flow);
}
