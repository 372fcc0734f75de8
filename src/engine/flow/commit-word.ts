/**
 * The commit word of a flow's row: a hash over what decides whose packets are rewritten and by how
 * much (key, generation, flags, deltas). It is written behind the last of a set of changes, so that
 * a row which an end of the program left half-written is known by it. What only follows the packets
 * (SND.UNA and the like) is not covered: each word of it is true by itself, or becomes so with the
 * next packets. Owns nothing.
 *
 * A killed program stops between two instructions: all stores before are in the mapping, none
 * behind.
 */
import {
  DELTA,
  FLOW_FLAGS,
  FLOW_IPV6,
  FLOW_KERNEL,
  FLOW_MOVING,
  FLOW_NEAR_RESPONDS,
  FLOW_RESYNCED,
  FLOW_ROW_WORDS,
  FLOW_TRANSLATED,
  FLOW_UNSCALED,
  FLOW_USED,
  GENERATION,
  NEAR_DELTA,
  PORTS,
  SCALE_FIX,
  TS_DELTA,
} from './layout.ts';

/** A change of one of these is behind the words that it makes valid. */
export const FLOW_COMMITTED =
  FLOW_USED |
  FLOW_IPV6 |
  FLOW_NEAR_RESPONDS |
  FLOW_TRANSLATED |
  FLOW_RESYNCED |
  FLOW_UNSCALED |
  FLOW_KERNEL |
  FLOW_MOVING;
const REWRITTEN = FLOW_TRANSLATED | FLOW_UNSCALED | FLOW_KERNEL | FLOW_MOVING;

export function commitWord(rows: Int32Array, flow: number): number {
  const row = flow * FLOW_ROW_WORDS;
  const flags = rows[row + FLOW_FLAGS]! & FLOW_COMMITTED;
  let h = mix(flags, rows[row + GENERATION]!);
  for (let i = 0; i <= PORTS; i++) h = mix(h, rows[row + i]!);
  if ((flags & REWRITTEN) === 0) return h;
  h = mix(mix(mix(h, rows[row + DELTA]!), rows[row + TS_DELTA]!), rows[row + SCALE_FIX]!);
  return (flags & FLOW_RESYNCED) === 0 ? h : mix(h, rows[row + NEAR_DELTA]!);
}

function mix(h: number, word: number): number {
  const m = Math.imul(h ^ word, 0x9e3779b1);
  return m ^ (m >>> 15);
}
