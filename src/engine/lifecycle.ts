/**
 * How flows begin and end: from a SYN, in mid-stream, by port re-use, by expiry.
 *
 * Writes the flow table; gives back repair slots and rules of what ends. RFC 9293 §3.10.1, §3.6.1;
 * RFC 6056 (ports come back within seconds).
 */
import { STAT_FLOW_CREATED, STAT_FLOW_PICKED_UP, STAT_TABLE_FULL } from './codes.ts';
import {
  type Core,
  count,
  farHalf,
  flagsOf,
  isTainted,
  knownPath,
  leaveBypass,
  nearHalf,
  releaseRepair,
  setFlags,
} from './core.ts';
import {
  ANSWERED_MS,
  BORN_MS,
  FLOW_ANCHORED,
  FLOW_CANARY,
  FLOW_KERNEL,
  FLOW_MOVING,
  FLOW_NEAR_RESPONDS,
  FLOW_OVER,
  FLOW_PICKED_UP,
  FLOW_PROVEN,
  FLOW_REUSED,
  FLOW_ROW_WORDS,
  FLOW_TAINTED,
  FLOW_TRANSLATED,
  FLOW_UNTOUCHED,
  INDEX_TRANSLATED,
  PATH,
  PROBED_MS,
  TAINT_AT_MS,
} from './flow/layout.ts';
import { FACT_FAULTY, FACT_PHANTOM } from './flow/path-table.ts';
import { onEstablished, onReset, onSyn } from './flow/state.ts';
import { trackPickedUp, trackSyn } from './flow/track.ts';
import { releaseKernel } from './kernel-requests.ts';
import { dropRule } from './rule-requests.ts';

/** "Long ago" on the int32 clock: as far back as `since` can tell. */
const LONG_AGO_MS = 0x3fffffff;

function begin(core: Core, flow: number): void {
  const row = flow * FLOW_ROW_WORDS;
  const rows = core.flows.rows;
  rows[row + BORN_MS] = core.nowMs;
  core.silences.clear(flow);
  core.tape.begin(flow);
  rows[row + PROBED_MS] = (core.nowMs - LONG_AGO_MS) | 0;
  rows[row + ANSWERED_MS] = (core.nowMs - LONG_AGO_MS) | 0;
}

/** A row for the key in hand, or -1: table full or stopping; the packet passes. */
function open(core: Core): number {
  if (core.stopping !== 0) return -1;
  const flow = core.flows.insert(core.nowMs);
  const path = core.flows.evictedPath() - 1;
  if (path >= 0) core.paths.leave(path);
  if (flow < 0) count(core, STAT_TABLE_FULL);
  else begin(core, flow);
  return flow;
}

/**
 * Is the far end of the key in hand fe80::/10? Such an address says nothing without an interface,
 * and what is injected has none (RFC 4291 §2.5.6): a reset that was held could not be delivered.
 */
function isLinkLocal(core: Core): boolean {
  const key = core.flows.key;
  return key[9] !== 0 && key[4]! >>> 22 === 0x3fa;
}

/** The segment in hand is a SYN without a known flow, or of a new connection on known ports. */
export function openFromSyn(core: Core, known: number, nearInitiates: boolean): number {
  let flow = known;
  if (flow < 0) {
    flow = open(core);
    if (flow < 0) return -1;
  } else {
    beginAgain(core, flow);
  }
  if (!nearInitiates) setFlags(core, flow, FLOW_NEAR_RESPONDS);
  if (known >= 0) setFlags(core, flow, FLOW_REUSED);
  const seg = core.seg;
  const halves = core.flows.halves;
  const sender = nearInitiates ? nearHalf(core, flow) : farHalf(core, flow);
  const peer = nearInitiates ? farHalf(core, flow) : nearHalf(core, flow);
  trackSyn(halves, sender, seg);
  onSyn(halves, sender, peer);
  // Data on a SYN (RFC 7413, RFC 9293 §3.10.7.2) moves the numbers we reason about: hands off.
  if (seg.foreign !== 0 || seg.payloadBytes > 0 || isLinkLocal(core)) {
    setFlags(core, flow, FLOW_UNTOUCHED);
  }
  count(core, STAT_FLOW_CREATED);
  enterPath(core, flow);
  return flow;
}

/**
 * The row's ports are used again. A second end point that answered the connection before may still
 * be there, since nobody has told it that this one is another: the taint outlives the row's reuse.
 */
function beginAgain(core: Core, flow: number): void {
  const at = flow * FLOW_ROW_WORDS + TAINT_AT_MS;
  const taintedMs = core.flows.rows[at]!;
  const tainted = isTainted(core, flow);
  clearRow(core, flow);
  if (!tainted) return;
  setFlags(core, flow, FLOW_TAINTED);
  core.flows.rows[at] = taintedMs;
}

function clearRow(core: Core, flow: number): void {
  letGo(core, flow);
  core.flows.keyOf(flow);
  core.flows.clear(flow);
  begin(core, flow);
}

/** Destinations of which nothing is known are not counted. */
function enterPath(core: Core, flow: number): void {
  const path = knownPath(core, flow);
  if (path < 0) return;
  core.flows.rows[flow * FLOW_ROW_WORDS + PATH] = path + 1;
  if (core.paths.enter(path)) setFlags(core, flow, FLOW_CANARY);
}

/**
 * A canary whose handshake nobody disturbed, and whose end no reset made, clears what is known of
 * handshakes; anything else that was known has its own judge.
 */
function leavePath(core: Core, flow: number, clean: boolean): void {
  const at = flow * FLOW_ROW_WORDS + PATH;
  const path = core.flows.rows[at]! - 1;
  if (path < 0) return;
  core.flows.rows[at] = 0;
  core.paths.leave(path);
  const flags = flagsOf(core, flow);
  if (!clean || (flags & (FLOW_CANARY | FLOW_PROVEN)) !== (FLOW_CANARY | FLOW_PROVEN)) return;
  if (knownPath(core, flow) !== path) return; // the row has changed hands
  core.paths.countClean(path);
  const bornMs = core.flows.rows[flow * FLOW_ROW_WORDS + BORN_MS]!;
  core.paths.clear(path, FACT_FAULTY, bornMs);
  core.paths.clear(path, FACT_PHANTOM, bornMs);
}

/** A connection older than we are: both ends are taken as established and real. */
export function pickUp(core: Core, toFar: boolean): number {
  const flow = open(core);
  if (flow >= 0) follow(core, flow, toFar);
  return flow;
}

/** The segment in hand, which leaves, is not of the row's connection but of another, older one. */
export function pickUpAgain(core: Core, flow: number): void {
  clearRow(core, flow);
  follow(core, flow, true);
}

function follow(core: Core, flow: number, toFar: boolean): void {
  const halves = core.flows.halves;
  const sender = toFar ? nearHalf(core, flow) : farHalf(core, flow);
  const peer = toFar ? farHalf(core, flow) : nearHalf(core, flow);
  trackPickedUp(halves, sender, peer, core.seg);
  onEstablished(halves, sender, peer);
  core.tape.beginLate(flow);
  setFlags(core, flow, FLOW_PICKED_UP | FLOW_ANCHORED | FLOW_PROVEN);
  if (core.seg.foreign !== 0 || isLinkLocal(core)) setFlags(core, flow, FLOW_UNTOUCHED);
  count(core, STAT_FLOW_PICKED_UP);
}

/** Both FINs, or a reset: nothing is checked or asked any more, translation goes on to the end. */
export function endFlow(core: Core, flow: number, byReset: boolean): void {
  if (byReset) onReset(core.flows.halves, nearHalf(core, flow), farHalf(core, flow));
  leaveBypass(core, flow);
  leavePath(core, flow, !byReset);
  setFlags(core, flow, FLOW_OVER);
  releaseRepair(core, flow);
  if ((flagsOf(core, flow) & FLOW_TRANSLATED) === 0) dropRule(core, flow);
}

/** Gives back what a flow holds outside its row. */
export function letGo(core: Core, flow: number): void {
  leaveBypass(core, flow);
  leavePath(core, flow, false);
  releaseRepair(core, flow);
  dropRule(core, flow);
  if ((flagsOf(core, flow) & (FLOW_KERNEL | FLOW_MOVING)) !== 0) releaseKernel(core, flow);
  if ((flagsOf(core, flow) & FLOW_TRANSLATED) !== 0) {
    core.flows.index[INDEX_TRANSLATED] = core.flows.index[INDEX_TRANSLATED]! - 1;
  }
}
