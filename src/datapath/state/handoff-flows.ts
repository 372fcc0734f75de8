/**
 * Flows of an engine's memory as records of a handoff, and back: those that live by what seqshim
 * does to them, or whose resets are asked about. Runs while no engine does. Reads and writes
 * memory.
 */
import { FlowTable } from '../../engine/flow/flow-table.ts';
import * as l from '../../engine/flow/layout.ts';
import {
  K_DELTA,
  K_LAST_MS,
  K_STATE,
  SACK_REPAIRING,
  SackTable,
} from '../../engine/flow/sack-table.ts';
import type { EngineMemory } from '../../engine/memory.ts';
import * as h from './handoff.ts';

/** Of the engine's flags, and what they are in a record. */
const FLAGS: readonly (readonly [number, number])[] = [
  [l.FLOW_NEAR_RESPONDS, h.HANDOFF_NEAR_RESPONDS],
  [l.FLOW_TRANSLATED, h.HANDOFF_TRANSLATED],
  [l.FLOW_RESYNCED, h.HANDOFF_JUMPED],
  [l.FLOW_UNSCALED, h.HANDOFF_UNSCALED],
  [l.FLOW_KERNEL, h.HANDOFF_KERNEL],
  [l.FLOW_TAINTED, h.HANDOFF_TAINTED],
  [l.FLOW_OVER, h.HANDOFF_OVER],
  [l.FLOW_RULE_WANTED, h.HANDOFF_RULE],
];
const WORTH =
  h.HANDOFF_TRANSLATED | h.HANDOFF_UNSCALED | h.HANDOFF_KERNEL | h.HANDOFF_SACK | h.HANDOFF_TAINTED;

export function flowsForHandoff(memory: EngineMemory, queue: number): h.HandoffFlow[] {
  const table = new FlowTable(memory, 0);
  const sacks = new SackTable(memory.sacks);
  const found: h.HandoffFlow[] = [];
  const high = table.index[l.INDEX_HIGH] ?? 0;
  for (let flow = 0; flow < high; flow++) {
    const row = flow * l.FLOW_ROW_WORDS;
    const word = (offset: number) => table.rows[row + offset] ?? 0;
    // One whose handshake is not over begins anew.
    if ((word(l.FLOW_FLAGS) & l.FLOW_ANCHORED) === 0) continue;
    const slot = sacks.find(flow, word(l.GENERATION));
    const repairs = slot >= 0 && sacks.words[slot + K_STATE] === SACK_REPAIRING;
    const responds = (word(l.FLOW_FLAGS) & l.FLOW_NEAR_RESPONDS) !== 0 ? 1 : 0;
    const near = (flow * 2 + responds) * l.HALF_WORDS;
    const far = (flow * 2 + 1 - responds) * l.HALF_WORDS;
    const timestamps =
      ((table.halves[near + l.HALF_FLAGS] ?? 0) & l.HALF_TS_ON) !== 0 ? h.HANDOFF_TIMESTAMPS : 0;
    const flags =
      FLAGS.reduce(
        (sum, [ours, theirs]) => sum | ((word(l.FLOW_FLAGS) & ours) !== 0 ? theirs : 0),
        0,
      ) |
      (repairs ? h.HANDOFF_SACK : 0) |
      timestamps;
    if ((flags & WORTH) === 0) continue;
    found.push({
      family: (word(l.FLOW_FLAGS) & l.FLOW_IPV6) !== 0 ? 6 : 4,
      queue,
      flags,
      nearPort: word(l.PORTS) >>> 16,
      farPort: word(l.PORTS) & 0xffff,
      nearAddr: table.rows.slice(row + l.NEAR_ADDR, row + l.NEAR_ADDR + 4),
      farAddr: table.rows.slice(row + l.FAR_ADDR, row + l.FAR_ADDR + 4),
      delta: word(l.DELTA),
      nearDelta: (flags & h.HANDOFF_JUMPED) !== 0 ? word(l.NEAR_DELTA) : 0,
      tsDelta: word(l.TS_DELTA),
      scaleFix: word(l.SCALE_FIX),
      sackDelta: repairs ? (sacks.words[slot + K_DELTA] ?? 0) : 0,
      expiresMs: word(l.EXPIRES_MS),
      taintAtMs: word(l.TAINT_AT_MS),
      near: endAt(table.halves, near),
      far: endAt(table.halves, far),
      farTtls: table.halves[far + l.TTL_SET] ?? 0,
    });
  }
  return found;
}

function endAt(halves: Int32Array, at: number): h.HandoffEnd {
  const word = (offset: number) => halves[at + offset] ?? 0;
  return {
    iss: word(l.ISS),
    sndUna: word(l.SND_UNA),
    sndNxt: word(l.SND_NXT),
    sndWnd: word(l.SND_WND),
    tsVal: word(l.TS_VAL),
    tsEcr: word(l.TS_ECR),
    wndScale: word(l.WND_SCALE),
    mss: word(l.MSS),
  };
}

/** Into a table that is empty, or has other flows; how many found room. `seed` as in Recovery. */
export function restoreFlows(
  memory: EngineMemory,
  flows: readonly h.HandoffFlow[],
  nowMs: number,
  seed: number,
): number {
  const table = new FlowTable(memory, seed);
  const sacks = new SackTable(memory.sacks);
  let restored = 0;
  for (const flow of flows) if (restoreFlow(table, sacks, flow, nowMs)) restored++;
  return restored;
}

function restoreFlow(
  table: FlowTable,
  sacks: SackTable,
  told: h.HandoffFlow,
  nowMs: number,
): boolean {
  table.key.set(told.nearAddr, 0);
  table.key.set(told.farAddr, 4);
  table.key[8] = (told.nearPort << 16) | told.farPort;
  table.key[9] = told.family === 6 ? l.FLOW_IPV6 : 0;
  const flow = table.find() >= 0 ? -1 : table.insert(nowMs);
  if (flow < 0) return false;
  const row = flow * l.FLOW_ROW_WORDS;
  const { rows, halves } = table;
  let flags = l.FLOW_ANCHORED | l.FLOW_PROVEN | l.FLOW_CONFIRMED;
  for (const [ours, theirs] of FLAGS) if ((told.flags & theirs) !== 0) flags |= ours;
  // Its SYN is not told in full: what needs one is not looked for.
  if ((told.flags & (h.HANDOFF_TRANSLATED | h.HANDOFF_KERNEL)) !== 0) flags |= l.FLOW_NO_JUMP;
  const jumped = (told.flags & h.HANDOFF_JUMPED) !== 0;
  rows[row + l.BORN_MS] = nowMs;
  rows[row + l.LAST_MS] = nowMs;
  rows[row + l.ANCHORED_MS] = nowMs;
  rows[row + l.EXPIRES_MS] = told.expiresMs;
  rows[row + l.TAINT_AT_MS] = told.taintAtMs;
  rows[row + l.DELTA] = told.delta;
  rows[row + l.TS_DELTA] = told.tsDelta;
  rows[row + l.SCALE_FIX] = told.scaleFix;
  if (jumped) rows[row + l.NEAR_DELTA] = told.nearDelta;
  const responds = (told.flags & h.HANDOFF_NEAR_RESPONDS) !== 0 ? 1 : 0;
  const far = (flow * 2 + 1 - responds) * l.HALF_WORDS;
  putEnd(halves, (flow * 2 + responds) * l.HALF_WORDS, told.near, told.flags);
  putEnd(halves, far, told.far, told.flags);
  halves[far + l.TTL_SET] = told.farTtls;
  rows[row + l.FLOW_FLAGS] = (rows[row + l.FLOW_FLAGS] ?? 0) | flags;
  table.commit(flow);
  if ((flags & l.FLOW_TRANSLATED) !== 0) {
    table.index[l.INDEX_TRANSLATED] = (table.index[l.INDEX_TRANSLATED] ?? 0) + 1;
  }
  if ((told.flags & h.HANDOFF_SACK) !== 0) {
    const slot = sacks.take(flow, rows[row + l.GENERATION] ?? 0, nowMs);
    if (slot >= 0) {
      sacks.words[slot + K_DELTA] = told.sackDelta;
      sacks.words[slot + K_LAST_MS] = nowMs;
      sacks.words[slot + K_STATE] = SACK_REPAIRING;
    }
  }
  return true;
}

function putEnd(halves: Int32Array, at: number, end: h.HandoffEnd, flags: number): void {
  halves[at + l.ISS] = end.iss;
  halves[at + l.SND_UNA] = end.sndUna;
  halves[at + l.SND_NXT] = end.sndNxt;
  halves[at + l.SND_CONT] = end.sndNxt;
  halves[at + l.SND_WND] = end.sndWnd;
  halves[at + l.TS_VAL] = end.tsVal;
  halves[at + l.TS_ECR] = end.tsEcr;
  halves[at + l.WND_SCALE] = end.wndScale;
  halves[at + l.MSS] = end.mss;
  halves[at + l.STATE] = l.ST_ESTABLISHED;
  halves[at + l.HALF_FLAGS] =
    l.HALF_SYN_SEEN | ((flags & h.HANDOFF_TIMESTAMPS) !== 0 ? l.HALF_TS_ON : 0);
}
