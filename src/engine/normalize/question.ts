// @pathology phantom-synack | RFC 9293 §3.8.4, §3.10.7 | probes, re-anchors | default on
/**
 * The client has acknowledged A, another end point offered B, and A has said nothing since: which
 * is real? Any segment in A's space makes A real for the life of the flow. A reset A+1 and a
 * retransmitted B prove a conflict, never a side; so the far end is asked with the client's own
 * keep-alive, and only silence or resets to two probes, together with B coming again after the
 * client's ACK, move the flow onto B. A quiet server that waits for the client is never moved: it
 * answers the first probe.
 *
 * Owns the question in the repair slot. Times: ms. DESIGN §4.1.
 */
import {
  PHANTOM_SYNACK,
  REANCHORED,
  RST_AFTER_CONFLICT,
  RST_DROPPED,
  RST_REFUTED,
  SYNACK_CONFLICT,
} from '../codes.ts';
import {
  type Core,
  count,
  enforce,
  farHalf,
  flagsOf,
  nearHalf,
  pathHolds,
  releaseRepair,
  repairBase,
  repairOf,
  setFlags,
  since,
  takeRepair,
} from '../core.ts';
import { event, found, probe, probeWaits } from '../emit.ts';
import {
  C_ISN,
  C_OPTIONS,
  C_SEEN,
  C_TS_VAL,
  candidateScale,
  candidateTimestamps,
  candidateTtl,
} from '../flow/candidate.ts';
import {
  ANCHORED_MS,
  DELTA,
  FLOW_ANCHORED,
  FLOW_PROVEN,
  FLOW_REFUTED,
  FLOW_ROW_WORDS,
  FLOW_RULE,
  FLOW_TRANSLATED,
  FLOW_UNSEEN,
  INDEX_TRANSLATED,
  ISS,
  NEAR_TS_MS,
  RTT_MS,
  SCALE_FIX,
  TS_DELTA,
  WND_SCALE,
} from '../flow/layout.ts';
import { FACT_PHANTOM } from '../flow/path-table.ts';
import {
  R_ARMED,
  R_ASK_ANSWERED,
  R_ASK_ANSWERED_COUNT,
  R_ASK_AT_MS,
  R_ASK_LAST_MS,
  R_ASK_PROBES,
  R_ASK_RESETS,
  R_ASKING,
  R_CHECK_SEQ,
  R_CHECKING,
  R_OTHER,
  R_OTHER_AFTER,
  R_OTHER_AT_MS,
} from '../flow/repair-table.ts';
import { trackOrigin } from '../flow/track.ts';
import { POLICY_OBSERVE } from '../memory.ts';
import { dropRule, wantRule } from '../rule-requests.ts';
import { type Seq, seqAdd, seqDiff, seqLeq } from '../wire/seq.ts';
import { candidateWord, findCandidate } from './candidates.ts';
import { completeHandshake } from './handover.ts';
import { disarm, releaseHeld, startDeadman, waitMs } from './held.ts';
import { moveToKernel } from './kernel.ts';

/** The second probe leaves behind Linux's challenge interval (500 ms), later ones more rarely. */
const SECOND_PROBE_MS = 550;
const LATER_PROBE_MS = 1100;
const ANSWERS_TO_REANCHOR = 2;
const PROBES_SILENT = 4;
const ANSWER_MIN_MS = 20;
const PROBES_MAX = 12;
/** A was proven by a number within this of its ISN (DESIGN §4.1). */
const PROOF_SPACE = 1 << 20;
/** Without B coming again within this, a swallowed reset was true. B is due after 1 and 3 s. */
const UNREPEATED_MS = 3500;

export function startQuestion(core: Core, flow: number): void {
  if (core.policy[POLICY_OBSERVE] !== 0) return;
  const slot = takeRepair(core, flow);
  if (slot < 0) return;
  const words = core.repairs.words;
  const base = repairBase(slot);
  const armed = words[base + R_ARMED]!;
  if ((armed & R_ASKING) !== 0) return;
  words[base + R_ASK_AT_MS] = core.nowMs;
  words[base + R_ASK_PROBES] = 0;
  words[base + R_ASK_LAST_MS] = core.nowMs;
  words[base + R_ASK_ANSWERED] = 0;
  words[base + R_ASK_ANSWERED_COUNT] = 0;
  // A reset that came before the first sign of the conflict belongs to the question now.
  words[base + R_ASK_RESETS] = (armed & R_CHECKING) !== 0 ? 1 : 0;
  words[base + R_ARMED] = (armed & ~R_CHECKING) | R_ASKING;
}

export function isAsking(core: Core, flow: number): boolean {
  const slot = repairOf(core, flow);
  return slot >= 0 && (core.repairs.words[repairBase(slot) + R_ARMED]! & R_ASKING) !== 0;
}

/** A reset A+1 while the question is open: it proves the conflict, never a side. */
export function answerReset(core: Core, flow: number): void {
  const base = repairBase(repairOf(core, flow));
  const words = core.repairs.words;
  words[base + R_ASK_RESETS] = words[base + R_ASK_RESETS]! + 1;
  noteAnswer(core, flow, base);
  if (words[base + R_ASK_RESETS] === 1) {
    words[base + R_CHECK_SEQ] = core.seg.segSeq;
    const isn = core.flows.halves[farHalf(core, flow) + ISS]!;
    const conflictMs = since(core.nowMs, words[base + R_ASK_AT_MS]!);
    found(core, flow, RST_AFTER_CONFLICT, core.seg.segSeq, isn, conflictMs, 0, 0);
  }
}

/** An answer belongs to a probe only while it can be one: later resets answer something else. */
function noteAnswer(core: Core, flow: number, base: number): void {
  const words = core.repairs.words;
  if (words[base + R_ASK_PROBES] === 0 || words[base + R_ASK_ANSWERED] !== 0) return;
  if (since(core.nowMs, words[base + R_ASK_LAST_MS]!) > waitMs(core, flow)) return;
  words[base + R_ASK_ANSWERED] = 1;
  words[base + R_ASK_ANSWERED_COUNT] = words[base + R_ASK_ANSWERED_COUNT]! + 1;
}

/** An ACK with SEQ = B + 1 answers a probe like a reset would: A does not exist there. */
export function answerFromOther(core: Core, flow: number): void {
  const slot = repairOf(core, flow);
  if (slot < 0) return;
  const base = repairBase(slot);
  const words = core.repairs.words;
  const other = words[base + R_OTHER]!;
  if ((words[base + R_ARMED]! & R_ASKING) === 0 || other < 0) return;
  const otherIsn = candidateWord(core, flow, other, C_ISN);
  if (seqDiff(core.seg.segSeq, otherIsn) === 1) noteAnswer(core, flow, base);
}

/**
 * A's SYN-ACK again. A copy arrives at once; what comes later was sent again by somebody who has
 * not got the client's ACK, and may live: what was answered so far was said by others.
 */
export function askAnew(core: Core, flow: number): void {
  if (!isAsking(core, flow)) return;
  const wait = waitMs(core, flow);
  if (since(core.nowMs, core.flows.rows[flow * FLOW_ROW_WORDS + ANCHORED_MS]!) <= wait) return;
  const words = core.repairs.words;
  const base = repairBase(repairOf(core, flow));
  if (words[base + R_ASK_PROBES]! > 1) words[base + R_ASK_PROBES] = 1;
  words[base + R_ASK_ANSWERED] = 0;
  words[base + R_ASK_ANSWERED_COUNT] = 0;
}

/**
 * In A's numbers, and acknowledging what the client has sent, up to `nxt`: only A can have said
 * that. Behind a rival's handshake lies one number only, which proves nothing: it may lie in A's
 * space by chance.
 */
export function inSpaceOfChosen(core: Core, flow: number, nxt: Seq): boolean {
  const halves = core.flows.halves;
  const near = nearHalf(core, flow);
  const far = farHalf(core, flow);
  const candidate = findCandidate(core, flow, seqAdd(core.seg.segSeq, -1));
  const isRival = candidate >= 0 && core.seg.segSeq !== seqAdd(halves[far + ISS]!, 1);
  if (isRival && core.seg.payloadBytes === 0) return false;
  const ahead = seqDiff(core.seg.segSeq, seqAdd(halves[far + ISS]!, 1));
  if (ahead < 0 || ahead > PROOF_SPACE) return false;
  const acked = seqDiff(core.seg.segAck, halves[near + ISS]!);
  return acked > 0 && seqLeq(core.seg.segAck, nxt);
}

/** Behind a gap, before the near end has told how far it is: A is heard all the same. */
export function hearUnseen(core: Core, flow: number): void {
  if ((flagsOf(core, flow) & (FLOW_ANCHORED | FLOW_PROVEN)) !== FLOW_ANCHORED) return;
  const iss = core.flows.halves[nearHalf(core, flow) + ISS]!;
  if (inSpaceOfChosen(core, flow, seqAdd(iss, PROOF_SPACE))) settle(core, flow);
}

/** A segment in A's space: A is real for the life of the flow. */
export function settle(core: Core, flow: number): void {
  const row = flow * FLOW_ROW_WORDS;
  setFlags(core, flow, FLOW_PROVEN);
  core.flows.rows[row + NEAR_TS_MS] = core.flows.rows[row + ANCHORED_MS]!;
  const slot = repairOf(core, flow);
  if (slot < 0) return;
  const words = core.repairs.words;
  const base = repairBase(slot);
  if ((words[base + R_ARMED]! & R_ASKING) === 0) return;
  const resets = words[base + R_ASK_RESETS]!;
  words[base + R_ARMED] = words[base + R_ARMED]! & ~R_ASKING;
  if (resets > 0) {
    const askedMs = since(core.nowMs, words[base + R_ASK_AT_MS]!);
    const seq = words[base + R_CHECK_SEQ]!;
    const probes = words[base + R_ASK_PROBES]!;
    setFlags(core, flow, FLOW_REFUTED);
    found(core, flow, RST_REFUTED, seq, core.seg.segSeq, askedMs, probes, 0);
    count(core, RST_DROPPED);
    event(core, flow, RST_DROPPED, RST_REFUTED, seq, askedMs, 0, 0, 0);
    startDeadman(core, slot);
  }
  dropRule(core, flow);
  disarm(core, flow, slot);
}

/** One look at an open question. */
export function tickQuestion(core: Core, slot: number, flow: number): void {
  const words = core.repairs.words;
  const base = repairBase(slot);
  const probes = words[base + R_ASK_PROBES]!;
  const waits = probeWaits(core, base);
  if (waits) words[base + R_ASK_LAST_MS] = core.nowMs;
  const idleMs = since(core.nowMs, words[base + R_ASK_LAST_MS]!);
  const pauseMs = probes === 0 ? 0 : probes === 1 ? SECOND_PROBE_MS : LATER_PROBE_MS;
  if (!waits && probes < PROBES_MAX && idleMs >= pauseMs) {
    words[base + R_ASK_PROBES] = probes + 1;
    words[base + R_ASK_LAST_MS] = core.nowMs;
    words[base + R_ASK_ANSWERED] = 0;
    probe(core, flow, SYNACK_CONFLICT, probes + 1);
    return;
  }
  const wait = waitMs(core, flow);
  if (since(core.nowMs, words[base + R_ASK_AT_MS]!) > wait) wantRule(core, flow);
  if (isDecided(core, base, flow, idleMs) && otherInsists(core, base, flow)) {
    if ((flagsOf(core, flow) & FLOW_RULE) !== 0) reanchor(core, slot, flow);
    return;
  }
  const quietMs = since(core.nowMs, words[base + R_OTHER_AT_MS]!);
  if (quietMs <= UNREPEATED_MS || since(core.nowMs, words[base + R_ASK_AT_MS]!) <= UNREPEATED_MS) {
    return;
  }
  if (words[base + R_ASK_RESETS]! > 0) {
    words[base + R_ARMED] = words[base + R_ARMED]! & ~R_ASKING;
    releaseHeld(core, slot, flow, RST_AFTER_CONFLICT);
  } else if (probes >= PROBES_MAX) {
    words[base + R_ARMED] = words[base + R_ARMED]! & ~R_ASKING;
    dropRule(core, flow);
    disarm(core, flow, slot);
  }
}

/**
 * Two probes that each brought a reset: it may come from a nearer end point than the
 * answer of a live A, which therefore gets its time. Silence may be loss, so it takes four probes,
 * and B three times.
 */
function isDecided(core: Core, base: number, flow: number, idleMs: number): boolean {
  const words = core.repairs.words;
  // Behind a gap the connection may have ended, and nobody is left to be moved.
  if ((flagsOf(core, flow) & FLOW_UNSEEN) !== 0) return false;
  const probes = words[base + R_ASK_PROBES]!;
  if (words[base + R_ASK_ANSWERED] === 0) {
    const enough = probes >= PROBES_SILENT && words[base + R_OTHER_AFTER]! >= 2;
    return enough && idleMs >= waitMs(core, flow);
  }
  const roundTripsMs = 2 * core.flows.rows[flow * FLOW_ROW_WORDS + RTT_MS]!;
  const patienceMs = roundTripsMs < ANSWER_MIN_MS ? ANSWER_MIN_MS : roundTripsMs;
  return words[base + R_ASK_ANSWERED_COUNT]! >= ANSWERS_TO_REANCHOR && idleMs >= patienceMs;
}

/** B came again after the client's ACK; a path with a proven phantom need not show it once more. */
function otherInsists(core: Core, base: number, flow: number): boolean {
  const words = core.repairs.words;
  const other = words[base + R_OTHER]!;
  if (other < 0) return false;
  if (pathHolds(core, flow, FACT_PHANTOM)) return true;
  return words[base + R_OTHER_AFTER]! >= 1 && candidateWord(core, flow, other, C_SEEN) >= 2;
}

/** Moves the flow onto B: from now on seqshim translates between the two numberings. */
function reanchor(core: Core, slot: number, flow: number): void {
  const isn = core.flows.halves[farHalf(core, flow) + ISS]!;
  const chosen = findCandidate(core, flow, isn);
  if (chosen < 0 || !enforce(core, REANCHORED)) return;
  const rows = core.flows.rows;
  const row = flow * FLOW_ROW_WORDS;
  const halves = core.flows.halves;
  const words = core.repairs.words;
  const base = repairBase(slot);
  const other = words[base + R_OTHER]!;
  const otherIsn = candidateWord(core, flow, other, C_ISN);
  const chosenOptions = candidateWord(core, flow, chosen, C_OPTIONS);
  const otherOptions = candidateWord(core, flow, other, C_OPTIONS);
  const delta = seqDiff(otherIsn, isn);
  rows[row + DELTA] = delta;
  rows[row + TS_DELTA] =
    candidateTimestamps(chosenOptions) && candidateTimestamps(otherOptions)
      ? seqDiff(
          candidateWord(core, flow, other, C_TS_VAL),
          candidateWord(core, flow, chosen, C_TS_VAL),
        )
      : 0;
  const synScale = halves[nearHalf(core, flow) + WND_SCALE]!;
  rows[row + SCALE_FIX] = packScales(
    synScale,
    candidateScale(chosenOptions),
    candidateScale(otherOptions),
  );
  trackOrigin(halves, farHalf(core, flow), candidateTtl(otherOptions), 0);
  setFlags(core, flow, FLOW_TRANSLATED);
  core.flows.index[INDEX_TRANSLATED] = core.flows.index[INDEX_TRANSLATED]! + 1;
  const probes = words[base + R_ASK_PROBES]!;
  const resets = words[base + R_ASK_RESETS]!;
  const afterMs = since(core.nowMs, rows[row + ANCHORED_MS]!);
  found(core, flow, PHANTOM_SYNACK, isn, otherIsn, probes, resets, afterMs);
  event(core, flow, REANCHORED, PHANTOM_SYNACK, isn, otherIsn, delta, afterMs, 0);
  if (resets > 0) {
    count(core, RST_DROPPED);
    event(core, flow, RST_DROPPED, PHANTOM_SYNACK, words[base + R_CHECK_SEQ]!, afterMs, 0, 0, 0);
  }
  releaseRepair(core, flow);
  if (!moveToKernel(core, flow)) completeHandshake(core, flow);
}

/**
 * The shifts of SEG.WND on both ways, one byte each: what the far end writes and the near end
 * reads, what the near end writes and the far end reads. Scaling is on for a pair only when both
 * its SYNs offered it (RFC 7323 §2.2), and the phantom's offer rules the near end.
 */
function packScales(synScale: number, chosenScale: number, otherScale: number): number {
  const nearOn = synScale >= 0 && chosenScale >= 0;
  const farOn = synScale >= 0 && otherScale >= 0;
  const farWrites = farOn ? otherScale : 0;
  const nearReads = nearOn ? chosenScale : 0;
  const nearWrites = nearOn ? synScale : 0;
  const farReads = farOn ? synScale : 0;
  return farWrites | (nearReads << 8) | (nearWrites << 16) | (farReads << 24);
}
