/**
 * Which flows need nobody's help: proven, untainted, not under repair, in both directions for a
 * while, and at which of their segments they are settled: nothing that waits may be overtaken by
 * what stays in the kernel. What becomes of them then stands in `bypass.ts`.
 *
 * Writes FLOW_SETTLED, FLOW_BYPASSED, FLOW_FORWARDED, `core.word`. Times: ms. DESIGN §2 "Rules".
 */
import { PROBE_SENT } from '../codes.ts';
import {
  type Core,
  farHalf,
  flagsOf,
  isTainted,
  nearHalf,
  pathHolds,
  setFlags,
  since,
} from '../core.ts';
import {
  ANCHORED_MS,
  FLOW_ANCHORED,
  FLOW_BYPASSED,
  FLOW_CONFIRMED,
  FLOW_FORWARDED,
  FLOW_KERNEL,
  FLOW_OLD,
  FLOW_OVER,
  FLOW_PICKED_UP,
  FLOW_PROVEN,
  FLOW_ROW_WORDS,
  FLOW_RULE_WANTED,
  FLOW_SETTLED,
  FLOW_TRANSLATED,
  FLOW_UNSCALED,
  FLOW_UNTOUCHED,
  INDEX_SETTLED,
  ISS,
  REPAIR,
  SEGMENT_COUNT,
  SND_CONT,
  SND_NXT,
  SND_UNA,
  ST_ESTABLISHED,
  STATE,
} from '../flow/layout.ts';
import { FACT_FAULTY } from '../flow/path-table.ts';
import { POLICY_BYPASS, POLICY_OFF } from '../memory.ts';
import { HOOK_FORWARD, WORD_READY, WORD_SETTLED, WORD_UNSETTLED, WORD_WAKES } from '../verdict.ts';
import { ACK, FIN, RST, SYN } from '../wire/segment.ts';
import { seqAdd, seqDiff } from '../wire/seq.ts';
import { awaitsDuplicateAck } from './handshake.ts';
import { isGreeted, staysAdopted } from './kernel.ts';
import { wantsSight } from './sack.ts';

/** Segments that must have been seen behind the SYNs: an ACK and data, and the answer to it. */
const NEAR_SEGMENTS_MIN = 2;
const FAR_SEGMENTS_MIN = 1;
const FAULTY_MS = 5000; // on a path with a known fault the signs of the next one get their time
/** So many segments, one in so many ms, are a load too: nobody types that fast. */
const LOAD_SEGMENTS_MIN = 256;
const LOAD_PACE_MS = 10;
/** Behind the end of a bypass. */
const AGAIN_MS = 1000;

const WITHOUT = FLOW_ANCHORED | FLOW_PROVEN;
/** Flows that are looked at, or rewritten, packet by packet; without a SYN the numbers are lost. */
const NEVER =
  FLOW_PICKED_UP |
  FLOW_UNTOUCHED |
  FLOW_TRANSLATED |
  FLOW_UNSCALED |
  FLOW_OVER |
  FLOW_RULE_WANTED |
  FLOW_OLD;

/** Whatever of it is seen takes the mark, which a probe may not have reached. */
export const WAKING = FLOW_OLD | FLOW_FORWARDED;

/** Sets the engine's word on the flow of the segment in hand, after it was judged. */
export function judgeBypass(core: Core, flow: number, toFar: boolean): void {
  const flags = flagsOf(core, flow);
  if ((flags & FLOW_SETTLED) !== 0 || staysAdopted(flags)) core.word = WORD_SETTLED;
  else if ((flags & WAKING) === WAKING) core.word = WORD_WAKES;
  else if (toFar || core.word !== WORD_UNSETTLED) return;
  else if (mayBypass(core, flow, flags)) {
    if (isGreeted(core, flow)) settleFlow(core, flow);
    else if (carriesLoad(core, flow) && isInOrder(core, flow)) core.word = WORD_READY;
  }
}

/** From now on, as soon as the packet in hand has left. */
export function settleFlow(core: Core, flow: number): void {
  setFlags(core, flow, FLOW_SETTLED | FLOW_BYPASSED);
  if (core.hook === HOOK_FORWARD) setFlags(core, flow, FLOW_FORWARDED);
  core.spoken.forget(flow); // what the near end says from now on goes unseen
  core.flows.rows[flow * FLOW_ROW_WORDS + ANCHORED_MS] = core.nowMs;
  core.flows.index[INDEX_SETTLED] = core.flows.index[INDEX_SETTLED]! + 1;
  core.flows.touch(flow, core.nowMs);
  core.word = WORD_SETTLED;
}

function mayBypass(core: Core, flow: number, flags: number): boolean {
  if (core.policy[POLICY_BYPASS] === 0 || core.stopping !== 0) return false;
  if ((flags & (WITHOUT | NEVER)) !== WITHOUT) return false;
  const rows = core.flows.rows;
  const row = flow * FLOW_ROW_WORDS;
  const sinceMs = since(core.nowMs, rows[row + ANCHORED_MS]!);
  if ((flags & FLOW_BYPASSED) !== 0 && sinceMs < AGAIN_MS) return false;
  if (rows[row + REPAIR] !== 0 || awaitsDuplicateAck(core, flow)) return false;
  if (wantsSight(core, flow)) return false;
  // What the conflict was about is settled: the flow was moved, and the real server has spoken.
  const settledOn = (flags & (FLOW_KERNEL | FLOW_CONFIRMED)) === (FLOW_KERNEL | FLOW_CONFIRMED);
  if (!settledOn && isTainted(core, flow)) return false;
  if (sinceMs < FAULTY_MS && !settledOn && pathHolds(core, flow, FACT_FAULTY)) return false;
  const near = nearHalf(core, flow);
  const far = farHalf(core, flow);
  const halves = core.flows.halves;
  if (halves[near + SEGMENT_COUNT]! < NEAR_SEGMENTS_MIN) return false;
  if (halves[far + SEGMENT_COUNT]! < FAR_SEGMENTS_MIN) return false;
  if (halves[near + STATE] !== ST_ESTABLISHED) return false;
  if (halves[far + STATE] !== ST_ESTABLISHED) return false;
  // Without probes a reset could not be asked about, and the bypass not be ended.
  return (core.policy[POLICY_OFF + (PROBE_SENT >> 5)]! & (1 << (PROBE_SENT & 31))) === 0;
}

/**
 * What it costs to be looked at only a load can feel; and whoever is looked at is helped more often
 * when the firewall changes its numbers.
 */
function carriesLoad(core: Core, flow: number): boolean {
  const halves = core.flows.halves;
  const near = nearHalf(core, flow);
  const far = farHalf(core, flow);
  const octets = core.policy[POLICY_BYPASS]!;
  if (seqDiff(halves[near + SND_NXT]!, halves[near + ISS]!) >>> 0 >= octets) return true;
  if (seqDiff(halves[far + SND_NXT]!, halves[far + ISS]!) >>> 0 >= octets) return true;
  const segments = halves[near + SEGMENT_COUNT]! + halves[far + SEGMENT_COUNT]!;
  const sinceMs = since(core.nowMs, core.flows.rows[flow * FLOW_ROW_WORDS + ANCHORED_MS]!);
  return segments >= LOAD_SEGMENTS_MIN && segments * LOAD_PACE_MS >= sinceMs;
}

/**
 * What stays in the kernel overtakes what still waits in the queue: whoever has the queue in hand
 * looks whether it is empty. Here: an arriving segment that is the newest in both directions, with
 * nothing of the far end's missing before it, or the one that the near end waits for. In the middle
 * of bulk there is always something in flight, and on a fast path that loses packets always a gap
 * somewhere; they need nobody. A gap that is never filled may be a jump of the far end's numbers:
 * what fills one is in the numbers of before.
 */
function isInOrder(core: Core, flow: number): boolean {
  const seg = core.seg;
  if (seg.sackCount > 0 || (seg.flags & (SYN | FIN | RST | ACK)) !== ACK) return false;
  const halves = core.flows.halves;
  if (seg.segAck !== halves[nearHalf(core, flow) + SND_UNA]) return false;
  const far = farHalf(core, flow);
  const end = seqAdd(seg.segSeq, seg.payloadBytes);
  if (end !== halves[far + SND_CONT]) return false;
  if (end === halves[far + SND_NXT]) return true;
  return seg.payloadBytes > 0 && seg.segSeq === halves[far + SND_UNA];
}
