/** Copies of first segments: the first of each connection, whole, and the oldest gives way. */
import { describe, expect, it } from 'vitest';
import { FirstData, SLOT_COUNT } from '../../../src/engine/flow/first-data.ts';
import { HELD_BYTES } from '../../../src/engine/limits.ts';

const FLOW = 9;
const GENERATION = 4;
const OFF = 3;

const segment = (fill: number, bytes: number) => new Uint8Array(OFF + bytes).fill(fill, OFF);

function copyOf(data: FirstData, flow: number, generation = GENERATION): readonly number[] {
  const slot = data.find(flow, generation);
  if (slot < 0) return [];
  const from = data.offset(slot);
  return [...data.bytes.subarray(from, from + data.size(slot))];
}

function keep(data: FirstData, flow: number, fill: number, bytes = 40): void {
  data.keep(flow, GENERATION, segment(fill, bytes), OFF, bytes);
}

describe('a copy of the first data', () => {
  it('is that of its flow and no other, nor of an older one of the row', () => {
    const data = new FirstData(new ArrayBuffer(FirstData.BYTES));
    expect(copyOf(data, FLOW)).toEqual([]);
    keep(data, FLOW, 7);
    keep(data, FLOW + 1, 8, 20);
    expect(copyOf(data, FLOW)).toEqual(Array(40).fill(7));
    expect(copyOf(data, FLOW + 1)).toEqual(Array(20).fill(8));
    expect(copyOf(data, FLOW, GENERATION + 1)).toEqual([]);
    expect(copyOf(data, FLOW + 2)).toEqual([]);
  });

  it('is the first one', () => {
    const data = new FirstData(new ArrayBuffer(FirstData.BYTES));
    keep(data, FLOW, 7);
    keep(data, FLOW, 8);
    expect(copyOf(data, FLOW)).toEqual(Array(40).fill(7));
  });

  it('is of what fits, and not of a part', () => {
    const data = new FirstData(new ArrayBuffer(FirstData.BYTES));
    keep(data, FLOW, 7, HELD_BYTES + 1);
    expect(copyOf(data, FLOW)).toEqual([]);
    keep(data, FLOW, 8, HELD_BYTES);
    expect(copyOf(data, FLOW)).toEqual(Array(HELD_BYTES).fill(8));
  });

  it('is there until so many others have come', () => {
    const data = new FirstData(new ArrayBuffer(FirstData.BYTES));
    for (let flow = 0; flow < SLOT_COUNT; flow++) keep(data, flow, flow & 255);
    expect(copyOf(data, 0)).toEqual(Array(40).fill(0));
    keep(data, SLOT_COUNT, 5);
    expect(copyOf(data, 0)).toEqual([]);
    expect(copyOf(data, 1)).toEqual(Array(40).fill(1));
    expect(copyOf(data, SLOT_COUNT)).toEqual(Array(40).fill(5));
  });
});
