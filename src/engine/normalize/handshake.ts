// @pathology synack-conflict | RFC 9293 §3.10.7.3 | drops SYN-ACKs and one duplicate ACK | default on
/**
 * Two end points answer one SYN. The client's ACK decides between them: until then every candidate
 * gets through (a client that keeps sending its SYN never got, or refused, the first), afterwards
 * no other ISN is delivered for the life of the flow, and the duplicate ACK that a delivered rival
 * has provoked is swallowed, because the rival would answer it with the reset that kills.
 *
 * Reads the segment in hand. Writes candidates, the far half's numbering, taint. Never resets the
 * other end point: that reset would carry the very number that kills the good connection.
 */
import { ACK_SWALLOWED, SYNACK_CONFLICT, SYNACK_DROPPED, SYNACK_WRONG_ACK } from '../codes.ts';
import {
  type Core,
  enforce,
  farHalf,
  flagsOf,
  learnPath,
  nearHalf,
  repairBase,
  setFlags,
  since,
  takeRepair,
} from '../core.ts';
import { acknowledgeAgain, event, found } from '../emit.ts';
import {
  asDelivered,
  C_ISN,
  C_OPTIONS,
  C_SEEN,
  candidateDelivered,
  candidateSack,
  candidateScale,
  candidateTimestamps,
  candidateTtl,
} from '../flow/candidate.ts';
import {
  ANCHORED_MS,
  BORN_MS,
  DELTA,
  FLOW_ANCHORED,
  FLOW_CONFLICT,
  FLOW_KERNEL,
  FLOW_OVER,
  FLOW_PICKED_UP,
  FLOW_PROVEN,
  FLOW_ROW_WORDS,
  FLOW_TAINTED,
  FLOW_TRANSLATED,
  FLOW_UNTOUCHED,
  HALF_FLAGS,
  HALF_SACK_OFFERED,
  HALF_SYN_SEEN,
  HALF_TS_OFFERED,
  ISS,
  LAST_MS,
  LAST_WND,
  NEAR_TS_MS,
  RTT_MS,
  SND_CONT,
  SND_NXT,
  SND_UNA,
  ST_CLOSED,
  STATE,
  SWALLOW_COUNT,
  TAINT_AT_MS,
  WND_SCALE,
} from '../flow/layout.ts';
import { FACT_FAULTY } from '../flow/path-table.ts';
import { R_OTHER, R_OTHER_AFTER, R_OTHER_AT_MS } from '../flow/repair-table.ts';
import { onEstablished, onSynAck } from '../flow/state.ts';
import { trackOrigin } from '../flow/track.ts';
import { POLICY_GATEWAY } from '../memory.ts';
import { VERDICT_ACCEPT, VERDICT_DROP } from '../verdict.ts';
import { FIN, SYN } from '../wire/segment.ts';
import { seqAdd } from '../wire/seq.ts';
import {
  addCandidate,
  candidateCount,
  candidateWord,
  findCandidate,
  setCandidateWord,
} from './candidates.ts';
import { askAnew, startQuestion } from './question.ts';
import { noteSynAck } from './stripped-options.ts';

/** A rival's SYN-ACK that was delivered before the choice is answered at once, or not at all. */
const PROVOKED_MS = 1000;

/** A SYN-ACK from the far end of a flow that the near end initiated. */
export function normalizeSynAck(core: Core, flow: number): number {
  const flags = flagsOf(core, flow);
  const seg = core.seg;
  const halves = core.flows.halves;
  if ((flags & FLOW_PICKED_UP) !== 0) return VERDICT_ACCEPT;
  // Nobody is there any more: the host answers with its reset, as it would without us.
  const gone = (flags & FLOW_OVER) !== 0 && halves[nearHalf(core, flow) + STATE] === ST_CLOSED;
  if (gone) return VERDICT_ACCEPT;
  const expectedAck = seqAdd(halves[nearHalf(core, flow) + ISS]!, 1);
  const anchored = (flags & FLOW_ANCHORED) !== 0;
  if (seg.segAck !== expectedAck) {
    found(core, flow, SYNACK_WRONG_ACK, seg.segAck, expectedAck, seg.segSeq, 0, 0);
    return anchored ? dropSynAck(core, flow, SYNACK_WRONG_ACK, 1) : VERDICT_ACCEPT;
  }
  // Once the choice is proven, or the flow has moved, rivals are only dropped, not remembered.
  const translated = (flags & (FLOW_TRANSLATED | FLOW_KERNEL)) !== 0;
  const decided = translated || (flags & FLOW_PROVEN) !== 0;
  const i = decided ? -1 : see(core, flow, !anchored);
  if (!anchored) {
    onSynAck(halves, farHalf(core, flow));
    noteSynAck(core, flow);
    return VERDICT_ACCEPT;
  }
  const isn = halves[farHalf(core, flow) + ISS]!;
  if (!translated && seg.segSeq === isn) {
    askAnew(core, flow);
    return VERDICT_ACCEPT; // a retransmission
  }
  const seen = i < 0 ? 1 : candidateWord(core, flow, i, C_SEEN);
  if (!translated) {
    if (i >= 0) noteRival(core, flow, i);
    conflict(core, flow, i);
  } else if (seg.segSeq === seqAdd(isn, core.flows.rows[flow * FLOW_ROW_WORDS + DELTA]!)) {
    acknowledgeAgain(core, flow); // our ACK to the real server was lost
  }
  return dropSynAck(core, flow, SYNACK_CONFLICT, seen);
}

/** Remembers the SYN-ACK in hand as a candidate; its index, or -1 when there is no room. */
function see(core: Core, flow: number, delivered: boolean): number {
  const row = flow * FLOW_ROW_WORDS;
  const rows = core.flows.rows;
  let i = findCandidate(core, flow, core.seg.segSeq);
  if (i < 0) {
    if (candidateCount(core, flow) === 0) {
      const rttMs = since(core.nowMs, rows[row + LAST_MS]!);
      rows[row + RTT_MS] = rttMs < 1 ? 1 : rttMs;
    }
    i = addCandidate(core, flow, delivered);
    if (i < 0) return -1;
    if (i > 0 && delivered) noteRival(core, flow, i);
  }
  if (delivered) {
    setCandidateWord(
      core,
      flow,
      i,
      C_OPTIONS,
      asDelivered(candidateWord(core, flow, i, C_OPTIONS)),
    );
  }
  setCandidateWord(core, flow, i, C_SEEN, candidateWord(core, flow, i, C_SEEN) + 1);
  return i;
}

function noteRival(core: Core, flow: number, i: number): void {
  const slot = takeRepair(core, flow);
  if (slot < 0) return;
  const base = repairBase(slot);
  const anchored = (flagsOf(core, flow) & FLOW_ANCHORED) !== 0;
  core.repairs.words[base + R_OTHER] = i;
  core.repairs.words[base + R_OTHER_AT_MS] = core.nowMs;
  if (anchored) {
    core.repairs.words[base + R_OTHER_AFTER] = core.repairs.words[base + R_OTHER_AFTER]! + 1;
  }
}

function dropSynAck(core: Core, flow: number, cause: number, seen: number): number {
  if (!enforce(core, SYNACK_DROPPED)) return VERDICT_ACCEPT;
  const isn = core.flows.halves[farHalf(core, flow) + ISS]!;
  event(core, flow, SYNACK_DROPPED, cause, isn, core.seg.segSeq, seen, 0, 0);
  return VERDICT_DROP;
}

/** Taints the flow and its path, and asks who is real when that is not known. */
function conflict(core: Core, flow: number, i: number): void {
  const rows = core.flows.rows;
  const row = flow * FLOW_ROW_WORDS;
  const flags = flagsOf(core, flow);
  const isn = core.flows.halves[farHalf(core, flow) + ISS]!;
  rows[row + TAINT_AT_MS] = core.nowMs;
  setFlags(core, flow, FLOW_TAINTED | FLOW_CONFLICT);
  if ((flags & FLOW_CONFLICT) === 0) {
    learnPath(core, flow, FACT_FAULTY);
    const chosen = findCandidate(core, flow, isn);
    const ttl = chosen < 0 ? 0 : candidateTtl(candidateWord(core, flow, chosen, C_OPTIONS));
    const otherIsn = i < 0 ? core.seg.segSeq : candidateWord(core, flow, i, C_ISN);
    const otherTtl = i < 0 ? core.seg.ttl : candidateTtl(candidateWord(core, flow, i, C_OPTIONS));
    found(
      core,
      flow,
      SYNACK_CONFLICT,
      isn,
      otherIsn,
      since(core.nowMs, rows[row + BORN_MS]!),
      ttl,
      otherTtl,
    );
  }
  if ((flags & (FLOW_PROVEN | FLOW_TRANSLATED)) === 0) startQuestion(core, flow);
}

/** The near end's first ACK: it decides. */
export function anchor(core: Core, flow: number): void {
  const seg = core.seg;
  const rows = core.flows.rows;
  const row = flow * FLOW_ROW_WORDS;
  const halves = core.flows.halves;
  const near = nearHalf(core, flow);
  const far = farHalf(core, flow);
  const i = findCandidate(core, flow, seqAdd(seg.segAck, -1));
  halves[far + ISS] = seqAdd(seg.segAck, -1);
  halves[far + SND_UNA] = halves[far + SND_NXT] = halves[far + SND_CONT] = seg.segAck;
  halves[near + SND_UNA] = seqAdd(halves[near + ISS]!, 1);
  rows[row + ANCHORED_MS] = core.nowMs;
  onEstablished(halves, near, far);
  if (i < 0) {
    // Its SYN-ACK was not seen here (shed, or another path): what the client accepted is taken.
    halves[far + WND_SCALE] = -1;
    setFlags(core, flow, FLOW_ANCHORED | FLOW_PROVEN);
    // On a gateway all of the connection comes by another way, or under another address (NAT).
    if (core.policy[POLICY_GATEWAY] !== 0) setFlags(core, flow, FLOW_UNTOUCHED);
    rows[row + NEAR_TS_MS] = core.nowMs;
    return;
  }
  const options = candidateWord(core, flow, i, C_OPTIONS);
  halves[far + WND_SCALE] = candidateScale(options);
  halves[far + HALF_FLAGS] =
    HALF_SYN_SEEN |
    (candidateSack(options) ? HALF_SACK_OFFERED : 0) |
    (candidateTimestamps(options) ? HALF_TS_OFFERED : 0);
  trackOrigin(halves, far, candidateTtl(options), 0);
  setFlags(core, flow, FLOW_ANCHORED);
  const candidates = candidateCount(core, flow);
  for (let k = 0; k < candidates; k++) {
    if (k === i) continue;
    if (candidateDelivered(candidateWord(core, flow, k, C_OPTIONS))) {
      rows[row + SWALLOW_COUNT] = rows[row + SWALLOW_COUNT]! + 1;
    }
    chooseOther(core, flow, k);
    conflict(core, flow, k);
  }
}

/** With the choice made, the rival to watch is the one not chosen. */
function chooseOther(core: Core, flow: number, k: number): void {
  const slot = takeRepair(core, flow);
  if (slot >= 0) core.repairs.words[repairBase(slot) + R_OTHER] = k;
}

/** Is an ACK still to come that a delivered rival provoked (RFC 9293 §3.10.7.4)? */
export function awaitsDuplicateAck(core: Core, flow: number): boolean {
  const row = flow * FLOW_ROW_WORDS;
  const { rows } = core.flows;
  return (
    rows[row + SWALLOW_COUNT] !== 0 && since(core.nowMs, rows[row + ANCHORED_MS]!) < PROVOKED_MS
  );
}

/** Is it the near end's ACK in hand? It then goes nowhere. Data may have left before it. */
export function normalizeDuplicateAck(core: Core, flow: number): number {
  if (!awaitsDuplicateAck(core, flow)) return VERDICT_ACCEPT;
  const seg = core.seg;
  const halves = core.flows.halves;
  const near = nearHalf(core, flow);
  const repeats =
    seg.payloadBytes === 0 &&
    (seg.flags & (SYN | FIN)) === 0 &&
    seg.sackCount === 0 &&
    seg.segSeq === halves[near + SND_NXT] &&
    seg.segAck === halves[farHalf(core, flow) + SND_UNA] &&
    seg.segWnd <= halves[near + LAST_WND]!;
  if (!repeats) return VERDICT_ACCEPT;
  const at = flow * FLOW_ROW_WORDS + SWALLOW_COUNT;
  core.flows.rows[at] = core.flows.rows[at]! - 1;
  if (!enforce(core, ACK_SWALLOWED)) return VERDICT_ACCEPT;
  event(core, flow, ACK_SWALLOWED, SYNACK_CONFLICT, seg.segSeq, seg.segAck, 0, 0, 0);
  return VERDICT_DROP;
}
