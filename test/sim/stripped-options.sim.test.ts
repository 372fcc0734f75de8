/**
 * Firewalls that take an option out of SYN-ACKs, in random worlds: no connection may fare worse
 * than without us, no window may reach the near end that the far end did not offer, and where
 * nothing was taken nothing may change.
 */
import { describe, expect, it } from 'vitest';
import { decodePacket } from '../../src/datapath/sim/packet.ts';
import { CLEAN_LINK, connectionPlan, worldPlan } from '../../src/datapath/sim/plans.ts';
import { Random } from '../../src/datapath/sim/random.ts';
import type { Step } from '../../src/datapath/sim/script.ts';
import { StrippedOptionFault } from '../../src/datapath/sim/stripped-option-fault.ts';
import { runWorld } from '../../src/datapath/sim/world.ts';
import type { WorldPlan } from '../../src/datapath/sim/world-plan.ts';
import { OPTIONS_ALIGNED } from '../../src/engine/codes.ts';
import { LIMIT_MS, SEED } from './seed.ts';

const PORTS = [40_270, 40_271, 40_272];
const WORLDS = 90;
const OPTIONS = ['timestamps', 'window-scale', 'sack-permitted'] as const;

interface StripWorld {
  readonly plan: WorldPlan;
  readonly option: (typeof OPTIONS)[number];
  /** What the server's windows count in. */
  readonly unit: number;
  readonly scaled: boolean;
}

/** One after the other: what the first has shown the others may use. */
function stripWorld(seed: number, strips: boolean): StripWorld {
  const random = new Random(seed, 0x57);
  const octets = random.between(5000, 150_000);
  const client: Step[] = [{ do: 'send', octets }, { do: 'expect', octets }, { do: 'close' }];
  const server: Step[] = [
    { do: 'expect', octets },
    { do: 'send', octets },
    { do: 'expect-end' },
    { do: 'close' },
  ];
  const link = {
    ...CLEAN_LINK,
    delayUs: random.pick([100, 1000, 10_000]),
    loss: random.pick([0, 0, 0.01, 0.04]),
    reordering: random.pick([0, 0.05]),
    spreadUs: 1000,
    healUs: 60e6,
  };
  const option = random.pick(OPTIONS);
  const wndScale = random.pick([-1, 2, 7, 7, 10]);
  const clientScale = random.pick([-1, 0, 7, 7, 10]);
  const serverSide = {
    wndScale,
    timestamps: random.chance(0.7),
    sack: random.chance(0.8),
    rcvBufOctets: random.pick([8192, 20_000, 32_768, 64_240, 65_160, 65_160, 300_000]),
    readOctetsPerMs: random.pick([Number.POSITIVE_INFINITY, 500]),
    steps: server,
  };
  const clientSide = { wndScale: clientScale, rcvBufOctets: 64_240, steps: client };
  const plan = worldPlan(seed, {
    family: random.chance(0.5) ? 4 : 6,
    horizonUs: 300_000_000,
    nearLink: link,
    farLink: link,
    offsets: { client: random.int32(), server: random.int32() },
    connections: PORTS.map((port, i) => ({
      ...connectionPlan(random, port, clientSide, serverSide),
      startUs: 1000 + i * 60_000_000,
    })),
    faults: () => (strips ? PORTS.map((port) => new StrippedOptionFault(port, option)) : []),
  });
  const scaled = wndScale >= 0 && clientScale >= 0;
  return { plan, option, unit: scaled ? 2 ** wndScale : 1, scaled };
}

interface Windows {
  offered: number;
  readonly tooMuch: string[];
}

/** Runs a world and holds every window that reaches a client against what the server offered. */
function runStripped(world: StripWorld, seed: number) {
  const edges = new Map<number, Windows>();
  const bases = new Map<number, number>();
  const result = runWorld(world.plan, { seed, observe: false, off: [] }, (point, _us, bytes) => {
    const packet = decodePacket(bytes);
    if (packet === null || (point !== 'path-in' && point !== 'client-in')) return;
    if ((packet.flags & 0x14) !== 0x10) return;
    const base = bases.get(packet.dstPort) ?? packet.ack;
    bases.set(packet.dstPort, base);
    const syn = (packet.flags & 2) !== 0;
    const seen = edges.get(packet.dstPort) ?? { offered: 0, tooMuch: [] };
    edges.set(packet.dstPort, seen);
    const acked = (packet.ack - base) | 0;
    if (point === 'path-in') {
      const unit = syn ? 1 : world.unit;
      seen.offered = Math.max(seen.offered, acked + packet.wnd * unit);
    } else if (world.option === 'window-scale' && acked + packet.wnd > seen.offered) {
      seen.tooMuch.push(`${acked}+${packet.wnd} of ${seen.offered}`);
    }
  });
  return { result, tooMuch: [...edges.values()].flatMap((seen) => seen.tooMuch) };
}

describe('options that SYN-ACKs lose, in random worlds', () => {
  it(
    'make no connection worse with us, and nothing is offered that the far end did not',
    () => {
      const score = { worlds: 0, aligned: 0, scales: 0, mended: 0, saved: 0 };
      for (let i = 0; i < WORLDS; i++) {
        const seed = SEED + i;
        const world = stripWorld(seed, true);
        const without = runWorld(world.plan, null);
        const { result, tooMuch } = runStripped(world, seed);
        const aligned = result.shim?.engine.counters[OPTIONS_ALIGNED] ?? 0;
        const ends = result.connections.map(({ whole }, k) => [
          without.connections[k]?.whole,
          whole,
        ]);
        const what = `seed ${seed} ${world.option} ${JSON.stringify(ends)}`;
        expect(result.badPackets, what).toBe(0);
        expect(result.shim?.contractBroken, what).toBe(0);
        expect(tooMuch, what).toEqual([]);
        for (const [k, after] of result.connections.entries()) {
          expect(after.client.wrongOctets + after.server.wrongOctets, what).toBe(0);
          if (without.connections[k]?.whole) expect(after.whole, what).toBe(true);
          else if (after.whole) score.saved++;
        }
        score.worlds++;
        if (aligned > 0) score.aligned++;
        if (world.option === 'window-scale' && world.unit >= 16) score.scales++;
        if (world.option === 'window-scale' && aligned > 0) score.mended++;
      }
      console.log(`worlds with stripped options: ${JSON.stringify(score)}`);
      expect(score.mended).toBeGreaterThan(0);
      expect(score.aligned).toBeGreaterThan(score.mended);
    },
    LIMIT_MS,
  );

  it(
    'are not seen where nothing was taken, whatever a server offers',
    () => {
      for (let i = 0; i < WORLDS; i++) {
        const seed = SEED + i;
        const { plan } = stripWorld(seed, false);
        const result = runWorld(plan, { seed, observe: false, off: [] });
        expect(result.traceHash, `seed ${seed}`).toBe(runWorld(plan, null).traceHash);
      }
    },
    LIMIT_MS,
  );

  it(
    'observing changes nothing',
    () => {
      for (let i = 0; i < 20; i++) {
        const { plan } = stripWorld(SEED + i, true);
        const observing = runWorld(plan, { seed: SEED + i, observe: true, off: [] });
        expect(observing.traceHash).toBe(runWorld(plan, null).traceHash);
      }
    },
    LIMIT_MS,
  );
});
