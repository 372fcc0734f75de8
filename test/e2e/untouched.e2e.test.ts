/**
 * Paths that are slow, lose or reorder, and are healthy otherwise: nothing is done to any packet.
 * What passes the jumpbox is captured on both sides of our hooks and compared byte for byte. Live.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Fault } from '../../src/testbed/firewall/fault.ts';
import { Lab } from '../../src/testbed/lab.ts';
import { attempts } from '../../src/testbed/runner.ts';
import type { ShimProcess } from '../../src/testbed/shim-process.ts';
import { bulk } from './bulk.ts';
import { withFault, withShim } from './live-parts.ts';
import { logPassing, missing, Tcpdump, tally } from './witness.ts';

const OCTETS = 1_000_000;
const LOGIN_COUNT = 3;
const SSH = { client: 'ssh', delayMs: 0 } as const;
const WAYS = ['up', 'down'] as const;
/** tcpdump reads its buffer once a second. */
const TAIL_MS = 1500;
const PATHS: readonly [string, Partial<Fault>][] = [
  ['is slow', { lagMs: 2 }],
  ['loses 1 %', { lagMs: 2, loss: 0.01 }],
  ['loses 5 %', { lagMs: 2, loss: 0.05 }],
  ['reorders', { lagMs: 2, reordering: 0.2 }],
];

let lab: Lab;
beforeAll(async () => {
  lab = await Lab.open();
  logPassing(lab);
  return () => lab.close();
});

function counter(name: string): number {
  const line = lab.jumpbox.call('nstat', ['-asz', name]).split('\n').at(-2) ?? '';
  return Number(/(\d+)\s+\S+$/.exec(line)?.[1]);
}

async function traffic(family: 4 | 6): Promise<void> {
  const logins = await attempts(lab, family, SSH, LOGIN_COUNT);
  expect(logins.errors).toEqual([]);
  for (const way of WAYS) {
    const { ok, error } = await bulk(lab, family, way, OCTETS);
    expect(ok, error).toBe(true);
  }
}

/** Every packet that one side saw the other one saw too, octet for octet, as often. */
async function compare(shim: ShimProcess): Promise<number> {
  const [wire, log] = [await Tcpdump.wire(lab), await Tcpdump.log(lab)];
  await Promise.all([traffic(4), traffic(6)]);
  await pause(TAIL_MS);
  const [onWire, inside] = [tally(await wire.stop()), tally(await log.stop())];
  expect(missing(onWire, inside)).toEqual([]);
  expect(missing(inside, onWire)).toEqual([]);
  const status = shim.status();
  for (const kind of ['interventions', 'adjustments', 'wouldIntervene', 'findings']) {
    expect(status[kind], kind).toEqual({});
  }
  expect(status['injected']).toBe(0);
  expect(status['shed']).toBe(0);
  return [...onWire.values()].reduce((sum, count) => sum + count, 0);
}

describe.each(['full', 'auto'])('--inspect %s, a path that', (inspect) => {
  it.each(PATHS)('%s is left alone', async (name, path) => {
    const before = counter('TcpRetransSegs') + counter('TcpExtTCPOFOQueue');
    await withShim(
      lab,
      (shim) =>
        withFault(lab, path, async () => {
          const packets = await compare(shim);
          const odd = counter('TcpRetransSegs') + counter('TcpExtTCPOFOQueue') - before;
          console.log(`${inspect}, ${name}: ${packets} packets, ${odd} lost or out of order`);
          expect(packets).toBeGreaterThan(1000);
          // The path did what it is there for.
          if (name !== 'is slow') expect(odd).toBeGreaterThan(0);
        }),
      ['--inspect', inspect, '--budget', '1s'],
    );
  });
});
