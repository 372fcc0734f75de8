/**
 * Which silences to try, so that the limit behind which a path forgets is found with a few
 * connections side by side. Owns nothing. Times: whole seconds, as the kernel's keep-alives take
 * them.
 */
export const SILENCES_PER_ROUND = 8;
export const ROUND_COUNT_MAX = 3;
/** A limit that is known so well is known well enough. */
const PRECISION = 0.1;

/** Of one connection: it answered behind its silence, did not, or said something before. */
export type Fate = 'alive' | 'forgotten' | 'refused' | 'spoiled';

export interface Tried {
  readonly silenceS: number;
  readonly fate: Fate;
}

/** The longest silence that was survived, the shortest that was not; 0 and null: none. */
export interface Bounds {
  readonly aliveS: number;
  readonly deadS: number | null;
}

/** Geometric at first, for the limit may be anywhere; evenly between two bounds afterwards. */
export function silencesFor({ aliveS, deadS }: Bounds, maxS: number): number[] {
  const points = new Set<number>();
  for (let i = 1; i <= SILENCES_PER_ROUND; i++) {
    if (deadS === null) {
      points.add(Math.round(maxS ** ((i - 1) / (SILENCES_PER_ROUND - 1))));
    } else {
      const step = (deadS - aliveS) / (SILENCES_PER_ROUND + 1);
      points.add(Math.round(aliveS + step * i));
    }
  }
  return [...points].filter((s) => s > aliveS && (deadS === null || s < deadS) && s <= maxS);
}

/** Undefined: a longer silence was survived than one that was not. */
export function boundsOf(tried: readonly Tried[]): Bounds | undefined {
  const alive = tried.filter(({ fate }) => fate === 'alive').map(({ silenceS }) => silenceS);
  const dead = tried.filter(({ fate }) => isDead(fate)).map(({ silenceS }) => silenceS);
  const aliveS = Math.max(0, ...alive);
  const deadS = dead.length === 0 ? null : Math.min(...dead);
  return deadS !== null && deadS <= aliveS ? undefined : { aliveS, deadS };
}

export function isDead(fate: Fate): boolean {
  return fate === 'forgotten' || fate === 'refused';
}

/** Is another round worth its time? */
export function isCoarse({ aliveS, deadS }: Bounds): boolean {
  return deadS !== null && deadS - aliveS > Math.max(1, deadS * PRECISION);
}

/** Of all rounds: each as long as its longest silence, the answers, and the control behind it. */
export function longestMs(maxS: number, roundMs: number): number {
  return ROUND_COUNT_MAX * (maxS * 1000 + roundMs);
}
