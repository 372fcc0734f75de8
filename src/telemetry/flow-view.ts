/**
 * The flow table as people and JSON see it, read from shared memory while the packet thread writes:
 * a row may change under our hands, and one that became another flow is left out. Writes nothing.
 */

import * as l from '../engine/flow/layout.ts';
import type { EngineMemory } from '../engine/memory.ts';
import { endpoint } from './event-log.ts';
import { formatAddress } from './flow-address.ts';
import { STATE_NAMES } from './state-names.ts';

const TRANSLATED = l.FLOW_TRANSLATED | l.FLOW_KERNEL;

export interface FlowView {
  readonly near: string;
  readonly far: string;
  readonly nearState: string;
  readonly farState: string;
  readonly initiator: 'near' | 'far';
  readonly tainted: boolean;
  readonly translated: boolean;
  readonly translatedBy: 'kernel' | 'userspace' | null;
  readonly proven: boolean;
  readonly pickedUp: boolean;
  readonly untouched: boolean;
  /** Its plain packets stay in the kernel: `idleMs` counts from what was seen last. */
  readonly offloaded: boolean;
  /** far numbering minus near numbering, unsigned; null when not translated. */
  readonly deltaOctets: number | null;
  readonly rttMs: number;
  readonly ageMs: number;
  readonly idleMs: number;
}

export interface FlowCounts {
  readonly current: number;
  readonly peak: number;
  readonly capacity: number;
  readonly translated: number;
  readonly settled: number;
  /** Embryonic ones that gave way in a full table. */
  readonly evicted: number;
}

/** Of all tables together; they need not have had their peaks at one time. */
export function countFlows(memories: readonly EngineMemory[]): FlowCounts {
  const sum = (word: number) =>
    memories.reduce((total, { index }) => total + (new Int32Array(index)[word] ?? 0), 0);
  return {
    current: sum(l.INDEX_COUNT),
    peak: sum(l.INDEX_PEAK),
    capacity: memories.reduce((total, { flowCountMax }) => total + flowCountMax, 0),
    translated: sum(l.INDEX_TRANSLATED),
    settled: sum(l.INDEX_SETTLED),
    evicted: sum(l.INDEX_EVICTED) >>> 0,
  };
}

/** At most `countMax` flows, those in trouble first. */
export function viewFlows(
  memories: readonly EngineMemory[],
  nowMs: number,
  countMax: number,
): FlowView[] {
  const trouble: FlowView[] = [];
  const others: FlowView[] = [];
  for (const memory of memories) collect(memory, nowMs, countMax, trouble, others);
  return [...trouble, ...others].slice(0, countMax);
}

function collect(
  memory: EngineMemory,
  nowMs: number,
  countMax: number,
  trouble: FlowView[],
  others: FlowView[],
): void {
  const rowWords = memory.flowCountMax * l.FLOW_ROW_WORDS;
  const rows = new Int32Array(memory.flows, 0, rowWords);
  const halves = new Int32Array(memory.flows, rowWords * 4);
  const high = new Int32Array(memory.index)[l.INDEX_HIGH] ?? 0;
  for (let flow = 0; flow < high && trouble.length < countMax; flow++) {
    const flags = rows[flow * l.FLOW_ROW_WORDS + l.FLOW_FLAGS] ?? 0;
    if (flags === 0) continue;
    const inTrouble = (flags & (l.FLOW_TAINTED | TRANSLATED)) !== 0;
    if (!inTrouble && others.length >= countMax) continue;
    const generation = flow * l.FLOW_ROW_WORDS + l.GENERATION;
    const before = rows[generation];
    const view = viewFlow(rows, halves, flow, flags, nowMs);
    if (rows[generation] === before) (inTrouble ? trouble : others).push(view);
  }
}

function viewFlow(
  rows: Int32Array,
  halves: Int32Array,
  flow: number,
  flags: number,
  nowMs: number,
): FlowView {
  const row = flow * l.FLOW_ROW_WORDS;
  const word = (offset: number) => rows[row + offset] ?? 0;
  const family = (flags & l.FLOW_IPV6) !== 0 ? 6 : 4;
  const responds = (flags & l.FLOW_NEAR_RESPONDS) !== 0;
  const state = (dir: number) =>
    STATE_NAMES[halves[(flow * 2 + dir) * l.HALF_WORDS + l.STATE] ?? 0] ?? 'CLOSED';
  const translated = (flags & TRANSLATED) !== 0;
  const near = formatAddress(rows, row + l.NEAR_ADDR, family);
  const far = formatAddress(rows, row + l.FAR_ADDR, family);
  return {
    near: endpoint(near, word(l.PORTS) >>> 16),
    far: endpoint(far, word(l.PORTS) & 0xffff),
    nearState: state(responds ? 1 : 0),
    farState: state(responds ? 0 : 1),
    initiator: responds ? 'far' : 'near',
    tainted: (flags & l.FLOW_TAINTED) !== 0,
    translated,
    translatedBy: by(flags),
    proven: (flags & l.FLOW_PROVEN) !== 0,
    pickedUp: (flags & l.FLOW_PICKED_UP) !== 0,
    untouched: (flags & l.FLOW_UNTOUCHED) !== 0,
    offloaded: (flags & l.FLOW_SETTLED) !== 0,
    deltaOctets: translated ? word(l.DELTA) >>> 0 : null,
    rttMs: word(l.RTT_MS),
    ageMs: (nowMs - word(l.BORN_MS)) | 0,
    idleMs: (nowMs - word(l.LAST_MS)) | 0,
  };
}

function by(flags: number): FlowView['translatedBy'] {
  if ((flags & TRANSLATED) === 0) return null;
  return (flags & l.FLOW_KERNEL) !== 0 ? 'kernel' : 'userspace';
}
