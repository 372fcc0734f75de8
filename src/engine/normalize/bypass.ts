/**
 * What becomes of settled flows (`settle.ts`): their plain packets stay in the kernel, and the
 * row's numbers grow old. SYN, FIN, RST and arriving SACKs (of forwarded ones all SACKs) go on
 * coming here, and what conntrack calls INVALID (it has no connection mark). Except for a SACK that
 * nothing is wrong with, such a segment ends the bypass, and the near end's socket is asked for the
 * numbers: a segment may be a retransmission or lie behind a gap.
 *
 * Writes FLOW_OLD, FLOW_UNHEARD, FLOW_WAKE, the halves after a bypass. Times: ms.
 * DESIGN §2 "Rules", §4.2 "An RST on a bypassed flow".
 */
import {
  type Core,
  clearFlags,
  farHalf,
  flagsOf,
  leaveBypass,
  nearHalf,
  setFlags,
  since,
} from '../core.ts';
import { acknowledgeAgain, askSocket } from '../emit.ts';
import {
  ANCHORED_MS,
  EXPIRES_MS,
  FLOW_FORWARDED,
  FLOW_KERNEL,
  FLOW_NUMBERS_OLD,
  FLOW_OLD,
  FLOW_OVER,
  FLOW_ROW_WORDS,
  FLOW_SETTLED,
  FLOW_UNHEARD,
  FLOW_UNSEEN,
  FLOW_WAKE,
  GENERATION,
  HALF_FLAGS,
  HALF_RST_PASSED,
  ISS,
  SND_CONT,
  SND_NXT,
  SND_UNA,
} from '../flow/layout.ts';
import { IDLE_ASKED_MS, IDLE_CLOSED_MS } from '../limits.ts';
import { POLICY_OBSERVE } from '../memory.ts';
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
import { ACK, FIN, RST, SYN } from '../wire/segment.ts';
import { seqAdd, seqDiff } from '../wire/seq.ts';
import { followSettled, followWaking, takeNumbers } from './forwarded.ts';
import { judgeHeld } from './held.ts';
import { settledIdle } from './idle.ts';
import { hearSocket } from './jump.ts';
import { forgetEcho, recall, takesBack } from './looks.ts';
import { repairSettled } from './sack.ts';
import { blocksFit, offeredEnd } from './sack-blocks.ts';
import { WAKING } from './settle.ts';
import { isUnseen } from './unseen.ts';

/** An answer that did not come is asked for again. */
const ASKED_AGAIN_MS = 1000;
/** Packets that were queued before the mark stood still come within this. */
const GRACE_MS = 500;
/** So much newer than the socket's answer can be what was seen while it was under way. */
const NEWER_OCTETS = 1 << 22;

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
  if (ageMs < ASKED_AGAIN_MS) return true;
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
