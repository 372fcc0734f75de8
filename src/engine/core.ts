/**
 * What every stage of the engine works on: the tables, the rings, and the packet in hand.
 *
 * Owns the tables; borrows the packet arena for one step. One object of one shape, so that the
 * normalizers are plain functions of `(core, flow)`. Times: ms.
 */
import { STAT_REPAIR_FULL, WOULD } from './codes.ts';
import { EvidenceTape } from './evidence-tape.ts';
import { FLOW_COMMITTED } from './flow/commit-word.ts';
import { DestinationTable } from './flow/destination-table.ts';
import { FirstData } from './flow/first-data.ts';
import { FlowTable } from './flow/flow-table.ts';
import {
  ANCHORED_MS,
  BORN_MS,
  FLOW_CANARY,
  FLOW_FLAGS,
  FLOW_NEAR_RESPONDS,
  FLOW_OLD,
  FLOW_ROW_WORDS,
  FLOW_SETTLED,
  FLOW_TAINTED,
  GENERATION,
  HALF_WORDS,
  INDEX_SETTLED,
  REPAIR,
  SEGMENT_COUNT,
  TAINT_AT_MS,
} from './flow/layout.ts';
import { OriginTable } from './flow/origin-table.ts';
import { PathTable } from './flow/path-table.ts';
import { REPAIR_WORDS, RepairTable } from './flow/repair-table.ts';
import { SackTable } from './flow/sack-table.ts';
import { SilenceTable } from './flow/silence-table.ts';
import { SocketTable } from './flow/socket-table.ts';
import { Spoken } from './flow/spoken.ts';
import {
  EVENT_SLOT_COUNT,
  EVENT_WORDS,
  INBOX_SLOT_BYTES,
  INBOX_SLOT_COUNT,
  OUTBOX_SLOT_BYTES,
  OUTBOX_SLOT_COUNT,
  TAINT_MS,
} from './limits.ts';
import { type EngineMemory, POLICY_OBSERVE, POLICY_OFF } from './memory.ts';
import { Ring } from './ring.ts';
import { HOOK_FORWARD, HOOK_INPUT, WORD_WAKES } from './verdict.ts';
import { ControlSegment } from './wire/build.ts';
import type { ArenaWords } from './wire/checksum.ts';
import { Segment } from './wire/segment.ts';

export class Core {
  readonly flows: FlowTable;
  /** Those of other packet threads: read only, for errors that routers send. */
  readonly others: readonly FlowTable[];
  readonly repairs: RepairTable;
  readonly paths: PathTable;
  readonly origins: OriginTable;
  readonly firstData: FirstData;
  readonly spoken: Spoken;
  readonly sacks: SackTable;
  readonly sockets: SocketTable;
  readonly silences: SilenceTable;
  readonly destinations: DestinationTable;
  readonly outbox: Ring;
  readonly inbox: Ring;
  readonly events: Ring;
  readonly tape: EvidenceTape;
  readonly counters: Float64Array;
  readonly policy: Int32Array;
  readonly seg = new Segment();
  readonly control = new ControlSegment();
  /** The packet arena and its 32-bit view, set by `attach`. */
  buf: Uint8Array = new Uint8Array(0);
  words: ArenaWords = new Uint32Array(0);
  /** The packet in hand. */
  off = 0;
  len = 0;
  hook = 0;
  info = 0;
  macHash = 0;
  nowMs = 0;
  /** 1 once bytes of the packet in hand were changed. */
  changed = 0;
  /** The flow of the packet in hand, and WORD_* on it. */
  flow = 0;
  word = 0;
  /** 1: no new flow is taken (stopping for good). */
  stopping = 0;

  constructor(memory: EngineMemory, seed: number, others: readonly EngineMemory[]) {
    this.flows = new FlowTable(memory, seed);
    this.silences = new SilenceTable(memory.flowCountMax);
    this.destinations = new DestinationTable(this.flows);
    this.others = others.map((other) => new FlowTable(other, seed));
    this.repairs = new RepairTable(memory.repairs);
    this.origins = new OriginTable(memory.origins);
    this.firstData = new FirstData(memory.firstData);
    this.spoken = new Spoken(memory.spoken);
    this.sacks = new SackTable(memory.sacks);
    this.sockets = new SocketTable(memory.sockets);
    this.outbox = new Ring(memory.outbox, OUTBOX_SLOT_COUNT, OUTBOX_SLOT_BYTES);
    this.inbox = new Ring(memory.inbox, INBOX_SLOT_COUNT, INBOX_SLOT_BYTES);
    this.events = new Ring(memory.events, EVENT_SLOT_COUNT, EVENT_WORDS * 4);
    this.tape = new EvidenceTape(memory.evidence, memory.flowCountMax);
    this.counters = new Float64Array(memory.counters);
    this.policy = new Int32Array(memory.policy);
    this.paths = new PathTable(memory.paths);
  }
}

/** Was the packet in hand queued behind raw, where nothing is translated? */
export function isBehindRaw(core: Core): boolean {
  return core.hook === HOOK_INPUT || core.hook === HOOK_FORWARD;
}

/** Word index of the near half: what this machine's side sends. */
export function nearHalf(core: Core, flow: number): number {
  const responds = core.flows.rows[flow * FLOW_ROW_WORDS + FLOW_FLAGS]! & FLOW_NEAR_RESPONDS;
  return (flow * 2 + (responds !== 0 ? 1 : 0)) * HALF_WORDS;
}

/** Word index of the far half. */
export function farHalf(core: Core, flow: number): number {
  const responds = core.flows.rows[flow * FLOW_ROW_WORDS + FLOW_FLAGS]! & FLOW_NEAR_RESPONDS;
  return (flow * 2 + (responds !== 0 ? 0 : 1)) * HALF_WORDS;
}

export function flagsOf(core: Core, flow: number): number {
  return core.flows.rows[flow * FLOW_ROW_WORDS + FLOW_FLAGS]!;
}

/** Which flow of its row it is: what was learned of an earlier one is another's. */
export function generationOf(core: Core, flow: number): number {
  return core.flows.rows[flow * FLOW_ROW_WORDS + GENERATION]!;
}

export function setFlags(core: Core, flow: number, set: number): void {
  const at = flow * FLOW_ROW_WORDS + FLOW_FLAGS;
  core.flows.rows[at] = core.flows.rows[at]! | set;
  if ((set & FLOW_COMMITTED) !== 0) core.flows.commit(flow);
}

export function clearFlags(core: Core, flow: number, clear: number): void {
  const at = flow * FLOW_ROW_WORDS + FLOW_FLAGS;
  core.flows.rows[at] = core.flows.rows[at]! & ~clear;
  if ((clear & FLOW_COMMITTED) !== 0) core.flows.commit(flow);
}

export function count(core: Core, code: number): void {
  core.counters[code] = core.counters[code]! + 1;
}

/** May this action be taken? Counts it, or counts that it would have been (observe, or off). */
export function enforce(core: Core, code: number): boolean {
  const off = (core.policy[POLICY_OFF + (code >> 5)]! & (1 << (code & 31))) !== 0;
  if (off) return false;
  if (core.policy[POLICY_OBSERVE] !== 0) {
    would(core, code);
    return false;
  }
  countAction(core, code);
  return true;
}

/** Counts what was decided, and was not done, in observe mode. */
export function would(core: Core, code: number): void {
  core.tape.would |= 1 << (code & 31);
  core.counters[code + WOULD] = core.counters[code + WOULD]! + 1;
}

/** An action that needs no leave, because what it is part of had it. */
export function countAction(core: Core, code: number): void {
  core.tape.done |= 1 << (code & 31);
  count(core, code);
}

/** Milliseconds since a stored time; a time more than 24 days old reads as very old. */
export function since(nowMs: number, thenMs: number): number {
  const age = (nowMs - thenMs) | 0;
  return age < 0 ? 0x7fffffff : age;
}

/** The flow's repair slot, or -1. */
export function repairOf(core: Core, flow: number): number {
  return core.flows.rows[flow * FLOW_ROW_WORDS + REPAIR]! - 1;
}

/** The flow's repair slot, taken now if it had none; -1 when all are in use. */
export function takeRepair(core: Core, flow: number): number {
  const at = flow * FLOW_ROW_WORDS + REPAIR;
  const had = core.flows.rows[at]! - 1;
  if (had >= 0) return had;
  const slot = core.repairs.take(flow);
  if (slot < 0) count(core, STAT_REPAIR_FULL);
  else core.flows.rows[at] = slot + 1;
  return slot;
}

export function releaseRepair(core: Core, flow: number): void {
  const at = flow * FLOW_ROW_WORDS + REPAIR;
  const slot = core.flows.rows[at]! - 1;
  if (slot < 0) return;
  core.repairs.release(slot);
  core.flows.rows[at] = 0;
}

/** The flow's plain packets are seen again; its numbers are old until the socket has told them. */
export function leaveBypass(core: Core, flow: number): void {
  const row = flow * FLOW_ROW_WORDS;
  const flags = core.flows.rows[row + FLOW_FLAGS]!;
  if ((flags & FLOW_SETTLED) === 0) return;
  core.flows.rows[row + FLOW_FLAGS] = (flags & ~FLOW_SETTLED) | FLOW_OLD;
  core.flows.rows[row + ANCHORED_MS] = core.nowMs;
  core.flows.halves[flow * 2 * HALF_WORDS + SEGMENT_COUNT] = 0;
  core.flows.halves[(flow * 2 + 1) * HALF_WORDS + SEGMENT_COUNT] = 0;
  core.flows.index[INDEX_SETTLED] = core.flows.index[INDEX_SETTLED]! - 1;
  core.word = WORD_WAKES;
}

/** Word index of a repair slot. */
export function repairBase(slot: number): number {
  return slot * REPAIR_WORDS;
}

/** The far end's address and the server's port name a path. */
function serverPort(core: Core, flow: number): number {
  const ports = core.flows.key[8]!;
  return (flagsOf(core, flow) & FLOW_NEAR_RESPONDS) !== 0 ? ports >>> 16 : ports & 0xffff;
}

/** The flow's row in the path table, taken now if there was none: for what is learned. */
export function pathOf(core: Core, flow: number): number {
  core.flows.keyOf(flow);
  return core.paths.row(core.flows.key, serverPort(core, flow), core.nowMs);
}

/** The flow's row in the path table, or -1: nothing is known. */
export function knownPath(core: Core, flow: number): number {
  core.flows.keyOf(flow);
  return core.paths.find(core.flows.key, serverPort(core, flow));
}

/** Is the fact to be acted upon? A canary goes without. */
export function pathHolds(core: Core, flow: number, fact: number): boolean {
  if ((flagsOf(core, flow) & FLOW_CANARY) !== 0) return false;
  return core.paths.holds(knownPath(core, flow), fact, core.nowMs);
}

/** Has a second end point shown itself on the flow's ports within TAINT_MS (DESIGN §4.2)? */
export function isTainted(core: Core, flow: number): boolean {
  const taintedMs = core.flows.rows[flow * FLOW_ROW_WORDS + TAINT_AT_MS]!;
  return (flagsOf(core, flow) & FLOW_TAINTED) !== 0 && since(core.nowMs, taintedMs) < TAINT_MS;
}

/** The flow has shown the fact. A canary has found what it was sent for. */
export function learnPath(core: Core, flow: number, fact: number): void {
  core.paths.learn(pathOf(core, flow), fact, core.nowMs);
  clearFlags(core, flow, FLOW_CANARY);
}

/** The flow, a canary, has shown that the fact holds no longer. */
export function clearPath(core: Core, flow: number, fact: number): void {
  const at = knownPath(core, flow);
  if (at >= 0) core.paths.clear(at, fact, core.flows.rows[flow * FLOW_ROW_WORDS + BORN_MS]!);
}
