/**
 * The memory of simulated engines, used again and again: five megabytes that are new for each world
 * cost more than the world. Owns them between two worlds. Sizes in bytes.
 *
 * What a run has written is cleared, not all: rows, rings and slots are taken from the front, so
 * what lies behind the last one ever used is zero still (a test holds this against all bytes).
 */
import { SLOT_COUNT as FIRST_DATA_COUNT, FirstData } from '../../engine/flow/first-data.ts';
import { INDEX_HIGH } from '../../engine/flow/layout.ts';
import { REPAIR_WORDS, RepairTable } from '../../engine/flow/repair-table.ts';
import {
  EVENT_SLOT_COUNT,
  EVENT_WORDS,
  EVIDENCE_SLOT_BYTES,
  EVIDENCE_SLOT_COUNT,
  HELD_BYTES,
  INBOX_SLOT_BYTES,
  INBOX_SLOT_COUNT,
  OUTBOX_SLOT_BYTES,
  OUTBOX_SLOT_COUNT,
  REPAIR_COUNT,
  SACK_COUNT,
  SPOKEN_COUNT,
} from '../../engine/limits.ts';
import { createEngineMemory, type EngineMemory } from '../../engine/memory.ts';
import { Ring } from '../../engine/ring.ts';

const SIM_FLOW_COUNT = 64;
const ARENA_BYTES = 1 << 17;
/** Head, tail and losses of a ring; the counts of the repair table. */
const CONTROL_BYTES = 128;
const REPAIR_COUNT_BYTES = 16;
const REPAIR_HIGH = 2;

export interface SimMemory {
  readonly engine: EngineMemory;
  readonly arena: Uint8Array;
}

export class MemoryPool {
  private readonly free: SimMemory[] = [];
  private readonly taken: SimMemory[] = [];

  /** Zero-filled. */
  take(): SimMemory {
    const memory = this.free.pop() ?? createSimMemory();
    this.taken.push(memory);
    return memory;
  }

  /** All that was taken is free again: nobody may look at those worlds any more. */
  recycle(): void {
    for (const memory of this.taken.splice(0)) {
      clearMemory(memory.engine);
      this.free.push(memory);
    }
  }
}

export function createSimMemory(): SimMemory {
  const engine = createEngineMemory(SIM_FLOW_COUNT, (bytes) => new ArrayBuffer(bytes));
  return { engine, arena: new Uint8Array(ARENA_BYTES) };
}

function clearMemory(memory: EngineMemory): void {
  const flowCount = new Int32Array(memory.index)[INDEX_HIGH] as number;
  clearRing(memory.outbox, OUTBOX_SLOT_COUNT, OUTBOX_SLOT_BYTES);
  clearRing(memory.inbox, INBOX_SLOT_COUNT, INBOX_SLOT_BYTES);
  clearRing(memory.events, EVENT_SLOT_COUNT, EVENT_WORDS * 4);
  clearRing(memory.evidence, EVIDENCE_SLOT_COUNT, EVIDENCE_SLOT_BYTES);
  clearFront(memory.spoken, (memory.spoken.byteLength / SPOKEN_COUNT) * flowCount);
  clearFront(memory.sockets, (memory.sockets.byteLength / SPOKEN_COUNT) * flowCount);
  clearFront(memory.sacks, (memory.sacks.byteLength / SACK_COUNT) * flowCount);
  clearRepairs(memory.repairs);
  clearFirstData(memory.firstData);
  const { flows, index, commits, origins, counters, policy, paths } = memory;
  for (const all of [flows, index, commits, origins, counters, policy, paths]) {
    clearFront(all, all.byteLength);
  }
}

function clearFront(buffer: ArrayBufferLike, bytes: number): void {
  new Uint8Array(buffer, 0, bytes).fill(0);
}

function clearRing(buffer: ArrayBufferLike, slotCount: number, slotBytes: number): void {
  const ring = new Ring(buffer, slotCount, slotBytes);
  // A slot that was reserved and not committed lies one behind.
  const written = Math.min(slotCount, ring.committedCount() + 1);
  clearFront(buffer, CONTROL_BYTES + written * slotBytes);
}

/** A ring of its own kind: behind the last slot it begins again. */
function clearFirstData(buffer: ArrayBufferLike): void {
  const table = new FirstData(buffer);
  const isFull = table.size(FIRST_DATA_COUNT - 1) > 0;
  const written = isFull ? FIRST_DATA_COUNT : (new Int32Array(buffer)[0] as number);
  clearFront(buffer, table.bytes.byteOffset + table.offset(written));
}

/** Another engine over the same memory makes the list of free slots anew, through all of it. */
function clearRepairs(buffer: ArrayBufferLike): void {
  const high = new Int32Array(buffer)[REPAIR_HIGH] as number;
  const slotBytes = REPAIR_WORDS * 4;
  clearFront(buffer, REPAIR_COUNT_BYTES + high * slotBytes);
  const lists = REPAIR_COUNT_BYTES + REPAIR_COUNT * slotBytes;
  const heldAt = RepairTable.BYTES - REPAIR_COUNT * HELD_BYTES;
  new Uint8Array(buffer, lists, heldAt - lists + high * HELD_BYTES).fill(0);
}
