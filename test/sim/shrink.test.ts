/** Failing worlds made small, their packets as text, and the memory that worlds share. */
import { describe, expect, it } from 'vitest';
import { CLAIMS } from '../../src/datapath/sim/claims.ts';
import { packetLines } from '../../src/datapath/sim/packet-lines.ts';
import { kindsOf } from '../../src/datapath/sim/plan-facts.ts';
import { shrink } from '../../src/datapath/sim/shrink.ts';
import { createSimMemory, MemoryPool } from '../../src/datapath/sim/sim-memory.ts';
import { addTallies, EMPTY_TALLY, runBlock } from '../../src/datapath/sim/swarm-block.ts';
import { swarmTrial } from '../../src/datapath/sim/swarm-plan.ts';
import { runWorld } from '../../src/datapath/sim/world.ts';
import { SEED } from './seed.ts';

describe('shrink()', () => {
  const trial = Array.from({ length: 400 }, (_, i) => swarmTrial(1 + i)).find(({ plan }) => {
    const kinds = plan.connections.map((one) => kindsOf(plan, one));
    return kinds.length === 3 && kinds.some((some) => some.length > 1 && some.includes('jump'));
  });
  const jumps = ({ plan }: NonNullable<typeof trial>) =>
    plan.connections.some((one) => kindsOf(plan, one).includes('jump'));

  it('leaves what is needed to show it, and nothing else', () => {
    if (trial === undefined) throw new Error('no such world');
    const { plan, also, shim } = shrink(trial, jumps).trial;
    expect(plan.connections.length).toBe(1);
    expect(plan.faultPlans.length).toBe(1);
    expect(plan.faultPlans[0]).toMatchObject({ kind: 'jump', jumps: [{}] });
    expect([also, plan.twins, shim.settles ?? false]).toEqual([[], [], false]);
    const { nearLink, farLink, family, offsets } = plan;
    expect([nearLink.loss, farLink.loss, nearLink.duplication, family]).toEqual([0, 0, 0, 4]);
    expect(offsets).toEqual({ client: 0, server: 0 });
  });

  it('shrinks the same trial to the same one', () => {
    if (trial === undefined) throw new Error('no such world');
    const [one, other] = [shrink(trial, jumps), shrink(trial, jumps)];
    expect(JSON.stringify(one)).toBe(JSON.stringify(other));
  });

  it('leaves alone what nothing smaller shows', () => {
    if (trial === undefined) throw new Error('no such world');
    const { trial: same, tries } = shrink(trial, (one) => one === trial);
    expect(same).toBe(trial);
    expect(tries).toBeGreaterThan(10);
  });
});

describe('packetLines()', () => {
  it('has one line a packet, from each side’s first number', () => {
    const { plan, ...others } = swarmTrial(2835);
    const healthy = { ...plan, faultPlans: [], twins: [], faults: () => [] };
    const about = { claim: 'saved', connection: 0, figures: {} } as const;
    const lines = packetLines({ plan: healthy, ...others }, about);
    expect(lines[0]).toMatch(/^ +0\.001000 > S {2}seq 0 len 0 win \d+ ttl 64 <mss 1160/);
    expect(lines[1]).toMatch(/^ +0\.0\d+ < S\. seq 0 ack 1 len 0 win \d+ ttl 61 <mss/);
    expect(lines.filter((line) => / (dropped|rewritten:|by the shim)$/.test(line))).toEqual([]);
  });
});

describe('MemoryPool', () => {
  it('gives back memory that is zero to the last byte', () => {
    const pool = new MemoryPool();
    for (let seed = SEED; seed < SEED + 40; seed++) {
      const { plan, shim } = swarmTrial(seed);
      const restarts = (['reload', 'outage', undefined] as const)[seed % 3];
      runWorld(plan, restarts === undefined ? shim : { ...shim, restarts }, null, pool);
      pool.recycle();
      const { engine } = pool.take();
      for (const [name, part] of Object.entries(engine)) {
        if (typeof part === 'number') continue;
        const dirty = Buffer.from(part).findIndex((byte) => byte !== 0);
        expect([seed, name, dirty]).toEqual([seed, name, -1]);
      }
      pool.recycle();
    }
  });

  it('shows no world what another has left', () => {
    const { plan, shim } = swarmTrial(SEED);
    const pool = new MemoryPool();
    const fresh = runWorld(plan, shim).traceHash;
    for (let i = 0; i < 3; i++) {
      expect(runWorld(plan, shim, null, pool).traceHash).toBe(fresh);
      pool.recycle();
    }
    expect(createSimMemory().engine.flowCountMax).toBe(pool.take().engine.flowCountMax);
  });
});

describe('tallies', () => {
  it('add up to the same in any order', () => {
    const blocks = [runBlock(SEED, 4), runBlock(SEED + 4, 4), runBlock(SEED + 8, 4)];
    const one = blocks.reduce(addTallies, EMPTY_TALLY);
    const other = blocks.toReversed().reduce(addTallies, EMPTY_TALLY);
    expect(one).toEqual(other);
    expect(one.worlds).toBe(12);
  });
});

describe('claims', () => {
  it('keep the names that were released', () => {
    expect(CLAIMS.map(([name]) => name)).toEqual([
      'stream-whole',
      'not-worse',
      'not-late',
      'saved',
      'reset-arrives',
      'refusal-arrives',
      'healthy-untouched',
      'observe-untouched',
      'accept-untouched',
      'leaves-once',
      'injections-bounded',
      'one-translation',
      'timers-bounded',
      'sack-true',
      'checksums-right',
      'moved-rightly',
      'engine-sound',
      'reload-unnoticed',
      'outage-harmless',
      'repeats',
    ]);
  });
});
