/**
 * How often a flow's resets are checked, and when the probes of a check leave: not while the far
 * end may not answer, and further apart in a shower of false resets.
 *
 * Owns the times of a check in the repair slot, and the count of checks. Times: ms. DESIGN §4.2.
 */
import { DUPLICATE_ADDRESS, RST_DROPPED, RST_FOREIGN, STAT_CHECK_LIMIT } from '../codes.ts';
import { type Core, count, enforce, flagsOf, setFlags, since } from '../core.ts';
import {
  ANCHORED_MS,
  ANSWERED_MS,
  CHECK_AT_MS,
  CHECK_COUNT,
  FLOW_BYPASSED,
  FLOW_NUMBERS_OLD,
  FLOW_PROVOKED,
  FLOW_REFUTED,
  FLOW_ROW_WORDS,
  PROBED_MS,
} from '../flow/layout.ts';
import {
  R_ARMED,
  R_CHECK_AGAIN_MS,
  R_CHECK_AT_MS,
  R_CHECK_CAUSE,
  R_CHECK_DEADLINE_MS,
  R_CHECK_OTHERS,
  R_CHECK_PROBE_MS,
  R_CHECK_PROBES,
  R_CHECK_PROBES_LEFT,
  R_CHECK_SEQ,
  R_CHECKING,
  R_DEAD_PROBES,
  R_DEADMAN,
} from '../flow/repair-table.ts';
import { CHALLENGE_INTERVAL_MS } from '../limits.ts';
import { seqLeq, seqLt, seqMax } from '../wire/seq.ts';
import { hastenDeadman, PATIENT_MS, patientMs, waitMs } from './held.ts';

/**
 * This many checks per flow in CHECK_PERIOD_MS probe at once; behind them probes are AGAIN_MS
 * apart. Passing the ninth instead (DESIGN §4.2) ends every login through a second end point that
 * answers each packet of the client: 0 of 4 live, against 4 of 4; what is bounded is what we send.
 */
const CHECKS_MAX = 8;
const CHECK_PERIOD_MS = 60_000;
/**
 * A probe within this behind an answered one may go unanswered for the challenge interval alone.
 */
const RECENT_ANSWER_MS = CHALLENGE_INTERVAL_MS + 20;
const AGAIN_MS = CHALLENGE_INTERVAL_MS + 50;
const CHECK_TOTAL_MS = 700;
/** A probe that cannot leave holds a reset no longer than this. */
const UNSENT_MAX_MS = 2000;

/**
 * A second end point answers our probes with resets as well. One that answers a dead-man probe
 * joins that watch, which delivers it if nobody answers; and in a shower, one right behind a probe
 * that the real far end has answered starts no new round. A second one behind the same probe does:
 * it may be the far end's own.
 */
export function isProvoked(core: Core, flow: number, base: number): boolean {
  const words = core.repairs.words;
  const rows = core.flows.rows;
  const row = flow * FLOW_ROW_WORDS;
  const watched = (words[base + R_ARMED]! & R_DEADMAN) !== 0 && words[base + R_DEAD_PROBES]! > 0;
  const probedMs = since(core.nowMs, rows[row + PROBED_MS]!);
  const answered = since(core.nowMs, rows[row + ANSWERED_MS]!) <= probedMs;
  const shower = rows[row + CHECK_COUNT]! > CHECKS_MAX;
  const isFirst = (flagsOf(core, flow) & FLOW_PROVOKED) === 0;
  if (probedMs > waitMs(core, flow)) return false;
  setFlags(core, flow, FLOW_PROVOKED);
  if (!(watched || (answered && shower && isFirst))) return false;
  if (!enforce(core, RST_DROPPED)) return false;
  if (watched) hastenDeadman(core, base);
  return true;
}

/** Counts the checks of a period; true once there are more than may each probe at once. */
function isShower(core: Core, flow: number): boolean {
  const rows = core.flows.rows;
  const row = flow * FLOW_ROW_WORDS;
  if (since(core.nowMs, rows[row + CHECK_AT_MS]!) > CHECK_PERIOD_MS) {
    rows[row + CHECK_AT_MS] = core.nowMs;
    rows[row + CHECK_COUNT] = 0;
  }
  rows[row + CHECK_COUNT] = rows[row + CHECK_COUNT]! + 1;
  if (rows[row + CHECK_COUNT]! <= CHECKS_MAX) return false;
  count(core, STAT_CHECK_LIMIT);
  return true;
}

/** A path that stalls for a moment must not make true what comes from elsewhere or was false. */
function isPatient(core: Core, flow: number, cause: number): boolean {
  if ((flagsOf(core, flow) & FLOW_REFUTED) !== 0) return true;
  return cause === RST_FOREIGN || cause === DUPLICATE_ADDRESS;
}

/** How long a check of this cause waits for an answer to its last probe. */
function silenceMs(core: Core, flow: number, cause: number): number {
  return isPatient(core, flow, cause) ? patientMs(core, flow) : waitMs(core, flow);
}

/**
 * The probe has not left yet: its answer is waited for from now on. False: it cannot leave (the
 * main thread is away), and holds the reset no longer.
 */
export function postpone(core: Core, flow: number, base: number): boolean {
  const words = core.repairs.words;
  const beganMs = words[base + R_CHECK_AT_MS]!;
  const probedMs = core.flows.rows[flow * FLOW_ROW_WORDS + PROBED_MS]!;
  const last = (seqMax(beganMs, probedMs) + UNSENT_MAX_MS) | 0;
  if (seqLeq(last, core.nowMs)) return false;
  const waited = (core.nowMs + silenceMs(core, flow, words[base + R_CHECK_CAUSE]!)) | 0;
  const deadline = seqLt(waited, last) ? waited : last;
  const again = (core.nowMs + (PATIENT_MS >> 1)) | 0;
  const isLater = seqLt(words[base + R_CHECK_DEADLINE_MS]!, deadline);
  if (isLater) words[base + R_CHECK_DEADLINE_MS] = deadline;
  if (words[base + R_CHECK_PROBES] === 0) return true;
  if (seqLt(words[base + R_CHECK_PROBE_MS]!, again)) words[base + R_CHECK_PROBE_MS] = again;
  return true;
}

/**
 * A check that was under way when nobody looked for a while: the answer to its last probe may have
 * gone by. One more, when the far end may answer again; silence counts from that one on.
 */
export function askOnceMore(words: Int32Array, base: number, probedMs: number): void {
  const earliest = (probedMs + AGAIN_MS) | 0;
  const probeMs = seqMax(words[base + R_CHECK_PROBE_MS]!, earliest);
  words[base + R_CHECK_PROBES_LEFT] = 1;
  words[base + R_CHECK_PROBE_MS] = probeMs;
  words[base + R_CHECK_DEADLINE_MS] = probeMs;
}

export function arm(core: Core, flow: number, base: number, cause: number): void {
  const words = core.repairs.words;
  const row = flow * FLOW_ROW_WORDS;
  const patient = isPatient(core, flow, cause);
  const wait = silenceMs(core, flow, cause);
  const probedMs = core.flows.rows[row + PROBED_MS]!;
  const lastMs = lastAnswerMs(core, flow);
  const spaced = isShower(core, flow) && since(core.nowMs, probedMs) < AGAIN_MS;
  words[base + R_CHECK_OTHERS] = (words[base + R_ARMED]! & R_DEADMAN) === 0 ? 0 : 1;
  words[base + R_ARMED] = (words[base + R_ARMED]! & ~R_DEADMAN) | R_CHECKING;
  words[base + R_CHECK_SEQ] = core.seg.segSeq;
  words[base + R_CHECK_AT_MS] = core.nowMs;
  words[base + R_CHECK_PROBE_MS] = spaced ? (probedMs + AGAIN_MS) | 0 : core.nowMs;
  words[base + R_CHECK_PROBES] = 0;
  words[base + R_CHECK_CAUSE] = cause;
  words[base + R_CHECK_PROBES_LEFT] = patient ? 2 : 1;
  words[base + R_CHECK_DEADLINE_MS] = (core.nowMs + wait) | 0;
  words[base + R_CHECK_AGAIN_MS] = (core.nowMs + (PATIENT_MS >> 1)) | 0;
  if (!spaced && since(core.nowMs, lastMs) >= RECENT_ANSWER_MS) return;
  // Linux may not answer again yet (tcp_invalid_ratelimit): a probe must leave behind that.
  const last = (lastMs + AGAIN_MS + wait) | 0;
  const limit = (core.nowMs + CHECK_TOTAL_MS) | 0;
  words[base + R_CHECK_AGAIN_MS] = (lastMs + AGAIN_MS) | 0;
  words[base + R_CHECK_PROBES_LEFT] = spaced ? 1 : 2;
  words[base + R_CHECK_DEADLINE_MS] = seqLt(last, limit) ? last : limit;
}

/**
 * The latest at which the far end may have answered anybody. An answer that was lost on its way
 * counts for its limit as well, and what went by in the kernel nobody has seen.
 */
function lastAnswerMs(core: Core, flow: number): number {
  const flags = flagsOf(core, flow);
  if ((flags & FLOW_NUMBERS_OLD) !== 0) return core.nowMs;
  const rows = core.flows.rows;
  const row = flow * FLOW_ROW_WORDS;
  const lastMs = seqMax(rows[row + ANSWERED_MS]!, rows[row + PROBED_MS]!);
  return (flags & FLOW_BYPASSED) === 0 ? lastMs : seqMax(lastMs, rows[row + ANCHORED_MS]!);
}
