/**
 * The SYN-ACK candidates of a flow: the first in the flow's row, up to three rivals in its repair
 * slot. Owns nothing of its own; see `flow/candidate.ts` for the layout of one.
 */
import { type Core, repairBase, repairOf, takeRepair } from '../core.ts';
import { C_ISN, C_OPTIONS, C_SEEN, C_TS_VAL, packCandidate } from '../flow/candidate.ts';
import { CAND_ISN, FLOW_ROW_WORDS } from '../flow/layout.ts';
import { R_RIVAL_COUNT, RIVAL_COUNT, rivalAt } from '../flow/repair-table.ts';

/** Word `word` of candidate `i` (0: the first). */
export function candidateWord(core: Core, flow: number, i: number, word: number): number {
  if (i === 0) return core.flows.rows[flow * FLOW_ROW_WORDS + CAND_ISN + word]!;
  return core.repairs.words[rivalAt(repairOf(core, flow), i) + word]!;
}

export function setCandidateWord(
  core: Core,
  flow: number,
  i: number,
  word: number,
  value: number,
): void {
  if (i === 0) core.flows.rows[flow * FLOW_ROW_WORDS + CAND_ISN + word] = value;
  else core.repairs.words[rivalAt(repairOf(core, flow), i) + word] = value;
}

export function candidateCount(core: Core, flow: number): number {
  if (candidateWord(core, flow, 0, C_SEEN) === 0) return 0;
  const slot = repairOf(core, flow);
  return slot < 0 ? 1 : 1 + core.repairs.words[repairBase(slot) + R_RIVAL_COUNT]!;
}

/** The candidate that offers this ISN, or -1. */
export function findCandidate(core: Core, flow: number, isn: number): number {
  const candidates = candidateCount(core, flow);
  for (let i = 0; i < candidates; i++) {
    if (candidateWord(core, flow, i, C_ISN) === isn) return i;
  }
  return -1;
}

/** Adds the SYN-ACK in hand; -1 when there is no room. */
export function addCandidate(core: Core, flow: number, delivered: boolean): number {
  const i = candidateCount(core, flow);
  if (i > 0) {
    const slot = takeRepair(core, flow);
    if (slot < 0 || i > RIVAL_COUNT) return -1;
    core.repairs.words[repairBase(slot) + R_RIVAL_COUNT] = i;
  }
  setCandidateWord(core, flow, i, C_ISN, core.seg.segSeq);
  setCandidateWord(core, flow, i, C_TS_VAL, core.seg.tsVal);
  setCandidateWord(core, flow, i, C_OPTIONS, packCandidate(core.seg, delivered));
  setCandidateWord(core, flow, i, C_SEEN, 0);
  return i;
}
