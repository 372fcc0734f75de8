/**
 * Looks at settled flows: their sockets are asked in turn, and one that gets nowhere although its
 * ends speak is taken back from the kernel. Its far end's segments may lie outside every window
 * (`jump.ts`), and those below it Linux counts to their connection since 6.1 (NFCT_TCP_IGNORE): no
 * rule of ours would ever see them.
 *
 * A flow that comes back has no history; what its socket knows stands in for it, on the safe side:
 * when the octets in flight began to be sent at the earliest, and since when at the latest its ACK
 * is in use. Linux counts both in jiffies, and TSvals in milliseconds.
 *
 * Owns `core.sockets`. Writes FLOW_*, `core.spoken`. Times: ms. DESIGN §4.4, tcp_info(linux/tcp.h).
 */
import {
  type Core,
  farHalf,
  flagsOf,
  generationOf,
  leaveBypass,
  nearHalf,
  setFlags,
  since,
} from '../core.ts';
import { askSocket, nearTsAt } from '../emit.ts';
import {
  FLOW_FORWARDED,
  FLOW_KERNEL,
  FLOW_ROW_WORDS,
  FLOW_SETTLED,
  FLOW_WAKE,
  INDEX_HIGH,
  INDEX_LOOKED_AT,
  INDEX_LOOKED_MS,
  INDEX_SETTLED,
  NEAR_TS_MS,
  SND_UNA,
  TS_ECR,
  TS_VAL,
} from '../flow/layout.ts';
import {
  K_ACKED,
  K_BUSY_MS,
  K_IDLE,
  K_LOOKED_MS,
  K_RECEIVED,
  K_USED_SEGMENTS,
} from '../flow/socket-table.ts';
import { POLICY_OBSERVE } from '../memory.ts';
import {
  IN_ACKED,
  IN_ASKED_MS,
  IN_BUSY_MS,
  IN_DATA_MS,
  IN_DATA_SEGMENTS,
  IN_RECEIVED,
  IN_RETRANSMITS,
  IN_SENT,
} from '../outbox.ts';
import { seqAdd, seqLt } from '../wire/seq.ts';
import { hasTimestamps } from './numbers.ts';

/** So many questions at most in each turn, and each flow not more often than LOOK_MS. */
const TURN_MS = 100;
const LOOKS_A_TURN = 8;
const ROWS_A_TURN = 512;
const LOOK_MS = 1000;
/** Retransmissions in a row. One segment with data that was of no use is enough. */
const RETRANSMITS_MIN = 2;
/** A jiffy is 10 ms at most, and what is seen here was sent a little earlier. */
const INEXACT_MS = 25;

/** What conntrack translates has other numbers here, what is forwarded has no socket. */
const ASKED = FLOW_SETTLED | FLOW_KERNEL | FLOW_FORWARDED;

/** Asks the sockets of the next few settled flows. */
export function lookAtSettled(core: Core): void {
  const { index } = core.flows;
  if (index[INDEX_SETTLED] === 0 || core.policy[POLICY_OBSERVE] !== 0) return;
  if (since(core.nowMs, index[INDEX_LOOKED_MS]!) < TURN_MS) return;
  index[INDEX_LOOKED_MS] = core.nowMs;
  const high = index[INDEX_HIGH]!;
  const rowCount = high < ROWS_A_TURN ? high : ROWS_A_TURN;
  let looks = 0;
  for (let i = 0; i < rowCount && looks < LOOKS_A_TURN; i++) {
    const next = index[INDEX_LOOKED_AT]! + 1;
    const flow = next < high ? next : 0;
    index[INDEX_LOOKED_AT] = flow;
    if ((flagsOf(core, flow) & ASKED) !== FLOW_SETTLED) continue;
    const known = core.sockets.find(flow, generationOf(core, flow));
    const lookedMs = known < 0 ? core.nowMs - LOOK_MS : core.sockets.words[known + K_LOOKED_MS]!;
    if (since(core.nowMs, lookedMs) < LOOK_MS) continue;
    askSocket(core, flow);
    looks++;
  }
}

/** A settled flow's socket has answered. True: it gets nowhere, and comes back from the kernel. */
export function takesBack(core: Core, flow: number, at: number): boolean {
  if ((flagsOf(core, flow) & FLOW_KERNEL) !== 0) return false;
  const known = core.sockets.find(flow, generationOf(core, flow));
  if (known < 0 || !isStuck(core, known, at) || core.policy[POLICY_OBSERVE] !== 0) {
    noteLook(core, flow, at);
    return false;
  }
  leaveBypass(core, flow);
  setFlags(core, flow, FLOW_WAKE);
  return true;
}

/** Nothing has been acknowledged and nothing received for some looks, and yet they speak. */
function isStuck(core: Core, known: number, at: number): boolean {
  const then = core.sockets.words;
  const told = core.inbox.words;
  if (then[known + K_ACKED] !== told[at + IN_ACKED]) return false;
  if (then[known + K_RECEIVED] !== told[at + IN_RECEIVED]) return false;
  if (since(core.nowMs, then[known + K_LOOKED_MS]!) < LOOK_MS / 2) return false;
  const unused = (told[at + IN_DATA_SEGMENTS]! - then[known + K_USED_SEGMENTS]!) | 0;
  return told[at + IN_RETRANSMITS]! >= RETRANSMITS_MIN || unused > 0;
}

function noteLook(core: Core, flow: number, at: number): void {
  const words = core.sockets.words;
  const told = core.inbox.words;
  const to = core.sockets.take(flow, generationOf(core, flow));
  const gotOn =
    words[to + K_LOOKED_MS] === 0 ||
    words[to + K_ACKED] !== told[at + IN_ACKED] ||
    words[to + K_RECEIVED] !== told[at + IN_RECEIVED];
  if (gotOn) words[to + K_USED_SEGMENTS] = told[at + IN_DATA_SEGMENTS]!;
  words[to + K_LOOKED_MS] = core.nowMs;
  words[to + K_ACKED] = told[at + IN_ACKED]!;
  words[to + K_RECEIVED] = told[at + IN_RECEIVED]!;
  if (told[at + IN_ACKED] !== told[at + IN_SENT]) return;
  words[to + K_IDLE] = 1;
  words[to + K_BUSY_MS] = told[at + IN_BUSY_MS]!;
}

/** The flow is back, and its halves are what the socket told: what else does that prove? */
export function recall(core: Core, flow: number, at: number): void {
  const told = core.inbox.words;
  const halves = core.flows.halves;
  const near = nearHalf(core, flow);
  core.spoken.forget(flow);
  // Its TSvals are no milliseconds: nothing can be told from them.
  if (!hasTimestamps(core, flow) || told[at + IN_BUSY_MS]! < 0) return;
  const tsNow = nearTsAt(core, flow, near, core.nowMs);
  const sinceMs = (core.nowMs - told[at + IN_DATA_MS]! + INEXACT_MS) | 0;
  const sinceTs = nearTsAt(core, flow, near, sinceMs);
  const ack = halves[farHalf(core, flow) + SND_UNA]!;
  core.spoken.recall(flow, generationOf(core, flow), ack, sinceTs, tsNow, sinceMs);
  const busyMs = busySince(core, flow, at);
  if (busyMs >= 0) {
    // The answer may have waited: counted from when it was asked.
    const flightMs = (told[at + IN_ASKED_MS]! - busyMs) | 0;
    core.spoken.recallFlight(flow, nearTsAt(core, flow, near, flightMs));
  }
  halves[near + TS_VAL] = tsNow;
  core.flows.rows[flow * FLOW_ROW_WORDS + NEAR_TS_MS] = core.nowMs;
}

/**
 * What the far end has echoed since the bypass ended may have come in numbers that are not the
 * socket's (`jump.ts`): it is not taken to have named the ACK that is in use now.
 */
export function forgetEcho(core: Core, flow: number): void {
  const newest = core.spoken.newestAck(flow, generationOf(core, flow));
  const halves = core.flows.halves;
  const far = farHalf(core, flow);
  // Without one: what it says next may have the same TSval.
  const inUse = newest < 0 ? halves[nearHalf(core, flow) + TS_VAL]! : core.spoken.firstTs(newest);
  const before = seqAdd(inUse, -1);
  if (seqLt(before, halves[far + TS_ECR]!)) halves[far + TS_ECR] = before;
}

/** For how long at most octets are in flight now; -1: that is not known. */
function busySince(core: Core, flow: number, at: number): number {
  const words = core.sockets.words;
  const told = core.inbox.words;
  const known = core.sockets.find(flow, generationOf(core, flow));
  if (known < 0 || words[known + K_IDLE] === 0) return -1;
  const busyMs = (told[at + IN_BUSY_MS]! - words[known + K_BUSY_MS]!) | 0;
  return busyMs < 0 ? -1 : busyMs + INEXACT_MS;
}
