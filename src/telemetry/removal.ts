/**
 * May seqshim be removed? Judged on canaries only: connections that went without what was learned
 * of their destination, and ended well. Owns nothing. Times: ms of the wall clock.
 *
 * That nothing was repaired for a while is no evidence: a policy may have kept the fault from
 * showing. With n canaries and no fault, fewer than 3/n of all connections meet it, at 95 %
 * confidence and if canaries are like the others (the rule of three: 0.95 = 1 - (1 - p)^n).
 */
import type { Destination } from './history.ts';

/** Fewer than one connection in ten. */
export const CANARIES_WANTED = 30;

/** API: exit 0, 1 and 4. */
export type Verdict = 'safe' | 'needed' | 'unknown';

export interface Judgement {
  readonly verdict: Verdict;
  readonly because: string;
}

/** Of one destination that has shown a fault. */
export function judgeDestination(of: Destination, fromDate: number): Judgement {
  const last = `last fault ${new Date(of.lastFault).toISOString()}`;
  const clean = of.canariesClean;
  if (clean === 0 && of.lastFault >= fromDate) {
    return { verdict: 'needed', because: `${last}, and no canary has ended well since` };
  }
  // Some of them had begun before it.
  const counted = `${clean} of ${Math.max(clean, of.canaries)} canaries since have ended well`;
  if (clean < CANARIES_WANTED) {
    return { verdict: 'unknown', because: `${last}; ${counted}, ${CANARIES_WANTED} are wanted` };
  }
  if (of.sackBlind) {
    const sack = 'none of them has shown SACK blocks in the right numbers';
    return { verdict: 'unknown', because: `${last}; ${counted}, but ${sack}` };
  }
  const oneIn = Math.floor(clean / 3);
  const bound = `fewer than 1 connection in ${oneIn} meets it (95 % confidence)`;
  return { verdict: 'safe', because: `${last}; ${counted} and met none: ${bound}` };
}

/** Of all together. */
export function judgeAll(
  judged: readonly Judgement[],
  eventsLost: number,
  connections: number,
): Judgement {
  const count = (verdict: Verdict) => judged.filter((one) => one.verdict === verdict).length;
  const [needed, unknown] = [count('needed'), count('unknown')];
  if (judged.length === 0) {
    const seen = `none of ${connections} connections has shown a fault`;
    return { verdict: 'unknown', because: `${seen}: no canary had anything to look for` };
  }
  if (needed > 0) {
    const which = needed === 1 ? '1 destination has' : `${needed} destinations have`;
    return { verdict: 'needed', because: `${which} shown a fault, and no clean canary since` };
  }
  if (unknown > 0) {
    const which = unknown === 1 ? '1 destination' : `${unknown} destinations`;
    return { verdict: 'unknown', because: `${which} with too few canaries since the last fault` };
  }
  if (eventsLost > 0) {
    const lost = `${eventsLost} events were lost`;
    return { verdict: 'unknown', because: `${lost}: a fault may be among them` };
  }
  const all = judged.length === 1 ? 'the destination' : `each of ${judged.length} destinations`;
  return { verdict: 'safe', because: `canaries met no fault at ${all} that had shown one` };
}
