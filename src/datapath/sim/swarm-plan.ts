/**
 * Trials out of a seed: a random handshake world, and over it chains of every other fault, longer
 * talks, and how its shim is set up. Whole fault kinds are off at random in each run (swarm), so
 * that simple and crowded worlds both occur. Times: virtual microseconds.
 *
 * What is added is drawn from a stream of its own: the world below stays that of its seed.
 */
import { IDLE_KEEPALIVE, IDLE_RESET } from '../../engine/memory.ts';
import type { FaultPlan } from './fault-plan.ts';
import type { AlsoRun, Trial } from './judge-world.ts';
import type { Jump } from './jump-fault.ts';
import { Random } from './random.ts';
import { type RandomPlan, randomPlan, randomResets, withFaults } from './random-plan.ts';
import type { Step } from './script.ts';
import type { ShimPlan } from './shim-plan.ts';
import type { ConnectionPlan } from './world-plan.ts';

/** Numbers that move by less than this may look like loss, to anybody: octets. */
const FAR_OFF = 1 << 25;

const LAYERS = ['sack-blind', 'jump', 'stripped-option', 'drop', 'forgery', 'blind'] as const;
type Layer = (typeof LAYERS)[number];

/** Most transfers are short: what goes wrong does so in a few packets. */
const SHORT_OCTETS = 6000;
const BULK_OCTETS = { least: 20_000, most: 120_000 };

/** The trial of a seed. Half of them are handshake worlds without anything added. */
export function swarmTrial(seed: number): Trial {
  const random = new Random(seed, 4);
  const drawn = randomPlan(seed);
  const base = random.chance(0.1) ? drawn : withShortTransfers(drawn);
  const shim = randomShim(random, seed);
  const also = randomRuns(random);
  if (random.chance(0.5)) return { plan: base, shim, also };
  const talked = { ...base, connections: base.connections.map((one) => maybeLonger(random, one)) };
  return { plan: withLayers(random, talked), shim, also };
}

function randomShim(random: Random, seed: number): ShimPlan {
  const settles = random.chance(0.3);
  const action = random.pick([IDLE_KEEPALIVE, IDLE_RESET]);
  const afterMs = random.pick([0, 5000, 48_000]);
  const idles = random.chance(0.2);
  const ticks = random.chance(0.9) ? ({ ticks: 'sparse' } as const) : {};
  const plain = { seed, observe: false, off: [], settles, ...ticks };
  return idles ? { ...plain, idle: { action, afterMs } } : plain;
}

function randomRuns(random: Random): readonly AlsoRun[] {
  const chances: readonly (readonly [AlsoRun, number])[] = [
    ['observe', 0.1],
    ['reload', 0.1],
    ['outage', 0.1],
    ['again', 0.02],
  ];
  return chances.filter(([, chance]) => random.chance(chance)).map(([run]) => run);
}

/** Typing, or a transfer that is long enough to lose something: what jumps and SACK faults need. */
function maybeLonger(random: Random, connection: ConnectionPlan): ConnectionPlan {
  if (random.chance(0.7)) return connection;
  const [client, server] = random.chance(0.7)
    ? typing(random, random.between(3, 12))
    : bulk(random.between(BULK_OCTETS.least, BULK_OCTETS.most), random.chance(0.5));
  return {
    ...connection,
    client: { ...connection.client, steps: client },
    server: { ...connection.server, steps: server },
  };
}

function withShortTransfers(plan: RandomPlan): RandomPlan {
  const short = (step: Step): Step =>
    'octets' in step && step.octets > SHORT_OCTETS
      ? { ...step, octets: 1 + (step.octets % SHORT_OCTETS) }
      : step;
  const connections = plan.connections.map(({ client, server, ...others }) => ({
    ...others,
    client: { ...client, steps: client.steps.map(short) },
    server: { ...server, steps: server.steps.map(short) },
  }));
  return { ...plan, connections };
}

function typing(random: Random, lineCount: number): [Step[], Step[]] {
  const client: Step[] = [{ do: 'expect', octets: 39 }];
  const server: Step[] = [{ do: 'send', octets: 39 }];
  for (let i = 0; i < lineCount; i++) {
    const up = random.between(1, 100);
    const down = random.chance(0.2) ? random.between(1, 6000) : random.between(1, 300);
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
  const send: Step[] = [
    { do: 'send', octets },
    { do: 'expect', octets: 1 },
  ];
  const take: Step[] = [
    { do: 'expect', octets },
    { do: 'send', octets: 1 },
  ];
  const end: Step[] = [{ do: 'expect-end' }, { do: 'close' }];
  return up
    ? [
        [...send, { do: 'close' }],
        [...take, ...end],
      ]
    : [
        [...take, { do: 'close' }],
        [...send, ...end],
      ];
}

function withLayers(random: Random, base: RandomPlan): RandomPlan {
  const swarm = LAYERS.filter(() => random.chance(0.4));
  let { offsets } = base;
  const layers: FaultPlan[] = [];
  const ports = new Set(base.connections.map(({ clientPort }) => clientPort));
  for (const port of ports) {
    for (const layer of swarm) {
      if (!random.chance(0.4)) continue;
      if (layer === 'sack-blind') offsets = { client: farOff(random), server: farOff(random) };
      layers.push(randomLayer(random, layer, port));
    }
  }
  if (random.chance(0.1)) {
    const answers = random.pick(['nothing', 'reset'] as const);
    layers.push({ kind: 'idle', idle: { afterUs: random.between(200_000, 3_000_000), answers } });
  }
  // A rival's number that is near the server's stays near it only while offsets are as they were.
  const faultPlans = [...base.faultPlans, ...layers];
  return withFaults({ ...base, offsets }, random.chance(0.5) ? faultPlans : faultPlans.reverse());
}

function randomLayer(random: Random, layer: Layer, clientPort: number): FaultPlan {
  switch (layer) {
    case 'sack-blind':
      return { kind: layer, clientPort };
    case 'jump':
      return { kind: layer, clientPort, jumps: randomJumps(random) };
    case 'stripped-option': {
      const option = random.pick(['timestamps', 'window-scale', 'sack-permitted'] as const);
      return { kind: layer, clientPort, option };
    }
    case 'drop': {
      const first = random.between(0, 6);
      const ackIndexes = random.chance(0.5) ? [first] : [first, first + random.between(1, 3)];
      return { kind: layer, drop: { clientPort, toServer: random.chance(0.5), ackIndexes } };
    }
    default:
      return { kind: layer, clientPort, resets: randomResets(random, layer) };
  }
}

function randomJumps(random: Random): readonly Jump[] {
  const which = random.pick(['client', 'server', 'both'] as const);
  const jumps: Jump[] = [];
  let atUs = random.between(10_000, 3_000_000);
  for (let i = random.between(1, 3); i > 0; i--) {
    const before = jumps[jumps.length - 1];
    const client = which === 'server' ? 0 : farOff(random, before?.client);
    const server = which === 'client' ? 0 : farOff(random, before?.server);
    jumps.push({ atUs, client, server });
    atUs += random.between(100_000, 6_000_000);
  }
  return jumps;
}

/** A number far from zero and from another. */
function farOff(random: Random, from = 0): number {
  for (;;) {
    const drawn = random.int32();
    if (Math.abs(drawn) > FAR_OFF && Math.abs((drawn - from) | 0) > FAR_OFF) return drawn;
  }
}
