/**
 * Flows of a table that need something of the outside: rules of their own, or the kernel to
 * translate them.
 * Reads memory; writes nothing.
 */
import {
  DELTA,
  FAR_ADDR,
  FLOW_FLAGS,
  FLOW_IPV6,
  FLOW_ROW_WORDS,
  GENERATION,
  INDEX_HIGH,
  NEAR_ADDR,
  PORTS,
} from '../engine/flow/layout.ts';
import type { EngineMemory } from '../engine/memory.ts';
import { type FlowAddress, formatAddress } from '../telemetry/flow-address.ts';

export interface LeftFlow {
  readonly row: number;
  readonly generation: number;
  /** FLOW_* */
  readonly flags: number;
  /** far numbering minus near numbering, octets. */
  readonly delta: number;
  readonly flow: FlowAddress;
}

/** Those whose flags have one of `wanted`. */
export function flowsWith(
  memory: Pick<EngineMemory, 'flows' | 'index' | 'flowCountMax'>,
  wanted: number,
): LeftFlow[] {
  const rows = new Int32Array(memory.flows, 0, memory.flowCountMax * FLOW_ROW_WORDS);
  const high = new Int32Array(memory.index)[INDEX_HIGH] ?? 0;
  const found: LeftFlow[] = [];
  for (let row = 0; row < high; row++) {
    const word = (offset: number) => rows[row * FLOW_ROW_WORDS + offset] ?? 0;
    const flags = word(FLOW_FLAGS);
    if ((flags & wanted) === 0) continue;
    const family = (flags & FLOW_IPV6) !== 0 ? 6 : 4;
    const at = row * FLOW_ROW_WORDS;
    const flow: FlowAddress = {
      family,
      nearAddr: formatAddress(rows, at + NEAR_ADDR, family),
      nearPort: word(PORTS) >>> 16,
      farAddr: formatAddress(rows, at + FAR_ADDR, family),
      farPort: word(PORTS) & 0xffff,
    };
    found.push({ row, generation: word(GENERATION), flags, delta: word(DELTA), flow });
  }
  return found;
}
