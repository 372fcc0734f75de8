/** Engine memory with flow rows written by hand, through the layout that the engine uses. */
import * as l from '../../src/engine/flow/layout.ts';
import { createEngineMemory, type EngineMemory } from '../../src/engine/memory.ts';

export interface FlowSpec {
  readonly flags?: number;
  readonly delta?: number;
  readonly nearState?: number;
  readonly farState?: number;
}

/** Flow i is 10.0.0.1:(40000 + i) > 10.0.0.2:22, born at 1000, last seen at 1500 engine ms. */
export function memoryOf(specs: readonly FlowSpec[], flowCountMax = 64): EngineMemory {
  const memory = createEngineMemory(flowCountMax, (bytes) => new ArrayBuffer(bytes));
  const rows = new Int32Array(memory.flows, 0, flowCountMax * l.FLOW_ROW_WORDS);
  const halves = new Int32Array(memory.flows, flowCountMax * l.FLOW_ROW_WORDS * 4);
  for (const [i, { flags = 0, delta = 0, nearState = 4, farState = 4 }] of specs.entries()) {
    const row = i * l.FLOW_ROW_WORDS;
    rows[row + l.NEAR_ADDR] = 0x0a000001;
    rows[row + l.FAR_ADDR] = 0x0a000002;
    rows[row + l.PORTS] = ((40000 + i) << 16) | 22;
    rows[row + l.FLOW_FLAGS] = flags === 0 ? 0 : flags | l.FLOW_USED;
    rows[row + l.DELTA] = delta;
    rows[row + l.RTT_MS] = 3;
    rows[row + l.BORN_MS] = 1000;
    rows[row + l.LAST_MS] = 1500;
    const near = (flags & l.FLOW_NEAR_RESPONDS) !== 0 ? 1 : 0;
    halves[(i * 2 + near) * l.HALF_WORDS + l.STATE] = nearState;
    halves[(i * 2 + (near ^ 1)) * l.HALF_WORDS + l.STATE] = farState;
  }
  const index = new Int32Array(memory.index);
  index[l.INDEX_HIGH] = specs.length;
  index[l.INDEX_COUNT] = specs.filter(({ flags }) => (flags ?? 0) !== 0).length;
  index[l.INDEX_PEAK] = specs.length + 1;
  index[l.INDEX_EVICTED] = 3;
  index[l.INDEX_TRANSLATED] = specs.filter(
    ({ flags }) => ((flags ?? 0) & l.FLOW_TRANSLATED) !== 0,
  ).length;
  return memory;
}
