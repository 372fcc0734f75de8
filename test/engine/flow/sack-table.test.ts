/** Who has a slot of the SACK table: two flows may have to share one. Times: ms. */
import { beforeEach, describe, expect, it } from 'vitest';
import {
  K_DELTA,
  K_STATE,
  SACK_REPAIRING,
  SackTable,
} from '../../../src/engine/flow/sack-table.ts';
import { SACK_COUNT } from '../../../src/engine/limits.ts';

const FLOW = 5;
const RIVAL = FLOW + SACK_COUNT;
const IDLE_MS = 60_000;

let table: SackTable;
beforeEach(() => {
  table = new SackTable(new ArrayBuffer(SackTable.BYTES));
});

function repairing(): number {
  const at = table.take(FLOW, 1, 1000);
  table.words[at + K_STATE] = SACK_REPAIRING;
  table.words[at + K_DELTA] = 77;
  return at;
}

describe('SackTable', () => {
  it('gives a flow its slot as it left it', () => {
    const at = repairing();
    expect(table.take(FLOW, 1, 2000)).toBe(at);
    expect(table.words[at + K_DELTA]).toBe(77);
  });

  it('gives the next connection of the same row an empty one', () => {
    const at = repairing();
    expect(table.find(FLOW, 2)).toBe(-1);
    expect(table.take(FLOW, 2, 2000)).toBe(at);
    expect(table.words[at + K_DELTA]).toBe(0);
  });

  it('takes it from no other flow that uses it, and from one that has not for a minute', () => {
    const at = repairing();
    expect(table.take(RIVAL, 1, 1000 + IDLE_MS - 1)).toBe(-1);
    expect(table.words[at + K_STATE]).toBe(SACK_REPAIRING);
    expect(table.take(RIVAL, 1, 1000 + IDLE_MS)).toBe(at);
    expect(table.words[at + K_STATE]).toBe(0);
    expect(table.find(FLOW, 1)).toBe(-1);
  });

  it('gives it away too where its time lies so far back that the clock has wrapped', () => {
    repairing();
    expect(table.take(RIVAL, 1, (1000 + 2 ** 31 + 5) | 0)).toBeGreaterThanOrEqual(0);
  });
});
