/**
 * The watch of a flow whose silence has been broken towards the far end, by a keep-alive of ours or
 * by words of the near end that it had to repeat, and that has not been answered yet.
 *
 * What tells a flow that something on the path has forgotten from a path or a server that is gone:
 * other flows to the same destination live. A *try* (keep-alive, or repeated words small enough for
 * every link) counts when such a flow was heard between it and the try before, so that an outage
 * can cost one of them only; COUNTED_MIN that count, the last unanswered for a second, are proof.
 *
 * Keep-alives of ours: two in each of two intervals. Behind them only to tell, one at a time, each
 * after another flow was heard, and not longer than PARK_MS. A far end that answers nothing while
 * nobody else is heard is left to the near end's own timers: nothing is masked.
 *
 * The answer of the far end goes on to the near end like any segment (RFC 9293 §3.10.7.4: its ACK
 * is a duplicate, its window true). It puts off the near end's own keep-alive, which would ask the
 * same; to withhold it would be to hide the truth.
 *
 * Owns R_IDLE and the R_IDLE_* words of the repair slot. Times: ms. DESIGN §4.7, RFC 9293 §3.8.4.
 */
import { FLOW_ENDED, IDLE_DROP, KEEPALIVE_UNANSWERED } from '../codes.ts';
import {
  type Core,
  enforce,
  farHalf,
  flagsOf,
  pathHolds,
  repairBase,
  repairOf,
  since,
  takeRepair,
} from '../core.ts';
import { event, found, keepAlive, probeWaits, resetNear } from '../emit.ts';
import { FLOW_NUMBERS_OLD, SND_CONT } from '../flow/layout.ts';
import { FACT_IDLE } from '../flow/path-table.ts';
import {
  R_ARMED,
  R_IDLE,
  R_IDLE_AT_MS,
  R_IDLE_COUNTED,
  R_IDLE_OURS,
  R_IDLE_PROBES,
  R_IDLE_SILENT_MS,
  R_IDLE_TRIED_MS,
  R_IDLE_TRIES,
} from '../flow/repair-table.ts';
import { endFlow } from '../lifecycle.ts';
import { REPAIR_COUNT } from '../limits.ts';
import { IDLE_FORGET, IDLE_KEEPALIVE, IDLE_RESET, POLICY_IDLE, POLICY_OBSERVE } from '../memory.ts';
import { dropRule } from '../rule-requests.ts';
import { disarm, waitMs } from './held.ts';
import { learnIdle } from './idle-limit.ts';

/** So many slots of the repair table stay free for repairs. */
const RESERVED = REPAIR_COUNT >> 1;
/** An answer takes a round trip; Linux gives one per 500 ms and socket. */
const ANSWER_MS = 1000;
const PROBES_UNASKED = 4;
const PROBES_MAX = 8;
/**
 * Two lost probes are loss: at 2 % each way three in a row are one in 15,000, and that the path
 * lives in between was heard.
 */
const COUNTED_MIN = 3;
/** Closer together, one moment of loss would count twice. */
const REPEAT_MS = 500;
const PARK_MS = 60_000;
/** Between the two intervals: an eighth of the silence (a tenth of the limit) is still in time. */
const INTERVAL_SHARE = 8;
const INTERVAL_MAX_MS = 75_000;
/** The near end gives up, or has backed off to two minutes (RFC 6298 §5.5, Linux TCP_RTO_MAX). */
const REPEATS_MS = 130_000;

/** Begins a watch; false where there is no room. */
function open(core: Core, flow: number, silentMs: number, ours: number): boolean {
  if (core.repairs.activeCount() >= RESERVED) return false;
  const slot = takeRepair(core, flow);
  if (slot < 0) return false;
  const words = core.repairs.words;
  const base = repairBase(slot);
  words[base + R_ARMED] = words[base + R_ARMED]! | R_IDLE;
  words[base + R_IDLE_AT_MS] = core.nowMs;
  words[base + R_IDLE_TRIED_MS] = core.nowMs;
  words[base + R_IDLE_SILENT_MS] = silentMs;
  words[base + R_IDLE_TRIES] = words[base + R_IDLE_COUNTED] = words[base + R_IDLE_PROBES] = 0;
  words[base + R_IDLE_OURS] = ours;
  return true;
}

export function isWatched(core: Core, flow: number): boolean {
  const slot = repairOf(core, flow);
  return slot >= 0 && (core.repairs.words[repairBase(slot) + R_ARMED]! & R_IDLE) !== 0;
}

/** The far end was heard, or there is nothing more to find out. */
export function endIdleWatch(core: Core, flow: number): void {
  const slot = repairOf(core, flow);
  if (slot < 0) return;
  const base = repairBase(slot);
  core.repairs.words[base + R_ARMED] = core.repairs.words[base + R_ARMED]! & ~R_IDLE;
  disarm(core, flow, slot);
}

/** Asks the far end of an idle flow. */
export function beginKeepAlive(core: Core, flow: number, silentMs: number): void {
  if (core.outbox.isFull() || !open(core, flow, silentMs, 1)) return;
  tryAgain(core, flow, repairBase(repairOf(core, flow)));
  if (isWatched(core, flow)) core.silences.break(flow, silentMs);
}

/** The near end repeats what it said behind a silence, in one packet of any link. */
export function noteRepeat(core: Core, flow: number): void {
  if (core.silences.isTold(flow)) return;
  const silentMs = core.silences.silentMs(flow);
  if (isWatched(core, flow)) {
    const base = repairBase(repairOf(core, flow));
    const triedMs = since(core.nowMs, core.repairs.words[base + R_IDLE_TRIED_MS]!);
    if (triedMs >= REPEAT_MS) noteTry(core, flow, base);
  } else if (open(core, flow, silentMs, 0)) {
    noteTry(core, flow, repairBase(repairOf(core, flow)));
  }
}

function noteTry(core: Core, flow: number, base: number): void {
  const words = core.repairs.words;
  const fresh = core.destinations.othersLive(flow, words[base + R_IDLE_TRIED_MS]!);
  if (fresh && words[base + R_IDLE_TRIES]! > 0) {
    words[base + R_IDLE_COUNTED] = words[base + R_IDLE_COUNTED]! + 1;
  }
  words[base + R_IDLE_TRIES] = words[base + R_IDLE_TRIES]! + 1;
  words[base + R_IDLE_TRIED_MS] = core.nowMs;
}

/** One keep-alive more; where it may not be sent, the watch ends. */
function tryAgain(core: Core, flow: number, base: number): void {
  const words = core.repairs.words;
  const cause = pathHolds(core, flow, FACT_IDLE) ? IDLE_DROP : 0;
  noteTry(core, flow, base);
  words[base + R_IDLE_PROBES] = words[base + R_IDLE_PROBES]! + 1;
  if (keepAlive(core, flow, cause, words[base + R_IDLE_PROBES]!)) return;
  core.silences.stop(flow, core.nowMs, true);
  endIdleWatch(core, flow);
}

export function tickIdle(core: Core, slot: number, flow: number): void {
  const words = core.repairs.words;
  const base = repairBase(slot);
  const probes = words[base + R_IDLE_PROBES]!;
  if (probes > 0 && probeWaits(core, base)) {
    words[base + R_IDLE_TRIED_MS] = core.nowMs; // nobody was asked yet
    return;
  }
  const triedMs = since(core.nowMs, words[base + R_IDLE_TRIED_MS]!);
  const answerMs = waitMs(core, flow);
  if (triedMs < (answerMs < ANSWER_MS ? ANSWER_MS : answerMs)) return;
  const action = core.policy[POLICY_IDLE]!;
  const asks = action !== IDLE_FORGET && core.policy[POLICY_OBSERVE] === 0;
  const ends = asks && action === IDLE_RESET;
  // Words of the near end alone end nothing: larger ones of it may be lost for their size.
  if (words[base + R_IDLE_COUNTED]! >= COUNTED_MIN && (!ends || probes > 0)) {
    foundDead(core, flow, base);
  } else if (asks && !core.outbox.isFull() && isDue(core, flow, base, triedMs)) {
    tryAgain(core, flow, base);
  } else if (isHopeless(core, flow, base, triedMs)) {
    stop(core, flow, base);
  }
}

/** May the next keep-alive leave? */
function isDue(core: Core, flow: number, base: number, triedMs: number): boolean {
  const words = core.repairs.words;
  const probes = words[base + R_IDLE_PROBES]!;
  if (words[base + R_IDLE_OURS] !== 0 && probes < PROBES_UNASKED) {
    const second = probes === 2 && core.policy[POLICY_IDLE] === IDLE_KEEPALIVE;
    return !second || triedMs >= intervalMs(words[base + R_IDLE_SILENT_MS]!);
  }
  if (probes >= PROBES_MAX) return false;
  return core.destinations.othersLive(flow, words[base + R_IDLE_TRIED_MS]!);
}

function intervalMs(silentMs: number): number {
  const share = Math.floor(silentMs / INTERVAL_SHARE);
  return share < INTERVAL_MAX_MS ? share : INTERVAL_MAX_MS;
}

function isHopeless(core: Core, flow: number, base: number, triedMs: number): boolean {
  const words = core.repairs.words;
  if (words[base + R_IDLE_OURS] === 0) return triedMs > REPEATS_MS;
  const probes = words[base + R_IDLE_PROBES]!;
  if (probes < PROBES_UNASKED) return false;
  const beganMs = words[base + R_IDLE_AT_MS]!;
  if (probes >= PROBES_MAX || since(core.nowMs, beganMs) > PARK_MS) return true;
  return !core.destinations.othersLive(flow, beganMs);
}

/** Nobody answers, and nothing tells why: it ends here, until another flow is heard. */
function stop(core: Core, flow: number, base: number): void {
  const words = core.repairs.words;
  const silentMs = words[base + R_IDLE_SILENT_MS]!;
  if (words[base + R_IDLE_OURS] !== 0) {
    if (!core.silences.isStopped(flow)) {
      found(core, flow, KEEPALIVE_UNANSWERED, silentMs, words[base + R_IDLE_PROBES]!, 0, 0, 0);
    }
    core.silences.stop(flow, core.nowMs, false);
  }
  endIdleWatch(core, flow);
}

function foundDead(core: Core, flow: number, base: number): void {
  const words = core.repairs.words;
  const silentMs = words[base + R_IDLE_SILENT_MS]!;
  const tries = words[base + R_IDLE_TRIES]!;
  const probes = words[base + R_IDLE_PROBES]!;
  const limitMs = learnIdle(core, flow, silentMs);
  found(core, flow, IDLE_DROP, silentMs, tries, probes, 0, limitMs);
  core.silences.stop(flow, core.nowMs, true);
  endIdleWatch(core, flow);
  if (core.policy[POLICY_IDLE] !== IDLE_RESET) return;
  if ((flagsOf(core, flow) & FLOW_NUMBERS_OLD) !== 0) return; // no exact number is known
  if (!enforce(core, FLOW_ENDED)) return;
  const seq = core.flows.halves[farHalf(core, flow) + SND_CONT]!;
  event(core, flow, FLOW_ENDED, IDLE_DROP, seq, 0, 0, 0, 0);
  resetNear(core, flow);
  endFlow(core, flow, true);
  dropRule(core, flow);
}
