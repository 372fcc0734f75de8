/**
 * Who breaks a silence, and who answers: what the watch of idle flows (`idle-watch.ts`) begins with
 * and ends with, and what a path has let its flows survive.
 *
 * Owns `core.silences`. Reads LAST_MS: the segment in hand is not in it yet. Times: ms.
 */
import { IDLE_DROP } from '../codes.ts';
import { type Core, flagsOf, nearHalf } from '../core.ts';
import { found } from '../emit.ts';
import { FLOW_KERNEL, FLOW_NUMBERS_OLD, FLOW_OVER, FLOW_PROVEN, SND_NXT } from '../flow/layout.ts';
import { seqAdd, seqLeq } from '../wire/seq.ts';
import { learnIdle, SILENCE_MIN_MS, silentFor, survive } from './idle-limit.ts';
import { endIdleWatch, isWatched, noteRepeat } from './idle-watch.ts';

/** A larger segment may be lost for its size: a path that swallows those is another fault. */
const SMALL_OCTETS = 536;
/** What the numbers of these are worth is not known here, or does not matter any more. */
const NEVER = FLOW_NUMBERS_OLD | FLOW_KERNEL | FLOW_OVER;

/** Data of the near end, before it is tracked. */
export function speakNear(core: Core, flow: number): void {
  const seg = core.seg;
  if ((flagsOf(core, flow) & (NEVER | FLOW_PROVEN)) !== FLOW_PROVEN) return;
  const sndNxt = core.flows.halves[nearHalf(core, flow) + SND_NXT]!;
  if (!seqLeq(seqAdd(seg.segSeq, seg.segLen), sndNxt)) {
    const silentMs = silentFor(core, flow);
    if (silentMs >= SILENCE_MIN_MS) core.silences.break(flow, silentMs);
  } else if (seg.payloadBytes <= SMALL_OCTETS && core.silences.silentMs(flow) !== 0) {
    noteRepeat(core, flow);
  }
}

/** A segment of the far end, no reset, whatever its numbers: the path still knows the flow. */
export function hearFar(core: Core, flow: number): void {
  if (core.silences.isBroken(flow)) {
    survive(core, flow, core.silences.silentMs(flow));
    core.silences.clear(flow);
    if (isWatched(core, flow)) endIdleWatch(core, flow);
    return;
  }
  if ((flagsOf(core, flow) & FLOW_NUMBERS_OLD) !== 0) return;
  const silentMs = silentFor(core, flow);
  if (silentMs >= SILENCE_MIN_MS) survive(core, flow, silentMs);
}

/**
 * A reset that is acted upon, and that nothing speaks against: does it answer the first words
 * behind a silence, while an older flow to the destination lives? Then something has forgotten.
 */
export function hearReset(core: Core, flow: number): void {
  const silentMs = core.silences.silentMs(flow);
  if (silentMs === 0) return;
  const beganMs = (core.nowMs - silentMs) | 0;
  if (!core.destinations.elderLives(flow, beganMs)) return;
  const limitMs = learnIdle(core, flow, silentMs);
  found(core, flow, IDLE_DROP, silentMs, 0, 0, 1, limitMs);
}
