/** Slots of the repair table: who has one, what it holds, what of its lists is believed. */
import { beforeEach, describe, expect, it } from 'vitest';
import {
  R_FLOW,
  R_HELD_BYTES,
  REPAIR_WORDS,
  RepairTable,
} from '../../../src/engine/flow/repair-table.ts';
import { HELD_BYTES, REPAIR_COUNT } from '../../../src/engine/limits.ts';

let table: RepairTable;
beforeEach(() => {
  table = new RepairTable(new ArrayBuffer(RepairTable.BYTES));
});

const flowOf = (slot: number) => table.words[slot * REPAIR_WORDS + R_FLOW];

describe('RepairTable', () => {
  it('refuses when all slots are taken, and gives one that came back empty', () => {
    const slots = Array.from({ length: REPAIR_COUNT }, (_, flow) => table.take(flow));
    expect(new Set(slots).size).toBe(REPAIR_COUNT);
    expect(table.take(9999)).toBe(-1);
    expect(table.activeCount()).toBe(REPAIR_COUNT);
    table.words[7 * REPAIR_WORDS + R_HELD_BYTES] = 40;
    table.release(7);
    expect(table.activeCount()).toBe(REPAIR_COUNT - 1);
    expect(table.take(9999)).toBe(7);
    expect(flowOf(7)).toBe(9999);
    expect(table.words[7 * REPAIR_WORDS + R_HELD_BYTES]).toBe(0);
  });

  it('lists what is taken, each once, in whatever order they come back', () => {
    for (let flow = 0; flow < 5; flow++) table.take(flow);
    for (const slot of [1, 4, 0]) table.release(slot);
    const active = [...table.active.subarray(0, table.activeCount())];
    expect(active.sort()).toEqual([2, 3]);
  });

  it('holds a packet of up to HELD_BYTES, and no larger one in part', () => {
    const slot = table.take(1);
    const packet = new Uint8Array(HELD_BYTES + 9).fill(0xab);
    expect(table.hold(slot, packet, 4, HELD_BYTES + 1)).toBe(false);
    expect(table.words[slot * REPAIR_WORDS + R_HELD_BYTES]).toBe(0);
    expect(table.hold(slot, packet, 4, HELD_BYTES)).toBe(true);
    expect(table.words[slot * REPAIR_WORDS + R_HELD_BYTES]).toBe(HELD_BYTES);
    const next = (slot + 1) * HELD_BYTES;
    expect([table.held[next - 1], table.held[next]]).toEqual([0xab, 0]);
  });

  it('believes no entry of a damaged list that names no slot', () => {
    const slot = table.take(1);
    table.take(2);
    table.active[1] = REPAIR_COUNT + 3;
    const listed = new Uint8Array(REPAIR_COUNT);
    table.markListed(listed);
    expect(listed.indexOf(1)).toBe(slot);
    expect(listed.lastIndexOf(1)).toBe(slot);
    const claimed = new Uint8Array(REPAIR_COUNT);
    claimed[slot] = 1;
    table.rebuild(claimed);
    expect(table.activeCount()).toBe(1);
    const others = Array.from({ length: REPAIR_COUNT - 1 }, (_, flow) => table.take(flow));
    expect(others).not.toContain(slot);
    expect(table.take(1)).toBe(-1);
  });
});
