// @pathology sack-blind-randomizer | RFC 2018 §5, RFC 2883 §4 | one calibration probe, then shifts SACK blocks | blocks outside the window
/**
 * A firewall that renumbers SEQ and ACK and leaves the SACK blocks as they were. The near end's
 * kernel throws such blocks away and falls back to time-outs; uploads crawl.
 *
 * How far the blocks are off is asked of the far end itself: one octet that it already has comes
 * back as a D-SACK block in its own numbers. That is believed when it puts every other block of the
 * answer inside the window and a second acknowledgement agrees. A far end that sends no D-SACK
 * gives it away when recoveries complete: the cumulative acknowledgement then stands where its
 * highest block ended, unless an acknowledgement was lost between the two; so many of them must say
 * the same in a row. Contradiction: the blocks stay as they are, for good.
 *
 * Where a wrong number could come from: who is not on the path must hit SEG.SEQ, SEG.ACK, the
 * window and the octet asked about, twice, and gains what a forged SACK gains him anyway.
 *
 * Reads the halves and `core.spoken`; writes `core.sacks` and the option. Times: ms. DESIGN §4.3.
 */
import {
  SACK_CALIBRATED,
  SACK_OUT_OF_WINDOW,
  SACK_REPAIRED,
  SACK_WITHHELD,
  STAT_SACK_CONTRADICTED,
} from '../codes.ts';
import {
  type Core,
  clearPath,
  count,
  enforce,
  flagsOf,
  generationOf,
  isBehindRaw,
  learnPath,
  nearHalf,
  since,
} from '../core.ts';
import { event, found, probeWithOctet } from '../emit.ts';
import {
  FLOW_BYPASSED,
  FLOW_CANARY,
  FLOW_NUMBERS_OLD,
  FLOW_PICKED_UP,
  FLOW_ROW_WORDS,
  RTT_MS,
  SND_NXT,
} from '../flow/layout.ts';
import { FACT_SACK_BLIND } from '../flow/path-table.ts';
import {
  K_ASKED,
  K_DELTA,
  K_GAP,
  K_GUESS,
  K_GUESSES,
  K_LAST_MS,
  K_MISFITS,
  K_PROBE_MS,
  K_PROBE_OCTET,
  K_PROBE_SEQ,
  K_PROBES,
  K_STATE,
  K_TAIL,
  K_TAIL_ACK,
  K_TAIL_KNOWN,
  SACK_FOREIGN,
  SACK_LEFT_ALONE,
  SACK_REPAIRING,
  SACK_TRIED,
} from '../flow/sack-table.ts';
import { POLICY_SACK, SACK_OFF } from '../memory.ts';
import { INFO_TRUNCATED } from '../verdict.ts';
import { type Seq, seqDiff, seqLt } from '../wire/seq.ts';
import {
  blocksFit,
  hasSingle,
  highestEdge,
  isBeyondAck,
  leftEdge,
  moveBlocks,
  offeredEnd,
  removeBlocks,
  removeFirst,
  rightEdge,
} from './sack-blocks.ts';

/** A flow is asked at most so often, and once per round trip of at least this. */
const PROBES_MAX = 3;
const PROBE_SPACE_MIN_MS = 10;
/** An answer comes within this. */
const ANSWER_MS = 2000;
/**
 * A lost acknowledgement makes a guess one segment short, and two alike are nothing rare: at one
 * lost in ten, six in a row are one case in a million.
 */
const GUESSES_MIN = 6;
const MISFITS_MAX = 3;
/** Blocks that nothing could be learned from do not keep a flow out of the kernel for longer. */
const WANTED_MS = 60_000;

/** Word index in `core.sacks`, or -1. */
function slotOf(core: Core, flow: number): number {
  return core.sacks.find(flow, generationOf(core, flow));
}

/** An acknowledgement of the far end, in near numbers, before its flow is told of it. */
export function normalizeSack(core: Core, flow: number): void {
  const seg = core.seg;
  const at = slotOf(core, flow);
  if (at < 0 && seg.sackCount === 0) return;
  const flags = flagsOf(core, flow);
  if (core.policy[POLICY_SACK] === SACK_OFF || (flags & FLOW_PICKED_UP) !== 0) return;
  if ((flags & FLOW_NUMBERS_OLD) !== 0) {
    // Until the socket has told: by what the segment says itself.
    if (seg.sackCount > 0 && !blocksFit(core, 0, 0, offeredEnd(core, flow))) {
      repairSettled(core, flow);
    }
    return;
  }
  if (seg.sackCount === 0) {
    if (at >= 0) inferFromEnd(core, at);
    return;
  }
  if (isBehindRaw(core) || (core.info & INFO_TRUNCATED) !== 0) return;
  const nxt = highestMeant(core, flow);
  if (at >= 0) judgeBlocks(core, flow, at, nxt);
  else if (!blocksFit(core, 0, 0, nxt)) beginRepair(core, flow, nxt);
  else if ((flags & FLOW_CANARY) !== 0) clearPath(core, flow, FACT_SACK_BLIND);
}

/**
 * The highest number that the far end can have received. Of what left while the flow was bypassed
 * some may be unknown: then it is what its window allows.
 */
function highestMeant(core: Core, flow: number): Seq {
  const nxt = core.flows.halves[nearHalf(core, flow) + SND_NXT]!;
  if ((flagsOf(core, flow) & FLOW_BYPASSED) === 0) return nxt;
  const offered = offeredEnd(core, flow);
  return seqLt(nxt, offered) ? offered : nxt;
}

function beginRepair(core: Core, flow: number, nxt: Seq): void {
  const at = core.sacks.take(flow, generationOf(core, flow), core.nowMs);
  if (at < 0) return;
  core.sacks.words[at + K_STATE] = SACK_FOREIGN;
  const { segAck } = core.seg;
  found(core, flow, SACK_OUT_OF_WINDOW, leftEdge(core, 0), rightEdge(core, 0), segAck, nxt, 0);
  askAbout(core, flow, at);
}

/** Blocks in other numbers, before it is known by how much. */
function askAbout(core: Core, flow: number, at: number): void {
  noteTail(core, at);
  const words = core.sacks.words;
  if (words[at + K_PROBES] === 0 && hasSingle(core)) {
    core.spoken.noteSingle(flow, generationOf(core, flow));
  }
  ask(core, flow, at);
  const waits = words[at + K_PROBES]! > 0 && since(core.nowMs, words[at + K_PROBE_MS]!) < ANSWER_MS;
  if (waits) withhold(core, flow);
}

function withhold(core: Core, flow: number): void {
  if (core.seg.sackCount === 0 || blocksFit(core, 0, 0, offeredEnd(core, flow))) return;
  if (enforce(core, SACK_WITHHELD)) removeBlocks(core);
}

function judgeBlocks(core: Core, flow: number, at: number, nxt: Seq): void {
  const words = core.sacks.words;
  words[at + K_LAST_MS] = core.nowMs;
  const state = words[at + K_STATE]!;
  if (state === SACK_LEFT_ALONE) return;
  if (takeAnswer(core, flow, at, nxt)) return;
  if (state === SACK_FOREIGN) {
    if (!blocksFit(core, 0, 0, nxt)) askAbout(core, flow, at);
    return;
  }
  const delta = words[at + K_DELTA]!;
  if (!blocksFit(core, 0, delta, nxt)) {
    misfit(core, at, blocksFit(core, 0, 0, nxt));
    return;
  }
  words[at + K_MISFITS] = 0;
  if (state === SACK_TRIED) {
    // What the near end sent unseen may have been one octet, and its D-SACK taken for the answer:
    // another D-SACK, which fits nearly any numbers, is no second word.
    if (!isBeyondAck(core, delta)) {
      withhold(core, flow);
      return;
    }
    believe(core, flow, at);
  }
  if (enforce(core, SACK_REPAIRED)) moveBlocks(core, delta);
}

/** Is the first block the far end's answer to the probe? Then it is taken out. */
function takeAnswer(core: Core, flow: number, at: number, nxt: Seq): boolean {
  const words = core.sacks.words;
  // Whoever sends single octets himself may be told of one of them.
  if (words[at + K_ASKED] === 0 || sendsSingles(core, flow)) return false;
  if (since(core.nowMs, words[at + K_PROBE_MS]!) > ANSWER_MS) return false;
  if (seqDiff(rightEdge(core, 0), leftEdge(core, 0)) !== 1) return false;
  const delta = seqDiff(leftEdge(core, 0), words[at + K_PROBE_SEQ]!);
  const told = words[at + K_STATE]! !== SACK_FOREIGN;
  if (told && delta !== words[at + K_DELTA]) return false;
  if (!blocksFit(core, 1, delta, nxt)) return false;
  words[at + K_ASKED] = words[at + K_ASKED]! - 1;
  if (!told) {
    words[at + K_DELTA] = delta;
    words[at + K_STATE] = delta === 0 ? SACK_LEFT_ALONE : SACK_TRIED;
  }
  removeFirst(core);
  if (words[at + K_STATE] === SACK_REPAIRING && core.seg.sackCount > 0) {
    if (enforce(core, SACK_REPAIRED)) moveBlocks(core, delta);
  } else if (words[at + K_STATE] === SACK_TRIED) withhold(core, flow);
  return true;
}

/** Both agree: from now on blocks are shifted. */
function believe(core: Core, flow: number, at: number): void {
  const words = core.sacks.words;
  words[at + K_STATE] = SACK_REPAIRING;
  learnPath(core, flow, FACT_SACK_BLIND);
  if (!enforce(core, SACK_CALIBRATED)) return;
  const probes = words[at + K_PROBES]!;
  event(core, flow, SACK_CALIBRATED, SACK_OUT_OF_WINDOW, words[at + K_DELTA]!, probes, 0, 0, 0);
}

/** In true numbers after all, or in none that we know: not to be touched again. */
function misfit(core: Core, at: number, isTrue: boolean): void {
  const words = core.sacks.words;
  words[at + K_MISFITS] = words[at + K_MISFITS]! + 1;
  const tried = words[at + K_STATE] === SACK_TRIED;
  if (words[at + K_MISFITS]! < MISFITS_MAX && (tried || !isTrue)) {
    if (tried) words[at + K_STATE] = SACK_FOREIGN;
    return;
  }
  words[at + K_STATE] = SACK_LEFT_ALONE;
  count(core, STAT_SACK_CONTRADICTED);
}

/** One octet that the far end already has, and the near end's own. */
function ask(core: Core, flow: number, at: number): void {
  const words = core.sacks.words;
  const row = flow * FLOW_ROW_WORDS;
  const probes = words[at + K_PROBES]!;
  if (probes >= PROBES_MAX) return;
  const rttMs = core.flows.rows[row + RTT_MS]!;
  const spaceMs = rttMs > PROBE_SPACE_MIN_MS ? rttMs : PROBE_SPACE_MIN_MS;
  if (probes > 0 && since(core.nowMs, words[at + K_PROBE_MS]!) < spaceMs) return;
  if (probes === 0 && !chooseOctet(core, flow, at)) return;
  const seq = words[at + K_PROBE_SEQ]!;
  // Further back than the receiver's window reaches forth, a firewall that keeps count would take
  // it for somebody else's (nf_conntrack_proto_tcp.c, "lower bound of the window").
  const back = seqDiff(core.seg.segAck, seq);
  const reach = seqDiff(offeredEnd(core, flow), core.seg.segAck);
  if (back > reach || sendsSingles(core, flow)) return;
  const octet = words[at + K_PROBE_OCTET]!;
  if (!probeWithOctet(core, flow, SACK_OUT_OF_WINDOW, seq, octet, probes + 1)) return;
  words[at + K_PROBES] = probes + 1;
  words[at + K_PROBE_MS] = core.nowMs;
  words[at + K_ASKED] = words[at + K_ASKED]! + 1;
}

function sendsSingles(core: Core, flow: number): boolean {
  return core.spoken.sentSingle(flow, generationOf(core, flow));
}

function chooseOctet(core: Core, flow: number, at: number): boolean {
  const words = core.sacks.words;
  const octet = core.spoken.octetKnown(flow, generationOf(core, flow));
  if (octet < 0) return false;
  words[at + K_PROBE_SEQ] = core.spoken.octetSeq(flow);
  words[at + K_PROBE_OCTET] = octet;
  return true;
}

function noteTail(core: Core, at: number): void {
  const words = core.sacks.words;
  words[at + K_TAIL_KNOWN] = 1;
  words[at + K_TAIL] = highestEdge(core);
  words[at + K_TAIL_ACK] = core.seg.segAck;
}

/**
 * The recovery is complete: SEG.ACK now stands where the highest block ended. Where it ends as far
 * from its own ACK as the one before, both may tell of doubled segments, which ended at that ACK.
 */
function inferFromEnd(core: Core, at: number): void {
  const words = core.sacks.words;
  const { segAck, payloadBytes } = core.seg;
  if (words[at + K_STATE] !== SACK_FOREIGN || words[at + K_TAIL_KNOWN] === 0) return;
  if (payloadBytes > 0 || !seqLt(words[at + K_TAIL_ACK]!, segAck)) return;
  words[at + K_TAIL_KNOWN] = 0;
  const gap = seqDiff(words[at + K_TAIL]!, words[at + K_TAIL_ACK]!);
  const isSame = gap === words[at + K_GAP];
  words[at + K_GAP] = gap;
  if (isSame) return;
  const guess = seqDiff(words[at + K_TAIL]!, segAck);
  const again = words[at + K_GUESSES]! > 0 && words[at + K_GUESS] === guess;
  words[at + K_GUESSES] = again ? words[at + K_GUESSES]! + 1 : 1;
  words[at + K_GUESS] = guess;
  if (words[at + K_GUESSES]! < GUESSES_MIN || guess === 0) return;
  words[at + K_DELTA] = guess;
  words[at + K_STATE] = SACK_TRIED;
  core.sacks.words[at + K_LAST_MS] = core.nowMs;
}

/**
 * A SACK of a settled flow whose blocks no window holds; true when the flow may stay settled,
 * because their shift is known. Its numbers are old: the segment is judged by its own SEG.ACK and
 * window. Where it has to come back for this, its blocks wait as above.
 */
export function repairSettled(core: Core, flow: number): boolean {
  const at = slotOf(core, flow);
  if (core.policy[POLICY_SACK] === SACK_OFF) return true;
  const words = core.sacks.words;
  const state = at < 0 ? SACK_FOREIGN : words[at + K_STATE]!;
  if (state === SACK_LEFT_ALONE) return true;
  if (isBehindRaw(core) || (core.info & INFO_TRUNCATED) !== 0) return false;
  if (state !== SACK_REPAIRING) {
    withhold(core, flow);
    return false;
  }
  const delta = words[at + K_DELTA]!;
  if (!blocksFit(core, 0, delta, offeredEnd(core, flow))) return false;
  words[at + K_LAST_MS] = core.nowMs;
  if (enforce(core, SACK_REPAIRED)) moveBlocks(core, delta);
  return true;
}

/** Is something about to be learned for which plain segments have to be seen? */
export function wantsSight(core: Core, flow: number): boolean {
  const at = slotOf(core, flow);
  if (at < 0) return false;
  const words = core.sacks.words;
  const open = words[at + K_STATE] === SACK_FOREIGN || words[at + K_STATE] === SACK_TRIED;
  return open && since(core.nowMs, words[at + K_LAST_MS]!) < WANTED_MS;
}
