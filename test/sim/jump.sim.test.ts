/**
 * Sequence jumps in random worlds: any direction, any moment, repeated, with data and
 * retransmissions in flight, on clean and on bad links. The streams are the oracle: whatever the
 * shim believes, no octet may arrive in the wrong place.
 */
import { describe, expect, it } from 'vitest';
import { type Jump, JumpFault } from '../../src/datapath/sim/jump-fault.ts';
import { CLEAN_LINK, connectionPlan, worldPlan } from '../../src/datapath/sim/plans.ts';
import { Random } from '../../src/datapath/sim/random.ts';
import type { Step } from '../../src/datapath/sim/script.ts';
import { runWorld } from '../../src/datapath/sim/world.ts';
import type { WorldPlan } from '../../src/datapath/sim/world-plan.ts';
import { RESYNCED, SEQUENCE_JUMP } from '../../src/engine/codes.ts';
import { LIMIT_MS, SEED } from './seed.ts';

const PORT = 40_270;
const WORLDS = 200;

type Which = 'client' | 'server' | 'both';

/** Typing: a line up, its echo and more down, and a pause. */
function typing(random: Random, lines: number): [Step[], Step[]] {
  const client: Step[] = [{ do: 'expect', octets: 39 }];
  const server: Step[] = [{ do: 'send', octets: 39 }];
  for (let i = 0; i < lines; i++) {
    const up = random.between(1, 100);
    const down = random.between(1, 3000);
    client.push({ do: 'sleep', us: random.between(0, 400_000) }, { do: 'send', octets: up });
    client.push({ do: 'expect', octets: down });
    server.push({ do: 'expect', octets: up }, { do: 'sleep', us: random.between(0, 50_000) });
    server.push({ do: 'send', octets: down });
  }
  client.push({ do: 'close' });
  server.push({ do: 'expect-end' }, { do: 'close' });
  return [client, server];
}

function bulk(octets: number, up: boolean): [Step[], Step[]] {
  const source: Step[] = [
    { do: 'send', octets },
    { do: 'expect', octets: 1 },
  ];
  const sink: Step[] = [
    { do: 'expect', octets },
    { do: 'send', octets: 1 },
  ];
  const close: Step = { do: 'close' };
  const end: Step = { do: 'expect-end' };
  return up
    ? [
        [...source, close],
        [...sink, end, close],
      ]
    : [
        [...sink, close],
        [...source, end, close],
      ];
}

interface JumpPlan {
  plan: WorldPlan;
  which: Which;
  talk: string;
  settles: boolean;
}

function jumpPlan(seed: number, bad: boolean): JumpPlan {
  const random = new Random(seed, 0x1a);
  const which = random.pick(['client', 'server', 'both'] as const);
  const talk = random.chance(0.8) ? 'typing' : random.pick(['up', 'down']);
  const jumps: Jump[] = [];
  let atUs = random.between(100_000, 3_000_000);
  for (let i = random.between(1, 3); i > 0; i--) {
    const client = which === 'server' ? 0 : random.int32();
    jumps.push({ atUs, client, server: which === 'client' ? 0 : random.int32() });
    atUs += random.between(0, 6_000_000);
  }
  const [client, server] =
    talk === 'typing' ? typing(random, 25) : bulk(random.between(10_000, 3_000_000), talk === 'up');
  const side = { mss: random.pick([536, 1460]), wndScale: random.pick([0, 2, 7]), sack: true };
  const link = {
    ...CLEAN_LINK,
    delayUs: random.pick([100, 1000, 10_000, 50_000]),
    ...(bad
      ? {
          loss: random.unit() * 0.1,
          duplication: 0.02,
          reordering: 0.05,
          spreadUs: 3000,
          healUs: 9e6,
        }
      : {}),
  };
  const timestamps = random.chance(0.9);
  const connection = connectionPlan(
    random,
    PORT,
    { ...side, steps: client, timestamps },
    { ...side, steps: server, rtoMinUs: random.pick([200_000, 1_000_000]) },
  );
  const plan = worldPlan(seed, {
    family: random.chance(0.5) ? 4 : 6,
    horizonUs: 200_000_000,
    nearLink: link,
    farLink: link,
    connections: [connection],
    faults: () => [new JumpFault(PORT, jumps)],
  });
  return { plan, which, talk, settles: random.chance(0.5) };
}

interface Score {
  broken: number;
  saved: number;
}

function judge(seed: number, bad: boolean, scores: Map<string, Score>): void {
  const { plan, which, talk, settles } = jumpPlan(seed, bad);
  const without = runWorld(plan, null);
  const withShim = runWorld(plan, { seed, observe: false, off: [], settles });
  const observing = runWorld(plan, { seed, observe: true, off: [], settles });
  const before = without.connections[0];
  const after = withShim.connections[0];
  if (before === undefined || after === undefined) throw new Error('nothing was simulated');
  const what = `seed ${seed} ${which} ${talk} ${settles} ${JSON.stringify(after)}`;
  expect(observing.traceHash, `${what}: observe mode changed something`).toBe(without.traceHash);
  expect(after.client.wrongOctets + after.server.wrongOctets, `${what}: bent stream`).toBe(0);
  expect(withShim.badPackets, what).toBe(0);
  expect(withShim.shim?.contractBroken, what).toBe(0);
  if (before.whole) {
    expect(after.whole, `${what}: worse than without the shim`).toBe(true);
    return;
  }
  const key = `${which} ${talk}${settles ? ' settled' : ''}`;
  const score = scores.get(key) ?? { broken: 0, saved: 0 };
  scores.set(key, score);
  score.broken++;
  if (after.whole) score.saved++;
}

function judgeAll(from: number, bad: boolean): Map<string, Score> {
  const scores = new Map<string, Score>();
  for (let i = 0; i < WORLDS; i++) judge(from + i, bad, scores);
  console.log(`jumps: ${JSON.stringify([...scores])}`);
  return scores;
}

describe('sequence jumps in random worlds', () => {
  it.each([
    ['clean', false],
    ['bad', true],
  ] as const)(
    'on %s links bend no stream, and make nothing worse',
    (_, bad) => {
      const scores = judgeAll(SEED, bad);
      const broken = [...scores.values()].reduce((sum, score) => sum + score.broken, 0);
      expect(broken).toBeGreaterThan(WORLDS / 4);
    },
    LIMIT_MS,
  );

  // How many are saved is luck as well, 0.68 on average, 0.50 was seen: always the same worlds.
  it.each([
    ['clean', false, 0.7, 0.3],
    ['bad', true, 0.65, 0.4],
  ] as const)(
    'on %s links sessions live on',
    (_, bad, leastSaved, leastSettled) => {
      let broken = 0;
      let saved = 0;
      for (const [key, score] of judgeAll(1, bad)) {
        // Of what was settled only quiet sessions, or quiet near ends, can be told for certain.
        if (key === 'client typing settled') {
          expect(score.saved / score.broken).toBeGreaterThan(leastSettled);
        }
        if (key.startsWith('server') || !key.endsWith('typing')) continue;
        broken += score.broken;
        saved += score.saved;
      }
      expect(saved / broken).toBeGreaterThan(leastSaved);
    },
    LIMIT_MS,
  );

  it.each([
    ['its socket had been asked before the flow came back', 199_202_209, false],
    ['its near end had spoken twice before the far end did, and not since', 93_246_949, true],
  ] as const)('a world that bent a stream holds: %s', (_, seed, bad) => {
    judge(seed, bad, new Map());
  });

  it('a session that is quiet when it jumps is always saved, however often', () => {
    for (const which of ['client', 'both'] as const) {
      for (let i = 0; i < 10; i++) {
        const random = new Random(SEED + i, 0x1b);
        const jump = (atUs: number, from?: Jump): Jump => ({
          atUs,
          client: farFrom(random, from?.client ?? 0),
          server: which === 'client' ? 0 : farFrom(random, from?.server ?? 0),
        });
        const first = jump(1_000_000);
        const jumps = [first, jump(13_000_000, first)];
        const quiet: Step = { do: 'sleep', us: 4_000_000 };
        const client: Step[] = [];
        const server: Step[] = [];
        for (let k = 0; k < 4; k++) {
          client.push({ do: 'send', octets: 36 }, { do: 'expect', octets: 44 }, quiet);
          server.push({ do: 'expect', octets: 36 }, { do: 'send', octets: 44 });
        }
        const plan = worldPlan(SEED + i, {
          connections: [
            connectionPlan(
              random,
              PORT,
              { steps: [...client, { do: 'close' }] },
              { steps: [...server, { do: 'expect-end' }, { do: 'close' }] },
            ),
          ],
          horizonUs: 100_000_000,
          faults: () => [new JumpFault(PORT, jumps)],
        });
        expect(runWorld(plan, null).connections[0]?.whole).toBe(false);
        const result = runWorld(plan, { seed: i, observe: false, off: [] });
        const what = `${which} ${i} ${JSON.stringify([jumps, result.connections])}`;
        expect(result.connections[0]?.whole, what).toBe(true);
        expect(result.shim?.engine.counters[RESYNCED], what).toBe(2);
        expect(result.shim?.engine.counters[SEQUENCE_JUMP], what).toBe(2);
      }
    }
  });
});

/** Numbers that move by less than a window are loss to everybody (seed 4402166: 181,293 octets). */
function farFrom(random: Random, seq: number): number {
  let drawn = random.int32();
  while (Math.abs((drawn - seq) | 0) < 1 << 24) drawn = random.int32();
  return drawn;
}
