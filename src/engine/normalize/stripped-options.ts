// @pathology options-stripped | RFC 7323 §2.2, §3.2, RFC 2018 §2 | takes options out of new SYNs | known paths
/**
 * A firewall takes timestamps, window scale or SACK-permitted out of SYN-ACKs: the far end goes on
 * as if they were agreed upon, the near end has heard of nothing. What that costs on Linux: nothing
 * for timestamps (servers that insist on RFC 7323 §3.2 hear nothing more), every fast retransmit of
 * the far end for SACK, and the connection for window scale (`unscaled.ts` mends it). On a path
 * that was seen doing so new SYNs go without the option, so that both ends agree.
 *
 * A SYN-ACK without an option proves nothing: the far end may not know it. Proof are NOPs in its
 * place, more than anybody pads with, or what the far end says later: a timestamp, a SACK block.
 * That it says none proves nothing either, some stacks agree on timestamps and never send one.
 *
 * Reads the segment in hand and what both SYNs offered. Writes path facts, and SYNs: NOPs in the
 * option's place.
 */
import {
  OPTIONS_ALIGNED,
  SACK_PERMITTED_STRIPPED,
  TIMESTAMPS_STRIPPED,
  WINDOW_SCALE_STRIPPED,
} from '../codes.ts';
import {
  type Core,
  clearPath,
  enforce,
  farHalf,
  flagsOf,
  knownPath,
  learnPath,
  nearHalf,
  pathHolds,
} from '../core.ts';
import { event, found } from '../emit.ts';
import {
  BORN_MS,
  FLOW_CANARY,
  FLOW_CONFLICT,
  FLOW_NEAR_RESPONDS,
  FLOW_PICKED_UP,
  FLOW_ROW_WORDS,
  FLOW_TRANSLATED,
  FLOW_UNTOUCHED,
  HALF_FLAGS,
  HALF_SACK_OFFERED,
  HALF_SACK_TAKEN,
  HALF_SACK_TOLD,
  HALF_SCALE_TAKEN,
  HALF_SCALE_TOLD,
  HALF_SYN_SEEN,
  HALF_TS_OFFERED,
  HALF_TS_TAKEN,
  HALF_TS_TOLD,
  LAST_WND,
  SEGMENT_COUNT,
  WND_SCALE,
} from '../flow/layout.ts';
import {
  FACT_SACK_STRIPPED,
  FACT_SCALE_STRIPPED,
  FACT_TIMESTAMPS_STRIPPED,
} from '../flow/path-table.ts';
import { INFO_TRUNCATED } from '../verdict.ts';
import {
  KIND_SACK_PERMITTED,
  KIND_TIMESTAMPS,
  KIND_WINDOW_SCALE,
  longestNopRun,
  optionAt,
  overwriteOption,
} from '../wire/options.ts';
import { ACK, SYN } from '../wire/segment.ts';
import { findUnscaled } from './unscaled.ts';

/** Nobody pads with more than three NOPs before a window scale, or two before timestamps. */
const SCALE_NOPS = 4;
const TIMESTAMPS_NOPS = 10;

const DOUBTFUL = FLOW_PICKED_UP | FLOW_CONFLICT | FLOW_TRANSLATED | FLOW_NEAR_RESPONDS;

/** The SYN-ACK in hand answers the near end's SYN, and nobody has acknowledged one yet. */
export function noteSynAck(core: Core, flow: number): void {
  const seg = core.seg;
  const halves = core.flows.halves;
  const near = nearHalf(core, flow);
  halves[farHalf(core, flow) + LAST_WND] = seg.segWnd;
  if (seg.foreign !== 0) return;
  const noTimestamps = (halves[near + HALF_FLAGS]! & HALF_TS_OFFERED) !== 0 && seg.tsOff === 0;
  const noScale = halves[near + WND_SCALE]! >= 0 && seg.wndScale < 0;
  if (!noTimestamps && !noScale) return;
  const nops = longestNopRun(core.buf, seg);
  const timestamps = noTimestamps && nops >= TIMESTAMPS_NOPS;
  if (timestamps) tell(core, flow, TIMESTAMPS_STRIPPED, FACT_TIMESTAMPS_STRIPPED, HALF_TS_TOLD);
  // A run that the timestamps explain says of the window scale nothing.
  if (noScale && nops >= SCALE_NOPS + (timestamps ? TIMESTAMPS_NOPS : 0)) {
    tell(core, flow, WINDOW_SCALE_STRIPPED, FACT_SCALE_STRIPPED, HALF_SCALE_TOLD);
  }
}

/** A far segment in the connection's numbers, before it is tracked. */
export function noteOptions(core: Core, flow: number): void {
  const seg = core.seg;
  const halves = core.flows.halves;
  const near = nearHalf(core, flow);
  const far = farHalf(core, flow);
  const offered = halves[near + HALF_FLAGS]!;
  const answered = halves[far + HALF_FLAGS]!;
  const isFirst = halves[far + SEGMENT_COUNT] === 0;
  if ((answered & HALF_SYN_SEEN) === 0 || (flagsOf(core, flow) & DOUBTFUL) !== 0) return;
  if (isFirst) clearByCanary(core, flow, offered & answered);
  findUnscaled(core, flow, isFirst);
  const missing = offered & ~answered;
  if (seg.tsOff !== 0 && (missing & HALF_TS_OFFERED) !== 0) {
    tell(core, flow, TIMESTAMPS_STRIPPED, FACT_TIMESTAMPS_STRIPPED, HALF_TS_TOLD);
  }
  if (seg.sackCount > 0 && (missing & HALF_SACK_OFFERED) !== 0) {
    tell(core, flow, SACK_PERMITTED_STRIPPED, FACT_SACK_STRIPPED, HALF_SACK_TOLD);
  }
}

/** Once a connection, and to the path's profile. */
function tell(core: Core, flow: number, code: number, fact: number, bit: number): void {
  const at = nearHalf(core, flow) + HALF_FLAGS;
  if ((core.flows.halves[at]! & bit) !== 0) return;
  core.flows.halves[at] = core.flows.halves[at]! | bit;
  found(core, flow, code, 0, 0, 0, 0, 0);
  learnPath(core, flow, fact);
}

/** It offered everything, and has heard of all of it: the path strips no longer. */
function clearByCanary(core: Core, flow: number, agreed: number): void {
  if ((flagsOf(core, flow) & FLOW_CANARY) === 0) return;
  const halves = core.flows.halves;
  const scaled =
    halves[nearHalf(core, flow) + WND_SCALE]! >= 0 && halves[farHalf(core, flow) + WND_SCALE]! >= 0;
  if ((agreed & HALF_TS_OFFERED) !== 0) clearPath(core, flow, FACT_TIMESTAMPS_STRIPPED);
  if ((agreed & HALF_SACK_OFFERED) !== 0) clearPath(core, flow, FACT_SACK_STRIPPED);
  if (scaled) clearPath(core, flow, FACT_SCALE_STRIPPED);
}

/**
 * A SYN that leaves: true when it was changed. One that is sent again goes as the first did, which
 * the far end may have had and answered.
 */
export function alignOptions(core: Core, flow: number, toFar: boolean): boolean {
  const seg = core.seg;
  if (!toFar || (seg.flags & (SYN | ACK)) !== SYN || seg.foreign !== 0) return false;
  if ((core.info & INFO_TRUNCATED) !== 0) return false;
  if ((flagsOf(core, flow) & FLOW_UNTOUCHED) !== 0) return false;
  const at = nearHalf(core, flow);
  const halves = core.flows.halves;
  if (core.flows.rows[flow * FLOW_ROW_WORDS + BORN_MS] !== core.nowMs) {
    return repeat(core, halves[at + HALF_FLAGS]!);
  }
  if (knownPath(core, flow) < 0) return false;
  const before = halves[at + HALF_FLAGS]!;
  let after = before;
  if (take(core, flow, FACT_TIMESTAMPS_STRIPPED, KIND_TIMESTAMPS, TIMESTAMPS_STRIPPED)) {
    after = (after & ~HALF_TS_OFFERED) | HALF_TS_TAKEN;
    seg.tsOff = 0;
  }
  if (take(core, flow, FACT_SACK_STRIPPED, KIND_SACK_PERMITTED, SACK_PERMITTED_STRIPPED)) {
    after = (after & ~HALF_SACK_OFFERED) | HALF_SACK_TAKEN;
    seg.sackPermitted = 0;
  }
  if (take(core, flow, FACT_SCALE_STRIPPED, KIND_WINDOW_SCALE, WINDOW_SCALE_STRIPPED)) {
    after |= HALF_SCALE_TAKEN;
    halves[at + WND_SCALE] = -1;
    seg.wndScale = -1;
  }
  halves[at + HALF_FLAGS] = after;
  return after !== before;
}

/** What was taken out of the first SYN is taken out of this one too. */
function repeat(core: Core, flags: number): boolean {
  let changed = false;
  if ((flags & HALF_TS_TAKEN) !== 0) changed = overwrite(core, KIND_TIMESTAMPS) || changed;
  if ((flags & HALF_SACK_TAKEN) !== 0) changed = overwrite(core, KIND_SACK_PERMITTED) || changed;
  if ((flags & HALF_SCALE_TAKEN) !== 0) changed = overwrite(core, KIND_WINDOW_SCALE) || changed;
  return changed;
}

function overwrite(core: Core, kind: number): boolean {
  const at = optionAt(core.buf, core.seg, kind);
  if (at < 0) return false;
  overwriteOption(core.buf, at);
  core.changed = 1;
  return true;
}

function take(core: Core, flow: number, fact: number, kind: number, cause: number): boolean {
  if (optionAt(core.buf, core.seg, kind) < 0 || !pathHolds(core, flow, fact)) return false;
  if (!enforce(core, OPTIONS_ALIGNED)) return false;
  event(core, flow, OPTIONS_ALIGNED, cause, 0, 0, 0, 0, 0);
  return overwrite(core, kind);
}
