/**
 * The model end points by themselves: if they lose or bend a stream on a bad path, nothing that is
 * said about the engine with them is worth anything.
 */
import { describe, expect, it } from 'vitest';
import { DropFault } from '../../src/datapath/sim/drop-fault.ts';
import { ForgeryFault } from '../../src/datapath/sim/forgery-fault.ts';
import { FIN, SYN } from '../../src/datapath/sim/packet.ts';
import {
  connectionPlan,
  DEFAULT_SIDE,
  QUIET_SERVER,
  quietClient,
  worldPlan,
} from '../../src/datapath/sim/plans.ts';
import { Random } from '../../src/datapath/sim/random.ts';
import type { Step } from '../../src/datapath/sim/script.ts';
import { runWorld } from '../../src/datapath/sim/world.ts';
import { SEED } from './seed.ts';

function bulk(octets: number): { client: readonly Step[]; server: readonly Step[] } {
  return {
    client: [{ do: 'send', octets }, { do: 'expect', octets }, { do: 'close' }],
    server: [
      { do: 'expect', octets },
      { do: 'send', octets },
      { do: 'expect-end' },
      { do: 'close' },
    ],
  };
}

describe('model end points', () => {
  it('carry an ssh-like talk over a clean path, both families', () => {
    for (const family of [4, 6] as const) {
      const result = runWorld(worldPlan(SEED, { family }), null);
      expect(result.connections[0]).toMatchObject({
        whole: true,
        client: { reason: 'finished', wrongOctets: 0 },
        server: { reason: 'finished', wrongOctets: 0 },
      });
      expect(result.badPackets).toBe(0);
      expect(result.endUs).toBeLessThan(10_000);
    }
  });

  it('carry 200 kB each way whole through loss, duplication and reordering', () => {
    for (let i = 0; i < 60; i++) {
      const random = new Random(SEED + i, 77);
      const link = {
        delayUs: 500,
        // Two such links: at 0.1 a connection in ten thousand dies of its retransmissions, rightly.
        loss: random.unit() * 0.05,
        duplication: random.unit() * 0.1,
        reordering: random.unit() * 0.2,
        spreadUs: 3000,
        healUs: 1e9,
      };
      const { client, server } = bulk(200_000);
      const options = {
        timestamps: random.chance(0.5),
        sack: random.chance(0.5),
        wndScale: random.pick([-1, 2, 7, 14]),
      };
      const plan = worldPlan(SEED + i, {
        nearLink: link,
        farLink: link,
        horizonUs: 3_600_000_000,
        offsets: { client: random.int32(), server: random.int32() },
        connections: [
          connectionPlan(
            random,
            40_000,
            { steps: client, ...options },
            { steps: server, ...options },
          ),
        ],
      });
      const result = runWorld(plan, null);
      const what = JSON.stringify({ i, options, link, connection: result.connections[0] });
      expect(result.connections[0]?.whole, what).toBe(true);
      expect(result.connections[0]?.client.wrongOctets, what).toBe(0);
      expect(result.connections[0]?.server.wrongOctets, what).toBe(0);
      expect(result.sackOutside, what).toBe(0);
    }
  });

  it('let a slow reader set the pace through zero windows', () => {
    const { client, server } = bulk(300_000);
    const slow = { ...DEFAULT_SIDE, rcvBufOctets: 20_000, readOctetsPerMs: 100 };
    const random = new Random(SEED, 3);
    const plan = worldPlan(SEED, {
      connections: [
        connectionPlan(random, 40_000, { steps: client }, { ...slow, iss: 9, steps: server }),
      ],
    });
    const result = runWorld(plan, null);
    expect(result.connections[0]?.whole).toBe(true);
    expect(result.endUs).toBeGreaterThan(2_500_000);
  });

  it('repeat SYN, SYN-ACK and FIN until they get through', () => {
    for (const wanted of [SYN, SYN | 16, FIN | 16]) {
      let left = 2;
      const plan = worldPlan(SEED, {
        faults: () => [new DropFault((packet) => (packet.flags & ~8) === wanted && left-- > 0)],
      });
      const result = runWorld(plan, null);
      expect(result.connections[0]?.whole).toBe(true);
      expect(left).toBeLessThanOrEqual(0);
    }
  });

  it('refuse at a closed port and give up on a silent path', () => {
    const refused = { ...connectionPlan(new Random(SEED, 3), 40_000), refused: true };
    const first = runWorld(worldPlan(SEED, { connections: [refused] }), null);
    expect(first.connections[0]?.client.reason).toBe('refused');
    const second = runWorld(
      worldPlan(SEED, { horizonUs: 300_000_000, faults: () => [new DropFault(() => true)] }),
      null,
    );
    expect(second.connections[0]?.client.reason).toBe('timed-out');
  });

  it('die of an exact reset and challenge an inexact one', () => {
    const random = new Random(SEED, 5);
    const idle = connectionPlan(
      random,
      40_000,
      { steps: quietClient(1_000_000) },
      { steps: QUIET_SERVER },
    );
    const run = (offBy: number) =>
      runWorld(
        worldPlan(SEED, {
          connections: [idle],
          faults: () => [new ForgeryFault(40_000, [{ atUs: 500_000, offBy, ttl: -1 }])],
        }),
        null,
      ).connections[0]?.client.reason;
    expect(run(0)).toBe('reset');
    expect(run(1000)).toBe('finished');
  });

  it('replay a seed to the same trace', () => {
    const once = runWorld(worldPlan(SEED), null).traceHash;
    expect(runWorld(worldPlan(SEED), null).traceHash).toBe(once);
    expect(runWorld(worldPlan(SEED + 1), null).traceHash).not.toBe(once);
  });
});
