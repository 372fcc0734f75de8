/** The search for an idle limit, against firewalls that forget behind any time. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Bounds,
  boundsOf,
  isCoarse,
  ROUND_COUNT_MAX,
  SILENCES_PER_ROUND,
  silencesFor,
  type Tried,
} from '../../src/probe/idle-plan.ts';
import { SEED } from '../helpers/seed.ts';

/** As the live search does it, without its early end. */
function search(limitS: number, maxS: number): { bounds: Bounds; rounds: number } {
  const tried: Tried[] = [];
  let bounds: Bounds = { aliveS: 0, deadS: null };
  let rounds = 0;
  while (rounds < ROUND_COUNT_MAX) {
    const silences = silencesFor(bounds, maxS);
    if (silences.length === 0) break;
    expect(silences.length).toBeLessThanOrEqual(SILENCES_PER_ROUND);
    expect([...silences].sort((a, b) => a - b)).toEqual(silences);
    rounds += 1;
    for (const silenceS of silences) {
      tried.push({ silenceS, fate: silenceS < limitS ? 'alive' : 'forgotten' });
    }
    const found = boundsOf(tried);
    if (found === undefined) throw new Error('contradiction');
    bounds = found;
    if (!isCoarse(bounds)) break;
  }
  return { bounds, rounds };
}

describe('silencesFor()', () => {
  it('closes in on any limit within three rounds, to a second or a tenth', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 32_400 }),
        fc.integer({ min: 1, max: 40_000 }),
        (maxS, limitS) => {
          const { bounds } = search(limitS, maxS);
          const { aliveS, deadS } = bounds;
          if (limitS > maxS) {
            expect(bounds).toEqual({ aliveS: maxS, deadS: null });
            return;
          }
          expect(deadS).not.toBeNull();
          expect(aliveS).toBeLessThan(limitS);
          expect(deadS).toBeGreaterThanOrEqual(limitS);
          expect(isCoarse(bounds)).toBe(false);
        },
      ),
      { seed: SEED },
    );
  });

  it('tries the whole range at first, the longest included', () => {
    expect(silencesFor({ aliveS: 0, deadS: null }, 8)).toEqual([1, 2, 3, 4, 6, 8]);
    expect(silencesFor({ aliveS: 0, deadS: null }, 3600).at(-1)).toBe(3600);
    expect(silencesFor({ aliveS: 3, deadS: 4 }, 8)).toEqual([]);
  });
});

describe('boundsOf()', () => {
  it('a longer silence that was survived contradicts', () => {
    const tried: Tried[] = [
      { silenceS: 2, fate: 'forgotten' },
      { silenceS: 5, fate: 'alive' },
    ];
    expect(boundsOf(tried)).toBeUndefined();
  });

  it('what the server spoiled says nothing', () => {
    expect(boundsOf([{ silenceS: 9, fate: 'spoiled' }])).toEqual({ aliveS: 0, deadS: null });
  });
});
