/** What is held of a connection: its beginning and its latest, in memory that does not grow. */
import { describe, expect, it } from 'vitest';
import { FlowWindows } from '../../../src/datapath/evidence/flow-windows.ts';
import * as tape from '../../../src/engine/evidence-tape.ts';
import { EVIDENCE_SLOT_BYTES } from '../../../src/engine/limits.ts';

/** A slot with one word of a packet. */
function slot(flow: number, generation: number, name: number): Int32Array {
  const words = new Int32Array(EVIDENCE_SLOT_BYTES / 4);
  words[tape.EVD_FLOW] = flow;
  words[tape.EVD_GENERATION] = generation;
  words[tape.EVD_BYTES] = 4;
  words[tape.EVD_PACKET] = name;
  return words;
}

function held(windows: FlowWindows, flow: number, generation: number): number[] {
  const names: number[] = [];
  windows.follow(flow, generation, (words, at) => names.push(words[at + tape.EVD_PACKET] ?? 0));
  return names;
}

describe('FlowWindows', () => {
  it('keeps the first four packets and the last four, in order', () => {
    const windows = new FlowWindows();
    for (let i = 1; i <= 6; i++) expect(windows.hold(slot(7, 1, i), 0)).toBe(true);
    expect(held(windows, 7, 1)).toEqual([1, 2, 3, 4, 5, 6]);
    for (let i = 1; i <= 30; i++) windows.hold(slot(8, 1, i), 0);
    expect(held(windows, 8, 1)).toEqual([1, 2, 3, 4, 27, 28, 29, 30]);
  });

  it('holds nothing more of a connection that is followed', () => {
    const windows = new FlowWindows();
    windows.hold(slot(7, 1, 1), 0);
    expect(held(windows, 7, 1)).toEqual([1]);
    expect(windows.hold(slot(7, 1, 2), 0)).toBe(false);
    expect(windows.followedFlow(7, 1)).toBeDefined();
  });

  it('knows another connection in the same row, and another row in the same place', () => {
    const windows = new FlowWindows();
    windows.hold(slot(7, 1, 1), 0);
    windows.hold(slot(7, 2, 2), 0);
    expect(held(windows, 7, 1)).toEqual([]);
    windows.hold(slot(7, 3, 3), 0);
    windows.hold(slot(7 + 1024, 1, 4), 0);
    expect(held(windows, 7, 3)).toEqual([]);
    expect(held(windows, 7 + 1024, 1)).toEqual([4]);
    expect(windows.followedFlow(7, 1)).toBeUndefined();
  });

  it('follows so many, and forgets those that it has followed longest', () => {
    const windows = new FlowWindows();
    for (let flow = 0; flow <= 1024; flow++) held(windows, flow, 1);
    expect(windows.followedFlow(0, 1)).toBeUndefined();
    expect(windows.followedFlow(1, 1)).toBeDefined();
    expect(windows.followedFlow(1024, 1)).toBeDefined();
  });
});
