/**
 * The named scenarios of the testbed, in memory: the same faults, a model client and a model sshd
 * through the real engine. For the demo without root, and for tests. Times: virtual microseconds.
 */
import type { Ring } from '../../engine/ring.ts';
import { type BurstItem, ConflictFault, type ConflictPlan } from './conflict-fault.ts';
import { type ForgedReset, ForgeryFault } from './forgery-fault.ts';
import type { Fault, Offsets } from './middlebox.ts';
import { PhantomFault, type PhantomPlan } from './phantom-fault.ts';
import {
  connectionPlan,
  LOGIN_CLIENT,
  LOGIN_SERVER,
  QUIET_SERVER,
  quietClient,
  worldPlan,
} from './plans.ts';
import { Random } from './random.ts';
import { runWorld, type WorldResult } from './world.ts';
import type { ConnectionResult, WorldPlan } from './world-plan.ts';

export const SCENARIO_NAMES = [
  'first-connection-reset',
  'challenge-ack-reset',
  'double-endpoint',
  'quiet-server',
  'phantom-synack',
  'blind-resets',
  'healthy',
] as const;
export type ScenarioName = (typeof SCENARIO_NAMES)[number];

/**
 * Every order in which the second SYN-ACK, the reset and the first data can arrive. The reset kills
 * only in the first three: behind the data its number lies below RCV.NXT.
 */
export const BURST_ORDERS: readonly (readonly BurstItem[])[] = [
  ['synack', 'rst', 'data'],
  ['rst', 'synack', 'data'],
  ['rst', 'data', 'synack'],
  ['synack', 'data', 'rst'],
  ['data', 'synack', 'rst'],
  ['data', 'rst', 'synack'],
];
const LETHAL_ORDER_COUNT = 3;

const PORT = 40_270;
const QUIET_WAITS_US = [100_000, 1_500_000, 5_000_000];
const PHANTOM_SCALES = [2, 7, 14];

export interface ScenarioOptions {
  readonly family: 4 | 6;
  readonly seed: number;
  /** Random sequence offsets in both directions (scenario 7). */
  readonly offsets: boolean;
}

export interface AttemptResult {
  readonly ok: boolean;
  /** Until the client had everything, or lost its connection. */
  readonly ms: number;
  readonly reason: string;
}

export interface ScenarioSide {
  readonly ok: number;
  readonly attempts: readonly AttemptResult[];
}

export interface SimulatedScenario {
  readonly name: ScenarioName;
  readonly family: 4 | 6;
  readonly withoutShim: ScenarioSide;
  readonly withShim: ScenarioSide;
  /** Raw events of the engine (`engine/events.ts`), one per entry, in order. */
  readonly events: readonly Int32Array[];
}

/** Runs `attempts` variants of a scenario without and with the shim. */
export function simulateScenario(
  name: ScenarioName,
  family: 4 | 6,
  attempts = 10,
  offsets = false,
): SimulatedScenario {
  const without: AttemptResult[] = [];
  const withShim: AttemptResult[] = [];
  const events: Int32Array[] = [];
  for (let i = 0; i < attempts; i++) {
    const plan = scenarioPlan(name, i, { family, seed: 1 + i, offsets });
    without.push(attempt(plan, runWorld(plan, null)));
    const result = runWorld(plan, { seed: 1 + i, observe: false, off: [] });
    withShim.push(attempt(plan, result));
    if (result.shim !== null) events.push(...drainEvents(result.shim.events));
  }
  const side = (list: AttemptResult[]) => ({
    ok: list.filter((one) => one.ok).length,
    attempts: list,
  });
  return { name, family, withoutShim: side(without), withShim: side(withShim), events };
}

/** The world of one attempt; `variant` walks through the orders, waits and scales. */
export function scenarioPlan(
  name: ScenarioName,
  variant: number,
  options: ScenarioOptions,
): WorldPlan {
  const random = new Random(options.seed, 0x5ce);
  const offsets: Offsets = options.offsets
    ? { client: random.int32(), server: random.int32() }
    : { client: 0, server: 0 };
  const waitUs = QUIET_WAITS_US[variant % QUIET_WAITS_US.length] as number;
  const quiet = name === 'quiet-server';
  // The near and far links of the original path: 393 µs from SYN to SYN-ACK.
  const link = { delayUs: 98, loss: 0, duplication: 0, reordering: 0, spreadUs: 1, healUs: 0 };
  const talk = quiet
    ? [{ steps: quietClient(waitUs) }, { steps: QUIET_SERVER }]
    : [{ steps: LOGIN_CLIENT }, { steps: LOGIN_SERVER }];
  const connection = connectionPlan(random, PORT, talk[0], talk[1]);
  return worldPlan(options.seed, {
    family: options.family,
    nearLink: link,
    farLink: link,
    offsets,
    connections: [connection],
    faults: () => scenarioFaults(name, variant, new Random(options.seed, 0xfa)),
  });
}

function scenarioFaults(name: ScenarioName, variant: number, random: Random): readonly Fault[] {
  const conflict: ConflictPlan = {
    clientPort: PORT,
    otherIsn: random.int32(),
    afterUs: 18_181,
    burst: ['synack'],
    gapUs: 12,
    resets: 'challenge',
    repeats: true,
    otherTtl: -1,
  };
  switch (name) {
    case 'first-connection-reset': {
      const burst = BURST_ORDERS[variant % LETHAL_ORDER_COUNT] as readonly BurstItem[];
      return [new ConflictFault({ ...conflict, resets: 'first-ack', burst })];
    }
    case 'challenge-ack-reset':
      return [new ConflictFault(conflict)];
    case 'double-endpoint':
      return [new ConflictFault({ ...conflict, resets: 'every' })];
    case 'quiet-server': {
      const resets = Math.floor(variant / QUIET_WAITS_US.length) % 2 === 0 ? 'challenge' : 'every';
      return [new ConflictFault({ ...conflict, afterUs: 5000, resets })];
    }
    case 'phantom-synack':
      return [new PhantomFault(phantomPlan(variant, random))];
    case 'blind-resets':
      return [new ForgeryFault(PORT, blindResets(random))];
    case 'healthy':
      return [];
  }
}

function phantomPlan(variant: number, random: Random): PhantomPlan {
  return {
    clientPort: PORT,
    isn: random.int32(),
    wndScale: PHANTOM_SCALES[variant % PHANTOM_SCALES.length] as number,
    timestamps: Math.floor(variant / PHANTOM_SCALES.length) % 2 === 1,
    tsVal: random.int32(),
    wnd: 23_200,
    lateUs: 0,
    ttl: 61,
  };
}

/** Every 2^24 of the sequence space, some inside the window, none exact. */
function blindResets(random: Random): readonly ForgedReset[] {
  const resets: ForgedReset[] = [];
  for (let i = 0; i < 256; i++) {
    const offBy = (i * 0x1000000 + 1 + random.between(0, 20_000)) | 0;
    resets.push({ atUs: 100 + i * 1000, offBy, ttl: -1 });
  }
  return resets;
}

function attempt(plan: WorldPlan, result: WorldResult): AttemptResult {
  const connection = result.connections[0] as ConnectionResult;
  const startUs = plan.connections[0]?.startUs ?? 0;
  const endUs = connection.client.endedUs < 0 ? result.endUs : connection.client.endedUs;
  const ms = Math.round((endUs - startUs) / 1000);
  return { ok: connection.whole, ms, reason: connection.client.reason };
}

/** Takes every event out of a ring, oldest first. */
export function drainEvents(ring: Ring, eventWords = 24): Int32Array[] {
  const events: Int32Array[] = [];
  for (let at = ring.peek(); at >= 0; at = ring.peek()) {
    events.push(ring.words.slice(at, at + eventWords));
    ring.release();
  }
  return events;
}
