/** The oracle of the random handshakes (`src/datapath/sim/judge-world.ts`), one seed at a time. */
import { expect } from 'vitest';
import { formatViolation } from '../../src/datapath/sim/claims.ts';
import { judgeWorld } from '../../src/datapath/sim/judge-world.ts';
import { randomPlan } from '../../src/datapath/sim/random-plan.ts';
import type { ShimPlan } from '../../src/datapath/sim/shim-plan.ts';

export interface Verdict {
  readonly broken: number;
  readonly saved: number;
  readonly excused: number;
}

/**
 * What one seed shows; throws with the seed and the claims that fail. `idle`: what is done of idle
 * flows, which then need not leave the healthy path alone.
 */
export function judge(seed: number, idle?: ShimPlan['idle']): Verdict {
  const enforcing = { seed, off: [], observe: false, ...(idle === undefined ? {} : { idle }) };
  const trial = { plan: randomPlan(seed), shim: enforcing, also: ['observe'] as const };
  const { violations, broken, saved, excused } = judgeWorld(trial);
  expect(violations.map(formatViolation), `seed ${seed}`).toEqual([]);
  return { broken, saved, excused };
}
