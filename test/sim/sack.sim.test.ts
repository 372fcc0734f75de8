/**
 * Randomizing firewalls that leave SACK blocks as they were, in random worlds: any offset, loss,
 * reordering, peers with and without D-SACK and timestamps. The far end's own words are the oracle:
 * no block may reach the near end that it did not say.
 */
import { describe, expect, it } from 'vitest';
import { decodePacket } from '../../src/datapath/sim/packet.ts';
import { CLEAN_LINK, connectionPlan, worldPlan } from '../../src/datapath/sim/plans.ts';
import { Random } from '../../src/datapath/sim/random.ts';
import { SackBlindFault } from '../../src/datapath/sim/sack-blind-fault.ts';
import type { Step } from '../../src/datapath/sim/script.ts';
import { runWorld } from '../../src/datapath/sim/world.ts';
import type { WorldPlan } from '../../src/datapath/sim/world-plan.ts';
import {
  SACK_CALIBRATED,
  SACK_OUT_OF_WINDOW,
  SACK_REPAIRED,
  STAT_SACK_CONTRADICTED,
} from '../../src/engine/codes.ts';
import { LIMIT_MS, SEED } from './seed.ts';

const PORT = 40_270;
const WORLDS = 150;
/** Offsets nearer than this to zero leave blocks inside windows: nobody can tell them. */
const FAR_OFF = 1 << 25;

interface SackWorld {
  readonly plan: WorldPlan;
  readonly dsack: boolean;
  readonly fault: () => SackBlindFault;
}

function farOff(random: Random): number {
  for (;;) {
    const offset = random.int32();
    if (Math.abs(offset) > FAR_OFF) return offset;
  }
}

function sackWorld(seed: number, blind: boolean): SackWorld {
  const random = new Random(seed, 0x5a);
  const octets = random.between(200_000, 3_000_000);
  const client: Step[] = [{ do: 'send', octets }, { do: 'expect', octets: 1 }, { do: 'close' }];
  const server: Step[] = [
    { do: 'expect', octets },
    { do: 'send', octets: 1 },
    { do: 'expect-end' },
    { do: 'close' },
  ];
  const link = {
    ...CLEAN_LINK,
    delayUs: random.pick([100, 1000, 10_000, 50_000]),
    loss: random.unit() * 0.05,
    duplication: random.pick([0, 0.02]),
    reordering: random.pick([0, 0.05]),
    spreadUs: random.pick([300, 3000]),
    healUs: 30e6,
  };
  const dsack = random.chance(0.7);
  const timestamps = random.chance(0.7);
  const scale = { wndScale: random.pick([0, 2, 7]), mss: random.pick([536, 1460]), timestamps };
  const offsets = { client: farOff(random), server: farOff(random) };
  const faults: SackBlindFault[] = [];
  const plan = worldPlan(seed, {
    family: random.chance(0.5) ? 4 : 6,
    horizonUs: 200_000_000,
    nearLink: link,
    farLink: link,
    offsets,
    connections: [
      connectionPlan(random, PORT, { ...scale, steps: client }, { ...scale, dsack, steps: server }),
    ],
    faults: () => {
      if (!blind) return [];
      faults.push(new SackBlindFault(PORT, offsets));
      return faults.slice(-1);
    },
  });
  return { plan, dsack, fault: () => faults[faults.length - 1] as SackBlindFault };
}

interface Seen {
  /** Blocks that reached the client: as the far end said them, moved by something, as they came. */
  said: number;
  wrong: string[];
  foreign: number;
}

/** One world with the shim; every block that reaches the client is looked at. */
function runSack(world: SackWorld, seed: number) {
  const seen: Seen = { said: 0, wrong: [], foreign: 0 };
  const arrived = new Set<string>();
  const result = runWorld(world.plan, { seed, observe: false, off: [] }, (point, _us, bytes) => {
    if (point !== 'path-in' && point !== 'client-in') return;
    const packet = decodePacket(bytes);
    if (packet === null) return;
    for (let i = 0; i + 1 < packet.sack.length; i += 2) {
      const block = `${packet.sack[i]} ${packet.sack[i + 1]}`;
      if (point === 'path-in') arrived.add(block);
      else if (world.fault().meant.has(block)) seen.said++;
      else if (arrived.has(block)) seen.foreign++;
      else seen.wrong.push(block);
    }
  });
  return { result, seen };
}

describe('SACK blocks in other numbers, in random worlds', () => {
  it(
    'reach the near end as the far end meant them, or as they came',
    () => {
      const score = { worlds: 0, foreign: 0, repaired: 0, unlearned: 0, passive: 0 };
      const contradicted: number[] = [];
      for (let i = 0; i < WORLDS; i++) {
        const seed = SEED + i;
        const world = sackWorld(seed, true);
        const without = runWorld(world.plan, null).connections[0];
        const { result, seen } = runSack(world, seed);
        const after = result.connections[0];
        if (without === undefined || after === undefined) throw new Error('nothing was simulated');
        const counters = result.shim?.engine.counters ?? new Float64Array(256);
        const what = `seed ${seed} ${JSON.stringify({ after, seen: { ...seen, wrong: seen.wrong.slice(0, 5) } })}`;
        expect(seen.wrong, `${what}: a block that nobody said`).toEqual([]);
        expect(after.client.wrongOctets + after.server.wrongOctets, `${what}: bent stream`).toBe(0);
        expect(result.badPackets, what).toBe(0);
        expect(result.shim?.contractBroken, what).toBe(0);
        expect(result.shim?.mainThread.injectedFar, `${what}: probes`).toBeLessThanOrEqual(3);
        contradicted.push(...Array<number>(counters[STAT_SACK_CONTRADICTED] ?? 0).fill(seed));
        if (without.whole) expect(after.whole, `${what}: worse than without`).toBe(true);
        score.worlds++;
        score.foreign += counters[SACK_OUT_OF_WINDOW] ?? 0;
        const calibrated = (counters[SACK_CALIBRATED] ?? 0) > 0;
        if (calibrated) score.repaired++;
        if (calibrated && !world.dsack) score.passive++;
        if (world.dsack && !calibrated && seen.foreign > 20) score.unlearned++;
        if (calibrated) expect(counters[SACK_REPAIRED], what).toBeGreaterThan(0);
      }
      // Giving up is right where blocks disagree: seed 91980619, one world of some ten thousand.
      expect(contradicted.length, `contradicted: ${contradicted.join(' ')}`).toBeLessThanOrEqual(1);
      console.log(`SACK worlds: ${JSON.stringify(score)}`);
      expect(score.foreign).toBeGreaterThan(WORLDS / 2);
      expect(score.repaired / score.foreign).toBeGreaterThan(0.6);
    },
    LIMIT_MS,
  );

  it(
    'that are in true numbers are never touched, whatever is lost or comes twice',
    () => {
      for (let i = 0; i < WORLDS / 3; i++) {
        const seed = SEED + i;
        const { plan } = sackWorld(seed, false);
        const without = runWorld(plan, null);
        const result = runWorld(plan, { seed, observe: false, off: [] });
        expect(result.traceHash, `seed ${seed}`).toBe(without.traceHash);
        expect(result.shim?.engine.counters[SACK_OUT_OF_WINDOW], `seed ${seed}`).toBe(0);
      }
    },
    LIMIT_MS,
  );

  it(
    'observing changes nothing',
    () => {
      for (let i = 0; i < 20; i++) {
        const { plan } = sackWorld(SEED + i, true);
        const observing = runWorld(plan, { seed: SEED + i, observe: true, off: [] });
        expect(observing.traceHash).toBe(runWorld(plan, null).traceHash);
      }
    },
    LIMIT_MS,
  );
});
