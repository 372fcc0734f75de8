/**
 * Another engine over the memory of the one before. Between two packets nobody notices: the same
 * world has the same trace. Behind a kill and some time without a shim connections live that lived
 * before, and no octet is in a wrong place.
 */
import { describe, expect, it } from 'vitest';
import { judgeOutage } from '../../src/datapath/sim/judge-outage.ts';
import { randomPlan } from '../../src/datapath/sim/random-plan.ts';
import { runWorld } from '../../src/datapath/sim/world.ts';
import { SEED } from './seed.ts';

const RUN_COUNT = 600;
const CHUNK = 100;

describe('another engine over the same memory', () => {
  for (let from = 0; from < RUN_COUNT; from += CHUNK) {
    it(`between two packets changes nothing: seeds from ${SEED + from}`, () => {
      let reloads = 0;
      for (let seed = SEED + from; seed < SEED + from + CHUNK; seed++) {
        const plan = randomPlan(seed);
        for (const settles of [false, true]) {
          const shim = { seed, observe: false, off: [], settles };
          const before = runWorld(plan, shim);
          const after = runWorld(plan, { ...shim, restarts: 'reload' });
          const note = `seed ${seed} settles ${settles}`;
          expect(after.traceHash, note).toBe(before.traceHash);
          expect(after.shim?.outage.tornCount, `${note}: rows set aside`).toBe(0);
          reloads += after.shim?.outage.count ?? 0;
        }
      }
      expect(reloads).toBeGreaterThan(CHUNK);
    });
  }
});

describe('a kill, and some time without a shim', () => {
  for (let from = 0; from < RUN_COUNT; from += CHUNK) {
    it(`is never worse than no shim at all: seeds from ${SEED + from}`, () => {
      let outages = 0;
      for (let seed = SEED + from; seed < SEED + from + CHUNK; seed++) {
        const plan = randomPlan(seed);
        const after = runWorld(plan, { seed, observe: false, off: [], restarts: 'outage' });
        outages += after.shim?.outage.count ?? 0;
        expect(after.shim?.contractBroken, `seed ${seed}: bytes changed under ACCEPT`).toBe(0);
        expect(judgeOutage(plan, runWorld(plan, null), after), `seed ${seed}`).toEqual([]);
      }
      expect(outages).toBeGreaterThan(CHUNK);
    });
  }
});
