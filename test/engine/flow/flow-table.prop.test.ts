/** The flow table against a plain Map: find, insert, remove, clear, with collisions and reuse. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FlowTable } from '../../../src/engine/flow/flow-table.ts';
import {
  EXPIRES_MS,
  FLOW_ANCHORED,
  FLOW_FLAGS,
  FLOW_IPV6,
  FLOW_OVER,
  FLOW_ROW_WORDS,
  GENERATION,
  INDEX_COUNT,
  INDEX_PEAK,
} from '../../../src/engine/flow/layout.ts';
import { createEngineMemory } from '../../../src/engine/memory.ts';

const CAPACITY = 64;

function table(): FlowTable {
  return new FlowTable(
    createEngineMemory(CAPACITY, (bytes) => new ArrayBuffer(bytes)),
    99,
  );
}

function setKey(flows: FlowTable, id: number, ipv6: boolean): void {
  flows.key.fill(0);
  flows.key[0] = 0x0a000001;
  flows.key[4] = 0x0a000000 + (id % 7);
  if (ipv6) flows.key[7] = id % 3;
  flows.key[8] = (id << 16) | 22;
  flows.key[9] = ipv6 ? FLOW_IPV6 : 0;
}

function setFlag(flows: FlowTable, flow: number, flag: number): void {
  const at = flow * FLOW_ROW_WORDS + FLOW_FLAGS;
  flows.rows[at] = (flows.rows[at] ?? 0) | flag;
}

const operation = fc.record({
  id: fc.integer({ min: 0, max: 90 }),
  ipv6: fc.boolean(),
  what: fc.constantFrom('find', 'insert', 'remove'),
});

describe('FlowTable', () => {
  it('agrees with a Map', () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 400 }), (operations) => {
        const flows = table();
        const model = new Map<string, number>();
        for (const { id, ipv6, what } of operations) {
          const name = `${id}/${ipv6}`;
          setKey(flows, id, ipv6);
          expect(flows.find()).toBe(model.get(name) ?? -1);
          if (what === 'insert' && !model.has(name)) {
            const flow = flows.insert(0);
            if (model.size < CAPACITY) expect(flow).toBeGreaterThanOrEqual(0);
            if (flow < 0) continue;
            // A full table may take back embryonic rows, here: any.
            for (const [other, at] of model) if (at === flow) model.delete(other);
            model.set(name, flow);
            flows.rows[flow * FLOW_ROW_WORDS + EXPIRES_MS] = 1000;
          }
          if (what === 'remove' && model.has(name)) {
            flows.remove(model.get(name) ?? -1);
            model.delete(name);
          }
          expect(flows.index[INDEX_COUNT]).toBe(model.size);
        }
        expect(flows.index[INDEX_PEAK]).toBeLessThanOrEqual(CAPACITY);
      }),
      { numRuns: 200 },
    );
  });

  it('never evicts an established flow for an embryonic one', () => {
    const flows = table();
    for (let id = 0; id < CAPACITY; id++) {
      setKey(flows, id, false);
      const flow = flows.insert(0);
      setFlag(flows, flow, FLOW_ANCHORED);
      flows.rows[flow * FLOW_ROW_WORDS + EXPIRES_MS] = 1_000_000;
    }
    setKey(flows, 1000, false);
    expect(flows.insert(5)).toBe(-1);
    // One that has ended gives way at once.
    setFlag(flows, 17, FLOW_OVER);
    setKey(flows, 1000, false);
    const generation = flows.rows[17 * FLOW_ROW_WORDS + GENERATION];
    expect(flows.insert(5)).toBe(17);
    expect(flows.rows[17 * FLOW_ROW_WORDS + GENERATION]).toBe((generation ?? 0) + 1);
    setKey(flows, 17, false);
    expect(flows.find()).toBe(-1);
  });

  it('evicts embryonic flows in the order in which they came, and whoever has grown up never', () => {
    const flows = table();
    const rows: number[] = [];
    for (let id = 0; id < CAPACITY; id++) {
      setKey(flows, id, false);
      const flow = flows.insert(0);
      flows.rows[flow * FLOW_ROW_WORDS + EXPIRES_MS] = 1_000_000;
      rows.push(flow);
    }
    for (const grown of [0, 1, 3]) setFlag(flows, rows[grown] ?? -1, FLOW_ANCHORED);
    for (const [i, oldest] of [2, 4, 5, 6].entries()) {
      setKey(flows, 1000 + i, false);
      const flow = flows.insert(5);
      expect(flow).toBe(rows[oldest]);
      flows.rows[flow * FLOW_ROW_WORDS + EXPIRES_MS] = 1_000_000;
    }
  });

  it('keeps the key it was asked for through an eviction', () => {
    const flows = table();
    for (let id = 0; id < CAPACITY; id++) {
      setKey(flows, id, false);
      flows.rows[flows.insert(0) * FLOW_ROW_WORDS + EXPIRES_MS] = 10;
    }
    setKey(flows, 500, true);
    const flow = flows.insert(100);
    expect(flow).toBeGreaterThanOrEqual(0);
    expect(flows.find()).toBe(flow);
  });
});
