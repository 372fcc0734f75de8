/**
 * Which flows need nobody's help: proven, untainted, not under repair, in both directions for a
 * while. They are settled: their plain packets stay in the kernel, and the row's numbers grow old.
 * SYN, FIN, RST and arriving SACKs (of forwarded ones all SACKs) go on coming here, and what
 * conntrack calls INVALID (it has no connection mark). Except for a SACK that nothing is wrong
 * with, such a segment ends the bypass, and the near end's socket is asked for the numbers: a
 * segment may be a retransmission or lie behind a gap.
 *
 * Writes FLOW_SETTLED, FLOW_OLD, FLOW_BYPASSED, the halves after a bypass, `core.word`. Times: ms.
 * DESIGN §2 "Rules", §4.2 "An RST on a bypassed flow".
 */
import { PROBE_SENT } from '../codes.ts';
import {
  type Core,
  clearFlags,
  farHalf,
  flagsOf,
  isTainted,
  leaveBypass,
  nearHalf,
  pathHolds,
  setFlags,
  since,
} from '../core.ts';
import { acknowledgeAgain, askSocket } from '../emit.ts';
import {
  ANCHORED_MS,
  EXPIRES_MS,
  FLOW_ANCHORED,
  FLOW_BYPASSED,
  FLOW_CONFIRMED,
  FLOW_FORWARDED,
  FLOW_KERNEL,
  FLOW_NUMBERS_OLD,
  FLOW_OLD,
  FLOW_OVER,
  FLOW_PICKED_UP,
  FLOW_PROVEN,
  FLOW_ROW_WORDS,
  FLOW_RULE_WANTED,
  FLOW_SETTLED,
  FLOW_TRANSLATED,
  FLOW_UNHEARD,
  FLOW_UNSCALED,
  FLOW_UNSEEN,
  FLOW_UNTOUCHED,
  FLOW_WAKE,
  GENERATION,
  HALF_FLAGS,
  HALF_RST_PASSED,
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
import { IDLE_ASKED_MS, IDLE_CLOSED_MS } from '../limits.ts';
import { POLICY_BYPASS, POLICY_OBSERVE, POLICY_OFF } from '../memory.ts';
import {
  IN_ACKED,
  IN_ASKED_MS,
  IN_FLOW,
  IN_GENERATION,
  IN_OK,
  IN_QUIET_MS,
  IN_RECEIVED,
  IN_SENT,
  IN_SETTLED,
  SOCKET_GONE,
  SOCKET_LIVES,
} from '../outbox.ts';
import { HOOK_FORWARD, WORD_READY, WORD_SETTLED, WORD_UNSETTLED, WORD_WAKES } from '../verdict.ts';
import { ACK, FIN, RST, SYN } from '../wire/segment.ts';
import { seqAdd, seqDiff } from '../wire/seq.ts';
import { followSettled, followWaking, takeNumbers } from './forwarded.ts';
import { awaitsDuplicateAck } from './handshake.ts';
import { judgeHeld } from './held.ts';
import { settledIdle } from './idle.ts';
import { hearSocket } from './jump.ts';
import { isGreeted, staysAdopted } from './kernel.ts';
import { forgetEcho, recall, takesBack } from './looks.ts';
import { repairSettled, wantsSight } from './sack.ts';
import { blocksFit, offeredEnd } from './sack-blocks.ts';
import { isUnseen } from './unseen.ts';

/** Segments that must have been seen behind the SYNs: an ACK and data, and the answer to it. */
const NEAR_SEGMENTS_MIN = 2;
const FAR_SEGMENTS_MIN = 1;
const FAULTY_MS = 5000; // on a path with a known fault the signs of the next one get their time
/** So many segments, one in so many ms, are a load too: nobody types that fast. */
const LOAD_SEGMENTS_MIN = 256;
const LOAD_PACE_MS = 10;
/** Behind the end of a bypass. */
const AGAIN_MS = 1000;
/** Packets that were queued before the mark stood still come within this. */
const GRACE_MS = 500;
/** So much newer than the socket's answer can be what was seen while it was under way. */
const NEWER_OCTETS = 1 << 22;

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
const WAKING = FLOW_OLD | FLOW_FORWARDED;

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

/** Does the segment in hand go on without being judged? */
export function isUnjudged(core: Core, flow: number, toFar: boolean): boolean {
  const flags = flagsOf(core, flow);
  if ((flags & FLOW_UNSEEN) !== 0 && isUnseen(core, flow, toFar)) return true;
  if ((flags & WAKING) === WAKING) followWaking(core, flow, toFar);
  return (flags & (FLOW_SETTLED | FLOW_UNHEARD)) !== 0 && staysSettled(core, flow, toFar);
}

/**
 * A segment of a settled flow, before it is judged; true when it goes on as it is. A reset or SYN
 * says nothing about numbers.
 */
function staysSettled(core: Core, flow: number, toFar: boolean): boolean {
  const seg = core.seg;
  if ((seg.flags & (SYN | RST | ACK)) !== ACK) return false;
  if ((flagsOf(core, flow) & FLOW_FORWARDED) !== 0) return forwardedStays(core, flow, toFar);
  const ageMs = since(core.nowMs, core.flows.rows[flow * FLOW_ROW_WORDS + ANCHORED_MS]!);
  const sack = seg.sackCount > 0;
  const ends = (seg.flags & FIN) !== 0;
  const plain = !ends && !sack;
  if ((flagsOf(core, flow) & FLOW_UNHEARD) !== 0) {
    if (plain) return waitsForSocket(core, flow, ageMs);
    clearFlags(core, flow, FLOW_UNHEARD);
  } else {
    if (!ends && (sack ? toFar || sackStays(core, flow) : ageMs < GRACE_MS)) return true;
    leaveBypass(core, flow);
    // Conntrack called it INVALID: what its numbers are worth the socket will tell.
    if (plain && !toFar) {
      setFlags(core, flow, FLOW_UNHEARD | FLOW_WAKE);
      askSocket(core, flow);
      return true;
    }
  }
  const halves = core.flows.halves;
  const sender = toFar ? nearHalf(core, flow) : farHalf(core, flow);
  const peer = toFar ? farHalf(core, flow) : nearHalf(core, flow);
  restart(halves, sender, seg.segSeq);
  restart(halves, peer, seg.segAck);
  // Of a FIN the rules take the mark, of what was queued behind conntrack its own verdict.
  if (sack && !ends) setFlags(core, flow, FLOW_WAKE);
  askSocket(core, flow);
  return false;
}

/** What is empty is expected; the segment in hand is all that tells how far the others went. */
function forwardedStays(core: Core, flow: number, toFar: boolean): boolean {
  const seg = core.seg;
  const ageMs = since(core.nowMs, core.flows.rows[flow * FLOW_ROW_WORDS + ANCHORED_MS]!);
  const ends = (seg.flags & FIN) !== 0;
  const sack = seg.sackCount > 0;
  const expected = seg.payloadBytes === 0 || ageMs < GRACE_MS;
  if (!ends && (sack ? toFar || sackStays(core, flow) : expected)) {
    followSettled(core, flow, toFar);
    return true;
  }
  leaveBypass(core, flow);
  takeNumbers(core, flow, toFar);
  if (sack && !ends && core.policy[POLICY_OBSERVE] === 0) acknowledgeAgain(core, flow);
  return false;
}

/** Asks again where no answer came. */
function waitsForSocket(core: Core, flow: number, ageMs: number): boolean {
  if (ageMs < AGAIN_MS) return true;
  core.flows.rows[flow * FLOW_ROW_WORDS + ANCHORED_MS] = core.nowMs;
  askSocket(core, flow);
  return true;
}

/**
 * A SACK that means what it says, or one that was repaired, ends no bypass. Numbers that a firewall
 * has not translated lie in the window by chance only, once in some hundred times.
 */
function sackStays(core: Core, flow: number): boolean {
  return blocksFit(core, 0, 0, offeredEnd(core, flow)) || repairSettled(core, flow);
}

function restart(halves: Int32Array, half: number, seq: number): void {
  halves[half + SND_UNA] = halves[half + SND_NXT] = halves[half + SND_CONT] = seq;
}

/** A settled flow would expire unseen: is its socket still there? */
export function askBeforeExpiry(core: Core, flow: number): boolean {
  const flags = flagsOf(core, flow);
  const live = (flags & FLOW_SETTLED) !== 0 || (flags & (FLOW_KERNEL | FLOW_OVER)) === FLOW_KERNEL;
  if (!live || (flags & FLOW_FORWARDED) !== 0) return false;
  core.flows.rows[flow * FLOW_ROW_WORDS + EXPIRES_MS] = (core.nowMs + IDLE_ASKED_MS) | 0;
  askSocket(core, flow);
  return true;
}

/** The socket's answer, in the inbox at `at`. */
export function socketTold(core: Core, at: number): void {
  const told = core.inbox.words;
  const flow = told[at + IN_FLOW]!;
  const row = flow * FLOW_ROW_WORDS;
  const rows = core.flows.rows;
  if (rows[row + GENERATION] !== told[at + IN_GENERATION]) return;
  const flags = flagsOf(core, flow);
  const lives = told[at + IN_OK] === SOCKET_LIVES;
  const isOld = (flags & FLOW_NUMBERS_OLD) !== 0;
  if (!isOld && (flags & FLOW_KERNEL) === 0) {
    if (lives) hearSocket(core, flow, told[at + IN_RECEIVED]!);
    return;
  }
  const settled = (flags & FLOW_SETTLED) !== 0;
  if (lives && (!isOld || (!settled && told[at + IN_SETTLED] === 1))) {
    core.flows.touch(flow, core.nowMs);
    // A look that was under way when the bypass ended: it was asked once more since.
    if (isOld) return;
  } else if (lives) {
    const near = nearHalf(core, flow);
    const far = farHalf(core, flow);
    const halves = core.flows.halves;
    const back = !settled || takesBack(core, flow, at);
    const seen = (flags & (FLOW_SETTLED | FLOW_UNHEARD)) === 0;
    const acked = seqAdd(halves[near + ISS]!, 1 + told[at + IN_ACKED]!);
    const received = seqAdd(halves[far + ISS]!, 1 + told[at + IN_RECEIVED]!);
    // What was seen first may have been an empty ACK in front of which octets are in flight, or
    // behind which some were lost: what either end has acknowledged only its own word tells.
    halves[near + SND_UNA] = acked;
    halves[far + SND_UNA] = received;
    advance(halves, near + SND_CONT, acked, seen);
    advance(halves, near + SND_NXT, seqAdd(halves[near + ISS]!, 1 + told[at + IN_SENT]!), seen);
    advance(halves, far + SND_CONT, received, seen);
    advance(halves, far + SND_NXT, received, seen);
    halves[far + HALF_FLAGS] = halves[far + HALF_FLAGS]! & ~HALF_RST_PASSED;
    if (back) clearFlags(core, flow, FLOW_OLD | FLOW_UNHEARD);
    else core.flows.touch(flow, core.nowMs);
    if (back && !seen) recall(core, flow, at);
    if (back) forgetEcho(core, flow);
    if (!back) settledIdle(core, flow, told[at + IN_QUIET_MS]!);
    if ((flagsOf(core, flow) & FLOW_WAKE) !== 0 && core.policy[POLICY_OBSERVE] === 0)
      acknowledgeAgain(core, flow);
    clearFlags(core, flow, FLOW_WAKE);
  } else if (told[at + IN_OK] === SOCKET_GONE) {
    leaveBypass(core, flow);
    if ((flags & FLOW_KERNEL) !== 0) setFlags(core, flow, FLOW_OVER);
    rows[row + EXPIRES_MS] = (core.nowMs + IDLE_CLOSED_MS) | 0;
  }
  judgeHeld(core, flow, lives, told[at + IN_ASKED_MS]!);
}

/**
 * What was seen since the bypass ended may be newer than the answer; what was before is not, and
 * what lies far ahead was told in numbers that are not the socket's (`jump.ts`).
 */
function advance(halves: Int32Array, at: number, seq: number, seen: boolean): void {
  const ahead = seqDiff(halves[at]!, seq);
  if (!seen || ahead < 0 || ahead > NEWER_OCTETS) halves[at] = seq;
}
