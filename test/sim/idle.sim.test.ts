/**
 * Idle handling in memory: a firewall that forgets, with the shim and without, settled and not; and
 * random worlds with idle handling on, which must not be worse for it.
 */
import { describe, expect, it } from 'vitest';
import { DropFault } from '../../src/datapath/sim/drop-fault.ts';
import { IdleFault } from '../../src/datapath/sim/idle-fault.ts';
import type { Fault } from '../../src/datapath/sim/middlebox.ts';
import { connectionPlan, worldPlan } from '../../src/datapath/sim/plans.ts';
import { Random } from '../../src/datapath/sim/random.ts';
import type { Step } from '../../src/datapath/sim/script.ts';
import { runWorld, type WorldResult } from '../../src/datapath/sim/world.ts';
import type { WorldPlan } from '../../src/datapath/sim/world-plan.ts';
import {
  FLOW_ENDED,
  IDLE_DROP,
  KEEPALIVE_SENT,
  KEEPALIVE_UNANSWERED,
} from '../../src/engine/codes.ts';
import { IDLE_FORGET, IDLE_KEEPALIVE, IDLE_RESET } from '../../src/engine/memory.ts';
import { judge } from './oracle.ts';
import { LIMIT_MS, SEED } from './seed.ts';

const PORT = 40_270;
const FORGETS_US = 60_000_000;
const AFTER_MS = 48_000;
const SILENT_US = 400_000_000;
const CHUNK = 50;

/** A session that says something, nothing for long, and something again. */
const QUIET: readonly [readonly Step[], readonly Step[]] = [
  [
    { do: 'expect', octets: 39 },
    { do: 'send', octets: 41 },
    { do: 'expect', octets: 500 },
    { do: 'sleep', us: SILENT_US },
    { do: 'send', octets: 36 },
    { do: 'expect', octets: 36 },
    { do: 'close' },
  ],
  [
    { do: 'send', octets: 39 },
    { do: 'expect', octets: 41 },
    { do: 'send', octets: 500 },
    { do: 'expect', octets: 36 },
    { do: 'send', octets: 36 },
    { do: 'expect-end' },
    { do: 'close' },
  ],
];

/** One in which something is said each second. */
function busy(): readonly [readonly Step[], readonly Step[]] {
  const client: Step[] = [];
  const server: Step[] = [];
  for (let i = 0; i < SILENT_US / 1_000_000 + 60; i++) {
    client.push({ do: 'send', octets: 36 }, { do: 'expect', octets: 36 });
    client.push({ do: 'sleep', us: 1_000_000 });
    server.push({ do: 'expect', octets: 36 }, { do: 'send', octets: 36 });
  }
  client.push({ do: 'close' });
  server.push({ do: 'expect-end' }, { do: 'close' });
  return [client, server];
}

/** The quiet session, and the busy one beside it where `beside` says so. */
function world(family: 4 | 6, beside: boolean, faults: () => readonly Fault[]): WorldPlan {
  const random = new Random(SEED, 23);
  const [client, server] = QUIET;
  const quiet = connectionPlan(random, PORT, { steps: client }, { steps: server });
  const [busyClient, busyServer] = busy();
  const other = connectionPlan(random, PORT + 1, { steps: busyClient }, { steps: busyServer });
  return worldPlan(SEED, {
    family,
    connections: beside ? [quiet, other] : [quiet],
    horizonUs: 2 * SILENT_US,
    faults,
  });
}

const forgets = (answers: 'nothing' | 'reset') => () => [
  new IdleFault({ afterUs: FORGETS_US, answers }),
];

function run(plan: WorldPlan, action: number, afterMs = AFTER_MS, settles = false) {
  const idle = { action, afterMs };
  const result = runWorld(plan, { seed: SEED, observe: false, off: [], settles, idle });
  return { ...result, quiet: quietOf(result), counted: (code: number) => counted(result, code) };
}

function quietOf(result: WorldResult) {
  const [quiet] = result.connections;
  if (quiet === undefined) throw new Error('nothing was simulated');
  return quiet;
}

function counted(result: WorldResult, code: number): number {
  return result.shim?.engine.counters[code] ?? 0;
}

describe('a firewall that forgets who says nothing for a minute', () => {
  it('kills the session without the shim, and with `forget`, which only says so', () => {
    for (const answers of ['nothing', 'reset'] as const) {
      const plan = world(4, true, forgets(answers));
      expect(quietOf(runWorld(plan, null)).whole).toBe(false);
      const without = runWorld(plan, null);
      const with_ = run(plan, IDLE_FORGET);
      expect(with_.traceHash).toBe(without.traceHash);
      expect(with_.quiet.whole).toBe(false);
      expect(with_.counted(IDLE_DROP), answers).toBe(1);
    }
  });

  for (const settles of [false, true]) {
    for (const family of [4, 6] as const) {
      it(`keepalive keeps it, IPv${family}, ${settles ? 'settled' : 'inspected'}`, () => {
        for (const answers of ['nothing', 'reset'] as const) {
          const result = run(world(family, false, forgets(answers)), IDLE_KEEPALIVE, 0, settles);
          expect(result.quiet.whole, 'without a time or a limit').toBe(false);
          const kept = run(
            world(family, false, forgets(answers)),
            IDLE_KEEPALIVE,
            AFTER_MS,
            settles,
          );
          expect(kept.quiet.whole, JSON.stringify(kept.quiet)).toBe(true);
          // One in 48 seconds, whatever the silence.
          expect(kept.counted(KEEPALIVE_SENT)).toBe(Math.floor(SILENT_US / 1000 / AFTER_MS));
          expect(kept.shim?.contractBroken).toBe(0);
          expect(kept.quiet.client.wrongOctets + kept.quiet.server.wrongOctets).toBe(0);
        }
      });
    }
  }

  it('reset ends it at the near end within seven seconds, where others live', () => {
    for (const family of [4, 6] as const) {
      const result = run(world(family, true, forgets('nothing')), IDLE_RESET, 70_000);
      expect(result.quiet.client.reason).toBe('reset');
      const endedMs = result.quiet.client.endedUs / 1000;
      expect(endedMs).toBeLessThan(77_000);
      expect(result.counted(FLOW_ENDED)).toBe(1);
      expect(result.counted(IDLE_DROP)).toBe(1);
      expect(result.connections[1]?.whole).toBe(true);
    }
  });

  it('reset ends nobody whom nothing tells from one behind a path that is gone', () => {
    const result = run(world(4, false, forgets('nothing')), IDLE_RESET, 70_000);
    expect(result.counted(FLOW_ENDED)).toBe(0);
    expect(result.counted(KEEPALIVE_UNANSWERED)).toBe(1);
  });
});

describe('an outage', () => {
  it('of ten seconds costs no session: neither its keep-alives, nor its life', () => {
    for (const action of [IDLE_KEEPALIVE, IDLE_RESET]) {
      for (let second = 44; second < 52; second++) {
        const outage = () => [
          new DropFault((_packet, _toServer, nowUs) => {
            const sinceUs = nowUs - second * 1_000_000;
            return sinceUs >= 0 && sinceUs < 10_000_000;
          }),
        ];
        const result = run(world(4, true, outage), action, AFTER_MS);
        const what = JSON.stringify({ action, second, connections: result.connections });
        expect(
          result.connections.every(({ whole }) => whole),
          what,
        ).toBe(true);
        expect(result.counted(IDLE_DROP), what).toBe(0);
      }
    }
  });
});

describe('random worlds with idle handling on', () => {
  for (const [name, action] of [
    ['keepalive', IDLE_KEEPALIVE],
    ['reset', IDLE_RESET],
  ] as const) {
    for (let from = 0; from < 3 * CHUNK; from += CHUNK) {
      it(
        `${name}: never worse, seeds ${SEED + from} to ${SEED + from + CHUNK - 1}`,
        () => {
          let excused = 0;
          for (let i = 0; i < CHUNK; i++) {
            // Times that pauses of the talks reach: the more is asked for nothing.
            const afterMs = 1000 + 500 * (i & 3);
            excused += judge(SEED + from + i, { action, afterMs }).excused;
          }
          expect(excused, 'worse than without the shim for a lost probe').toBeLessThanOrEqual(1);
        },
        LIMIT_MS,
      );
    }
  }
});
