/**
 * How long a path lets its connections say nothing: learned from those that were found dead behind
 * a silence, and bounded by those that lived through one.
 *
 * The limit is the shortest silence behind which a flow was found dead, and longer than the longest
 * one that a flow is known to have survived: a death behind a shorter one has another cause. A flow
 * that survives the limit disproves it, and it is forgotten. Owns nothing; writes the path table
 * and the destinations. Times: ms. DESIGN §4.7.
 */
import { type Core, clearFlags, flagsOf, knownPath, pathOf, since } from '../core.ts';
import {
  ANCHORED_MS,
  BORN_MS,
  FLOW_BYPASSED,
  FLOW_CANARY,
  FLOW_ROW_WORDS,
  LAST_MS,
} from '../flow/layout.ts';
import { FACT_IDLE } from '../flow/path-table.ts';
import { IDLE_AFTER_MAX_MS, IDLE_AFTER_MIN_MS } from '../limits.ts';
import { IDLE_KEEPALIVE, POLICY_IDLE, POLICY_IDLE_AFTER_MS } from '../memory.ts';

/** Less is a pause: no firewall forgets so soon, and every session makes such. */
export const SILENCE_MIN_MS = 2000;
/** A keep-alive is due at this share of the limit (DESIGN §4.7). */
const SHARE = 0.8;

/**
 * How long nobody has said anything on the flow. What went by in the kernel was not seen: of a flow
 * that was settled, at most since it is looked at again.
 */
export function silentFor(core: Core, flow: number): number {
  const rows = core.flows.rows;
  const row = flow * FLOW_ROW_WORDS;
  const bypassed = (flagsOf(core, flow) & FLOW_BYPASSED) !== 0;
  const quietMs = since(core.nowMs, rows[row + LAST_MS]!);
  const seenMs = since(core.nowMs, rows[row + (bypassed ? ANCHORED_MS : BORN_MS)]!);
  return quietMs < seenMs ? quietMs : seenMs;
}

/** The silence behind which the flow is idle, or 0: nobody has said, and nothing is known. */
export function idleAfterMs(core: Core, flow: number): number {
  const path = (flagsOf(core, flow) & FLOW_CANARY) !== 0 ? -1 : knownPath(core, flow);
  if (!core.paths.holds(path, FACT_IDLE, core.nowMs)) return afterMsBy(core, 0);
  return afterMsBy(core, core.paths.idleLimitMs(path));
}

/** The shortest that any flow can have; 0: none has one. */
export function idleFloorMs(core: Core): number {
  return afterMsBy(core, core.paths.shortestIdleMs());
}

/** By the limit of a path, 0: none is known. */
function afterMsBy(core: Core, limitMs: number): number {
  let afterMs = core.policy[POLICY_IDLE_AFTER_MS]!;
  if (limitMs !== 0) {
    // Before the limit a keep-alive keeps; behind it, who has been forgotten can be told.
    const keeps = core.policy[POLICY_IDLE] === IDLE_KEEPALIVE;
    const learnedMs = keeps ? Math.floor(limitMs * SHARE) : limitMs;
    if (afterMs === 0 || (keeps && learnedMs < afterMs)) afterMs = learnedMs;
  }
  if (afterMs === 0) return 0;
  if (afterMs < IDLE_AFTER_MIN_MS) return IDLE_AFTER_MIN_MS;
  return afterMs < IDLE_AFTER_MAX_MS ? afterMs : IDLE_AFTER_MAX_MS;
}

/** A flow was found dead behind a silence. Returns the limit that is believed now, or 0. */
export function learnIdle(core: Core, flow: number, silentMs: number): number {
  if (silentMs < SILENCE_MIN_MS || silentMs <= core.destinations.survivedMs(flow)) return 0;
  const path = pathOf(core, flow);
  core.paths.learnIdle(path, silentMs, core.nowMs);
  clearFlags(core, flow, FLOW_CANARY); // it has found what it was sent for
  return core.paths.idleLimitMs(path);
}

/** A flow spoke on behind a silence, and was answered. */
export function survive(core: Core, flow: number, silentMs: number): void {
  if (silentMs < SILENCE_MIN_MS) return;
  core.destinations.survive(flow, silentMs);
  const path = knownPath(core, flow);
  if (!core.paths.holds(path, FACT_IDLE, core.nowMs)) return;
  if (silentMs >= core.paths.idleLimitMs(path)) {
    core.paths.clear(path, FACT_IDLE, core.nowMs);
  }
}
