/** Who was heard last of each destination, and the longest silence that was survived there. */
import { beforeEach, describe, expect, it } from 'vitest';
import { DestinationTable } from '../../../src/engine/flow/destination-table.ts';
import { FlowTable } from '../../../src/engine/flow/flow-table.ts';
import { BORN_MS, FLOW_IPV6, FLOW_ROW_WORDS } from '../../../src/engine/flow/layout.ts';
import { createEngineMemory } from '../../../src/engine/memory.ts';

const SERVER = 0x0a000001;

let flows: FlowTable;
let table: DestinationTable;
let count = 0;

beforeEach(() => {
  flows = new FlowTable(
    createEngineMemory(64, (bytes) => new ArrayBuffer(bytes)),
    99,
  );
  table = new DestinationTable(flows);
});

function flowTo(server: number, port = 22, bornMs = 0, family = 4): number {
  flows.key.fill(0);
  flows.key[0] = 0x0a000063;
  flows.key[4] = server;
  flows.key[8] = ((40_000 + count++) << 16) | port;
  flows.key[9] = family === 6 ? FLOW_IPV6 : 0;
  const flow = flows.insert(bornMs);
  flows.rows[flow * FLOW_ROW_WORDS + BORN_MS] = bornMs;
  return flow;
}

describe('others to the same destination', () => {
  it('live where one was heard since, and not by what the flow itself has said', () => {
    const one = flowTo(SERVER);
    const other = flowTo(SERVER);
    table.hear(one, 100);
    expect(table.othersLive(one, 50)).toBe(false);
    expect(table.othersLive(other, 99)).toBe(true);
    expect(table.othersLive(other, 100)).toBe(false);
    table.hear(other, 200);
    expect(table.othersLive(one, 150)).toBe(true);
    // Whoever was heard last is beside the one before it.
    expect(table.othersLive(other, 99)).toBe(true);
    expect(table.othersLive(other, 100)).toBe(false);
    table.hear(one, 300);
    expect(table.othersLive(other, 299)).toBe(true);
    expect(table.othersLive(one, 199)).toBe(true);
  });

  it('are those of one address, port and family', () => {
    const one = flowTo(SERVER);
    for (const stranger of [flowTo(SERVER + 1), flowTo(SERVER, 23), flowTo(SERVER, 22, 0, 6)]) {
      table.hear(stranger, 100);
      expect(table.othersLive(one, 50)).toBe(false);
    }
  });

  it('are elder where they were born before', () => {
    const one = flowTo(SERVER, 22, 10);
    const elder = flowTo(SERVER, 22, 20);
    table.hear(elder, 100);
    expect(table.elderLives(one, 50)).toBe(true);
    expect(table.elderLives(one, 100)).toBe(false);
    table.hear(flowTo(SERVER, 22, 60), 200);
    expect(table.elderLives(one, 50)).toBe(false);
    expect(table.elderLives(one, 61)).toBe(true);
  });
});

describe('the longest silence that was survived', () => {
  it('stays the longest, whoever of the destination it was', () => {
    const one = flowTo(SERVER);
    const other = flowTo(SERVER);
    expect(table.survivedMs(one)).toBe(0);
    table.survive(one, 500);
    expect(table.survivedMs(other)).toBe(500);
    table.survive(other, 400);
    expect(table.survivedMs(one)).toBe(500);
    table.survive(other, 600);
    expect(table.survivedMs(one)).toBe(600);
    expect(table.survivedMs(flowTo(SERVER, 23))).toBe(0);
  });
});
