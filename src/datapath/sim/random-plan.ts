/**
 * Random plans out of a seed: connections, talks, links and faults. Everything random about a run
 * is decided here or in a stream of its own (`random.ts`). Times: virtual microseconds.
 */
import type { ConflictPlan } from './conflict-fault.ts';
import { type FaultPlan, makeFault } from './fault-plan.ts';
import type { ForgedReset } from './forgery-fault.ts';
import type { LinkPlan } from './link.ts';
import type { PhantomPlan } from './phantom-fault.ts';
import { QUIET_SERVER, quietClient, SSH_CLIENT, SSH_SERVER, worldPlan } from './plans.ts';
import { Random } from './random.ts';
import type { Step } from './script.ts';
import type { ConnectionPlan, SidePlan, TwinPlan, WorldPlan } from './world-plan.ts';

const CLOSE_SHIFT = 18;

type HandshakeFault = 'none' | 'conflict' | 'phantom' | 'forgery' | 'blind' | 'twin';

const TALKS = ['ssh', 'quiet', 'bulk-up', 'bulk-down', 'silent', 'abort'] as const;
type Talk = (typeof TALKS)[number];

/** A world whose faults are data too: what the oracle judges, and what can be made smaller. */
export interface RandomPlan extends WorldPlan {
  readonly faultPlans: readonly FaultPlan[];
}

/**
 * A random world: one to three connections, each with or without a fault; whole fault kinds are
 * switched off per run (swarm), so that simple and crowded runs both occur.
 */
export function randomPlan(seed: number): RandomPlan {
  const random = new Random(seed, 2);
  const lossy = random.chance(0.5);
  const reuse = random.chance(0.2);
  const count = random.between(1, 3);
  const swarm = (['conflict', 'phantom', 'forgery', 'blind', 'twin'] as const).filter(() =>
    random.chance(0.6),
  );
  const connections: ConnectionPlan[] = [];
  const drawn: [FaultPlan, ConnectionPlan][] = [];
  const twins: TwinPlan[] = [];
  let startUs = 1000;
  const basePort = random.between(32_768, 60_000);
  for (let i = 0; i < count; i++) {
    const port = reuse ? basePort : basePort + i;
    const kind = swarm.length === 0 || random.chance(0.25) ? 'none' : random.pick(swarm);
    const talk = random.pick(TALKS);
    const connection = randomConnection(random, port, startUs, talk);
    connections.push(connection);
    // On a re-used port the first connection's fault goes on with those that follow.
    if (!reuse || i === 0) {
      for (const fault of randomFault(random, kind, port)) drawn.push([fault, connection]);
      if (kind === 'twin') {
        twins.push({
          clientPort: port,
          iss: random.int32(),
          laterUs: random.between(-20, 20) + random.pick([0, 0, 200, 18_000]),
        });
      }
    }
    startUs += reuse ? random.between(3_000_000, 30_000_000) : random.between(0, 2_000_000);
  }
  const offset = random.chance(0.3);
  const family = random.chance(0.5) ? 4 : 6;
  const nearLink = randomLink(random, lossy);
  const farLink = randomLink(random, lossy);
  const offsets = offset
    ? { client: random.int32(), server: random.int32() }
    : { client: 0, server: 0 };
  const faultPlans = drawn.map(([fault, { server }]) =>
    withNearbyNumbers(fault, (server.iss + offsets.server) | 0),
  );
  const plan = worldPlan(seed, {
    family,
    horizonUs: startUs + 120_000_000,
    nearLink,
    farLink,
    offsets,
    connections,
    twins,
    clientDelayUs: random.chance(0.5) ? 0 : random.between(5, 60),
  });
  return withFaults(plan, faultPlans);
}

/** The plan with these faults and no others. */
export function withFaults(plan: WorldPlan, faultPlans: readonly FaultPlan[]): RandomPlan {
  const { offsets } = plan;
  return { ...plan, faultPlans, faults: () => faultPlans.map((one) => makeFault(one, offsets)) };
}

function randomLink(random: Random, lossy: boolean): LinkPlan {
  const delayUs = random.pick([20, 100, 200, 1000, 5000, 20_000]);
  const reordering = random.chance(0.3) ? random.unit() * 0.1 : 0;
  return {
    delayUs,
    loss: lossy && random.chance(0.7) ? random.unit() * 0.15 : 0,
    duplication: random.chance(0.3) ? random.unit() * 0.1 : 0,
    reordering,
    spreadUs: random.pick([30, 300, 3000]),
    healUs: random.between(0, 5_000_000),
  };
}

function randomConnection(
  random: Random,
  port: number,
  startUs: number,
  talk: Talk,
): ConnectionPlan {
  const side = (steps: readonly Step[]): SidePlan => ({
    iss: random.int32(),
    mss: random.pick([536, 1160, 1460]),
    wndScale: random.pick([-1, 0, 2, 7, 10, 14]),
    timestamps: random.chance(0.6),
    sack: random.chance(0.8),
    dsack: true,
    rcvBufOctets: random.pick([23_200, 65_535, 262_144]),
    readOctetsPerMs: random.chance(0.1) ? random.between(50, 2000) : Number.POSITIVE_INFINITY,
    rtoMinUs: random.pick([200_000, 1_000_000]),
    tsBase: random.int32(),
    steps,
  });
  const [client, server] = scripts(random, talk);
  return {
    startUs,
    clientPort: port,
    refused: random.chance(0.05),
    client: side(client),
    server: side(server),
  };
}

function scripts(random: Random, talk: Talk): [readonly Step[], readonly Step[]] {
  const octets = random.between(1, 60_000);
  const end: readonly Step[] = [{ do: 'expect-end' }, { do: 'close' }];
  if (talk === 'quiet') return [quietClient(random.between(0, 6_000_000)), QUIET_SERVER];
  if (talk === 'bulk-up') {
    return [
      [{ do: 'send', octets }, { do: 'expect', octets: 1 }, { do: 'close' }],
      [{ do: 'expect', octets }, { do: 'send', octets: 1 }, ...end],
    ];
  }
  if (talk === 'bulk-down') {
    return [
      [{ do: 'send', octets: 10 }, { do: 'expect', octets }, { do: 'close' }],
      [{ do: 'expect', octets: 10 }, { do: 'send', octets }, ...end],
    ];
  }
  if (talk === 'silent') {
    return [[{ do: 'sleep', us: random.between(0, 5_000_000) }, { do: 'close' }], end];
  }
  if (talk === 'abort') {
    return [
      [
        { do: 'expect', octets: 39 },
        { do: 'send', octets: 41 },
        { do: 'expect', octets: 9999 },
      ],
      [
        { do: 'send', octets: 39 },
        { do: 'expect', octets: 41 },
        { do: 'sleep', us: random.between(0, 4_000_000) },
        { do: 'abort' },
      ],
    ];
  }
  return [SSH_CLIENT, SSH_SERVER];
}

/** One ISN out of sixteen lies within 8 KiB of the server’s, as the client sees it. */
function nearby(isn: number, server: number): number {
  return (isn & 15) === 0 ? (server + ((isn >> CLOSE_SHIFT) | 1)) | 0 : isn;
}

/** `server`: its ISN as the client sees it, known only when all else is drawn. */
function withNearbyNumbers(fault: FaultPlan, server: number): FaultPlan {
  if (fault.kind === 'conflict') {
    const { conflict } = fault;
    return { ...fault, conflict: { ...conflict, otherIsn: nearby(conflict.otherIsn, server) } };
  }
  if (fault.kind === 'phantom') {
    return { ...fault, phantom: { ...fault.phantom, isn: nearby(fault.phantom.isn, server) } };
  }
  return fault;
}

function randomFault(random: Random, kind: HandshakeFault, clientPort: number): FaultPlan[] {
  if (kind === 'conflict') return [{ kind, conflict: randomConflict(random, clientPort) }];
  if (kind === 'phantom') return [{ kind, phantom: randomPhantom(random, clientPort) }];
  if (kind === 'forgery' || kind === 'blind') {
    return [{ kind, clientPort, resets: randomResets(random, kind) }];
  }
  return [];
}

function randomConflict(random: Random, clientPort: number): ConflictPlan {
  const resets = random.pick(['first-ack', 'challenge', 'every'] as const);
  const order = random.pick([
    ['synack', 'rst', 'data'],
    ['synack', 'data', 'rst'],
    ['rst', 'synack', 'data'],
    ['rst', 'data', 'synack'],
    ['data', 'rst', 'synack'],
    ['data', 'synack', 'rst'],
    ['synack', 'rst'],
    ['rst', 'synack'],
  ] as const);
  return {
    clientPort,
    otherIsn: random.int32(),
    afterUs: random.between(100, 60_000),
    burst: resets === 'first-ack' ? order : ['synack'],
    gapUs: random.between(1, 40),
    resets,
    repeats: random.chance(0.9),
    otherTtl: random.chance(0.7) ? -1 : random.between(30, 255),
  };
}

function randomPhantom(random: Random, clientPort: number): PhantomPlan {
  return {
    clientPort,
    isn: random.int32(),
    wndScale: random.pick([0, 2, 7, 14]),
    timestamps: random.chance(0.5),
    tsVal: random.int32(),
    wnd: random.pick([8192, 23_200, 65_535]),
    lateUs: random.chance(0.3) ? random.between(1000, 400_000) : 0,
    ttl: random.chance(0.5) ? 61 : 254,
  };
}

/** Exact ones with another TTL, or many blind ones with numbers of their own. */
export function randomResets(random: Random, kind: 'forgery' | 'blind'): readonly ForgedReset[] {
  const resets: ForgedReset[] = [];
  const count = kind === 'blind' ? 32 : random.between(1, 4);
  for (let i = 0; i < count; i++) {
    resets.push({
      atUs: random.between(1000, 3_000_000),
      offBy: kind === 'forgery' ? 0 : random.between(1, 0x7fffffff),
      // In the same name and with the same TTL nothing tells it from a true one: never sent.
      ttl: kind === 'forgery' ? random.between(100, 255) : -1,
    });
  }
  return resets;
}
