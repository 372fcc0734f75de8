/**
 * Every scenario with a real ssh (or a client that talks to an echo server) through the faulty
 * firewall: without the shim none of ten gets through, with it all ten do. Four kinds of path: IPv4
 * and IPv6, each with and without a firewall that randomizes sequence numbers. Half of them have
 * jumpboxes that drop what conntrack calls INVALID, and one has neighbours who reload rules. And
 * again, fewer attempts each, with the shim on a gateway between jumpbox and firewall.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Lab } from '../../src/testbed/lab.ts';
import { attempts, type Tally } from '../../src/testbed/runner.ts';
import { SCENARIOS, type Scenario, scenarioByName } from '../../src/testbed/scenarios.ts';
import type { ShimProcess } from '../../src/testbed/shim-process.ts';
import { amongBusyNeighbours, conntrackStates, dropInvalid } from './jumpbox.ts';
import { withFault, withLab, withShim } from './live-parts.ts';

const COUNT = 10;
const COUNT_GATEWAY = 2;
/** Side by side: most of their time is waiting. */
const GATEWAY_COUNT = 4;

interface PathKind {
  readonly name: string;
  readonly family: 4 | 6;
  readonly offsets: boolean;
  readonly dropsInvalid: boolean;
  readonly busyNeighbours: boolean;
}

const PATHS: readonly PathKind[] = [
  { name: 'IPv4', family: 4, offsets: false, dropsInvalid: false, busyNeighbours: true },
  { name: 'IPv4, offsets', family: 4, offsets: true, dropsInvalid: true, busyNeighbours: false },
  { name: 'IPv6', family: 6, offsets: false, dropsInvalid: true, busyNeighbours: false },
  { name: 'IPv6, offsets', family: 6, offsets: true, dropsInvalid: false, busyNeighbours: true },
];

/** Between jumpbox and firewall, and with these options. */
const GATEWAYS = [
  { name: 'IPv4, gateway', family: 4, offsets: false, options: ['--hook', 'gateway'] },
  { name: 'IPv6, offsets, both', family: 6, offsets: true, options: ['--hook', 'host,gateway'] },
] as const;

/** What is to fail without the shim need not be waited for as long as ssh would. */
const HOPELESS_S = 4;

/** Not again with random offsets: harmless orders, the longest wait, healthy paths. */
const REPETITIVE =
  /(BDR|DBR|DRB|5000|ws2|ws14|checksum-left-partial|duplicate-address|forged-reset|blind-resets|healthy)$/;

/** Not with both hooks too: what differs in options, or in the last of several packets, only. */
const SIMILAR = /(RDB|ws2-ts|ws14-ts|challenge-ack-reset-\d+)$/;

/** Scenarios that differ in the client only run side by side: most of their time is waiting. */
function groups(kind: { readonly offsets: boolean }): Map<string, Scenario[]> {
  const out = new Map<string, Scenario[]>();
  for (const scenario of SCENARIOS) {
    if (kind.offsets && REPETITIVE.test(scenario.name)) continue;
    const name = scenario.name.replace(/-\d+$/, '');
    out.set(name, [...(out.get(name) ?? []), scenario]);
  }
  return out;
}

/** Without the shim, then with it. */
interface Trial {
  readonly family: 4 | 6;
  readonly offsets: boolean;
  readonly count: number;
  readonly options?: readonly string[];
  readonly among?: <T>(work: () => Promise<T>) => Promise<T>;
}

async function judge(lab: Lab, trial: Trial, scenarios: readonly Scenario[]): Promise<void> {
  const { family, offsets, count } = trial;
  const { fault, failsWithout, name } = scenarios[0] as Scenario;
  const tally = (connectS?: number): Promise<Tally[]> =>
    withFault(lab, { ...fault, offsets }, () =>
      Promise.all(
        scenarios.map((one) => attempts(lab, family, one.attempt, count, count, connectS)),
      ),
    );
  for (const without of await tally(failsWithout ? HOPELESS_S : undefined)) {
    expect.soft(without.ok, `${name} without the shim`).toBe(failsWithout ? 0 : count);
  }
  const work = async (shim: ShimProcess) => {
    const results = await (trial.among === undefined ? tally() : trial.among(() => tally()));
    if (results.some((saved) => saved.errors.length > 0)) tellAll(name, shim);
    return { results, status: shim.status() };
  };
  const { results, status } = await withShim(lab, work, trial.options);
  for (const saved of results) {
    expect(saved.errors, `${name} with the shim`).toEqual([]);
    expect(saved.ok, name).toBe(count);
  }
  const did = status['interventions'] as Record<string, number>;
  expect(did['reanchored'] ?? 0, name).toBe(name.startsWith('phantom') ? count : 0);
  // Harmless orders are settled too, but what is healthy is left alone.
  if (name === 'healthy' || name === 'blind-resets') expect(did).toEqual({});
  else expect(Object.keys(did), name).not.toEqual([]);
}

/** What the shim saw of an attempt that failed: nobody can ask it later. */
function tellAll(name: string, shim: ShimProcess): void {
  for (const { level, time, ...line } of shim.lines()) {
    console.log(`${name} ${time} ${JSON.stringify(line)}`);
  }
  console.log(shim.stderr(), JSON.stringify(shim.status()));
}

describe.each(PATHS)('$name', (kind) => {
  let lab: Lab;
  beforeAll(async () => {
    lab = await Lab.open();
    if (kind.dropsInvalid) dropInvalid(lab);
  });
  afterAll(async () => lab.close());

  it.each([...groups(kind)])('%s', async (_, scenarios) => {
    const trial = { ...kind, count: COUNT };
    const among = <T>(work: () => Promise<T>) => amongBusyNeighbours(lab, work);
    await judge(lab, kind.busyNeighbours ? { ...trial, among } : trial, scenarios);
  });
});

describe('a gateway between jumpbox and firewall', () => {
  it('saves every scenario too, alone and with the host hook', async () => {
    const trials = GATEWAYS.flatMap((kind) =>
      [...groups(kind).values()]
        .filter(([first]) => !kind.offsets || !SIMILAR.test(first?.name ?? ''))
        .map((scenarios) => ({ kind, scenarios })),
    );
    // The long ones first.
    const rank = ({ scenarios }: (typeof trials)[number]) =>
      /^(?:quiet|checksum)/.test(scenarios[0]?.name ?? '') ? 0 : 1;
    trials.sort((a, b) => rank(a) - rank(b));
    const work = async (lab: Lab) => {
      dropInvalid(lab);
      for (let next = trials.shift(); next !== undefined; next = trials.shift()) {
        await judge(lab, { ...next.kind, count: COUNT_GATEWAY }, next.scenarios);
      }
    };
    await Promise.all(
      Array.from({ length: GATEWAY_COUNT }, () => withLab(work, { gateway: true })),
    );
  });
});

describe('conntrack', () => {
  const names = [
    'first-connection-reset-BRD',
    'first-connection-reset-RBD',
    'challenge-ack-reset',
    'double-endpoint',
    'phantom-synack-ws7',
  ];

  it('knows every saved connection as ESTABLISHED for days, also 15 s later', async () => {
    // A lab each, side by side: nearly all of it is waiting.
    await Promise.all(names.map((name) => withLab((lab) => watched(lab, name))));
  });

  async function watched(lab: Lab, name: string): Promise<void> {
    dropInvalid(lab);
    const { fault } = scenarioByName(name);
    const established = { state: 'ESTABLISHED', days: 4 };
    await withShim(lab, () =>
      withFault(lab, fault, async () => {
        const session = lab.ssh(4, 'sleep 22; echo done', [], 60_000);
        await pause(5000);
        expect(conntrackStates(lab), name).toEqual([established]);
        await pause(15_000);
        expect(conntrackStates(lab), name).toEqual([established]);
        expect((await session).stdout, name).toContain('done');
      }),
    );
  }
});

describe('merely dropping later SYN-ACKs', () => {
  it('saves none in first-connection-reset: the reset is on its way already', async () => {
    await withLab(async (lab) => {
      // ASSURED: the client has acknowledged the first one.
      const later = '-p tcp --tcp-flags SYN,ACK SYN,ACK -m conntrack --ctstatus ASSURED -j DROP';
      lab.jumpbox.call('iptables', ['-A', 'INPUT', ...later.split(' ')]);
      const { fault, attempt } = scenarioByName('first-connection-reset-BRD');
      const tally = await withFault(lab, fault, () => attempts(lab, 4, attempt, COUNT, COUNT));
      expect(tally.ok).toBe(0);
      const dropped = /(\d+) +\d+ DROP/.exec(lab.jumpbox.call('iptables', ['-nvxL', 'INPUT']));
      expect(Number(dropped?.[1])).toBeGreaterThanOrEqual(COUNT);
      expect((await lab.ssh(4, 'echo without fault')).exitCode).toBe(0);
    });
  });
});
