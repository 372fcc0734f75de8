// @pathology window-scale-stripped | RFC 7323 §2.2-2.4 | rescales windows | on proof, one connection
/**
 * The far end scales its windows and the near end does not know: 64 KiB read as 64 octets, and the
 * far end reads what the near end offers as megabytes. No SYN-ACK told the far end's shift, but its
 * first window does: a receiver takes back nothing that it has offered (RFC 7323 §2.4), so the
 * right edge of the SYN-ACK's window, which is never scaled, still holds, and the smallest shift
 * that reaches it is never more than the true one.
 *
 * Without NOPs where the option was, the numbers have to agree exactly, and not at a power of two,
 * which somebody's plain window might be; and what the far end is told waits until it has
 * acknowledged octets that its window, unscaled, had no room for.
 *
 * Reads LAST_WND of the SYN-ACK. Writes SCALE_FIX, FLOW_UNSCALED and windows; the flow's own rule
 * lets conntrack see what the near end sees. Units: octets, shifts.
 */
import { OPTIONS_ALIGNED, WINDOW_SCALE_STRIPPED } from '../codes.ts';
import {
  type Core,
  enforce,
  farHalf,
  flagsOf,
  knownPath,
  learnPath,
  nearHalf,
  setFlags,
} from '../core.ts';
import { event, found } from '../emit.ts';
import {
  FLOW_BYPASSED,
  FLOW_NO_JUMP,
  FLOW_ROW_WORDS,
  FLOW_UNSCALED,
  HALF_FLAGS,
  HALF_SCALE_TOLD,
  ISS,
  LAST_WND,
  SCALE_FIX,
  SND_UNA,
  SND_WND,
  WND_SCALE,
} from '../flow/layout.ts';
import { FACT_SCALE_STRIPPED } from '../flow/path-table.ts';
import { wantRule } from '../rule-requests.ts';
import { INFO_TRUNCATED } from '../verdict.ts';
import { ACK } from '../wire/segment.ts';
import { seqAdd, seqDiff } from '../wire/seq.ts';
import { rescale } from './translate.ts';

const SHIFT_MAX = 14; // RFC 7323 §2.3
/** Raw windows below this fit some shift by chance. */
const WND_MIN = 16;
/** Somebody may halve a plain window, against all advice, a few times. */
const SHIFT_PLAIN = 4;
/** No receiver offers less than a segment unless it scales (RFC 1122 §4.2.3.3). */
const WND_PLAIN = 536;

/** A far segment of a connection that nothing else is wrong with, before it is tracked. */
export function findUnscaled(core: Core, flow: number, isFirst: boolean): void {
  const flags = flagsOf(core, flow);
  if ((flags & FLOW_UNSCALED) !== 0) confirm(core, flow);
  else if (isFirst && (flags & FLOW_BYPASSED) === 0) judgeFirst(core, flow);
}

function judgeFirst(core: Core, flow: number): void {
  const seg = core.seg;
  const halves = core.flows.halves;
  const near = nearHalf(core, flow);
  const far = farHalf(core, flow);
  const farReads = halves[near + WND_SCALE]!;
  if (farReads < 0 || halves[far + WND_SCALE]! >= 0 || seg.segWnd === 0) return;
  const offered = halves[far + LAST_WND]!;
  const used = seqDiff(seg.segAck, seqAdd(halves[near + ISS]!, 1));
  if (used < 0 || used > offered >> 1) return;
  const edge = offered - used;
  let shift = 0;
  while (shift <= SHIFT_MAX && (seg.segWnd + 1) * 2 ** shift <= edge) shift++;
  if (shift === 0 || shift > SHIFT_MAX) return;
  const path = knownPath(core, flow);
  const sure = path >= 0 && core.paths.holds(path, FACT_SCALE_STRIPPED, core.nowMs);
  if (!sure && !isExact(seg.segWnd, edge, shift)) return;
  if (!enforce(core, OPTIONS_ALIGNED)) return;
  event(core, flow, OPTIONS_ALIGNED, WINDOW_SCALE_STRIPPED, shift, 0, 0, 0, 0);
  const row = flow * FLOW_ROW_WORDS;
  core.flows.rows[row + SCALE_FIX] = shift | (sure ? farReads << 24 : 0);
  setFlags(core, flow, FLOW_UNSCALED | FLOW_NO_JUMP); // one translation a flow
  wantRule(core, flow);
}

/** Both roundings are met: Linux rounds a window up, others down. */
function isExact(wnd: number, edge: number, shift: number): boolean {
  if (shift < SHIFT_PLAIN || wnd < WND_MIN || (wnd - 1) * 2 ** shift >= edge) return false;
  if (wnd < WND_PLAIN) return true;
  return !nearPowerOfTwo(wnd) && !nearPowerOfTwo(edge >> shift);
}

function nearPowerOfTwo(n: number): boolean {
  return (n & (n - 1)) === 0 || (n & (n + 1)) === 0;
}

/** Octets beyond its last window are acknowledged: that window was scaled. */
function confirm(core: Core, flow: number): void {
  const at = flow * FLOW_ROW_WORDS + SCALE_FIX;
  const fix = core.flows.rows[at]!;
  if (fix >>> 24 !== 0) return;
  const halves = core.flows.halves;
  const near = nearHalf(core, flow);
  const unscaled = (halves[near + SND_WND]! >> (fix & 0xff)) + 1;
  const acked = seqDiff(core.seg.segAck, halves[near + SND_UNA]!);
  if (acked <= unscaled || (core.seg.flags & ACK) === 0) return;
  core.flows.rows[at] = fix | (halves[near + WND_SCALE]! << 24);
  core.flows.commit(flow);
  const flagsAt = near + HALF_FLAGS;
  halves[flagsAt] = halves[flagsAt]! | HALF_SCALE_TOLD;
  found(core, flow, WINDOW_SCALE_STRIPPED, 0, 0, 0, 0, 0);
  learnPath(core, flow, FACT_SCALE_STRIPPED);
}

/** An arriving segment: the window as the near end is to read it. */
export function rescaleIn(core: Core, flow: number): void {
  if ((core.info & INFO_TRUNCATED) !== 0) return;
  const shift = core.flows.rows[flow * FLOW_ROW_WORDS + SCALE_FIX]! & 0xff;
  if (rescale(core, flow, shift, 0)) core.changed = 1;
}

/** A leaving one, already tracked: as the far end is to read it. */
export function rescaleOut(core: Core, flow: number): void {
  if ((core.info & INFO_TRUNCATED) !== 0) return;
  const shift = core.flows.rows[flow * FLOW_ROW_WORDS + SCALE_FIX]! >>> 24;
  if (rescale(core, flow, 0, shift)) core.changed = 1;
}
