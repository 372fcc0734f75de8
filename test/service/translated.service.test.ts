/**
 * Real ssh sessions behind a phantom, moved by the service of a booted machine: they live on over a
 * restart, a `kill -9` and an upgrade of the package, and end cleanly when the service is stopped
 * for good. A session that needs nothing notices none of it.
 */
import { copyFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { FaultyPath } from '../../src/testbed/faulty-path.ts';
import { Lab } from '../../src/testbed/lab.ts';
import { scenarioByName } from '../../src/testbed/scenarios.ts';
import { EchoTimes } from '../e2e/echo-times.ts';
import { ownRules } from '../e2e/jumpbox.ts';
import { Machine } from './machine.ts';
import { buildPackage } from './packages.ts';

const SERVICE = 'seqshim.service';
const RULES = 'seqshim-rules.service';
const TARGET = 'target = ["10.99.2.0/24", "fd99:2::/64"]\nport = [22, 7]\n';
const SESSIONS = 3;
const ECHO_MS = 1000;

let lab: Lab;
let machine: Machine;
let plain: EchoTimes;
let moved: EchoTimes;

beforeAll(async () => {
  const debs = [buildPackage('deb', '1'), buildPackage('deb', '2')];
  lab = await Lab.open();
  machine = await Machine.boot('seqshim-moved', `/run/netns/${lab.jumpbox.name}`);
  for (const [i, deb] of debs.entries()) copyFileSync(deb, machine.path(`/opt/${i + 1}.deb`));
  machine.call('dpkg', '--force-unsafe-io', '-i', '/opt/1.deb');
  writeFileSync(machine.path('/etc/seqshim/seqshim.toml'), TARGET);
  machine.call('systemctl', 'start', SERVICE);
  await isOk();
  plain = await EchoTimes.open(lab, SESSIONS);
  const path = await FaultyPath.open(lab, scenarioByName('phantom-synack-ws7').fault);
  moved = await EchoTimes.open(lab, SESSIONS);
  await path.close();
});
afterAll(async () => {
  plain?.close();
  moved?.close();
  await machine?.halt();
  await lab?.close();
});

const pid = () => Number(machine.show(SERVICE, 'MainPID'));

interface Figures {
  readonly translated: { readonly userspace: number };
}

const figures = () => JSON.parse(machine.call('seqshim', 'status', '--json')) as Figures;

async function isOk(): Promise<void> {
  await machine.until('the service is ok', () => {
    const active = machine.show(SERVICE, 'ActiveState') === 'active';
    return active && machine.run('seqshim', 'status').exitCode === 0;
  });
}

async function echo(sessions: EchoTimes): Promise<number> {
  const before = sessions.timesMs.length;
  await sessions.during(ECHO_MS);
  return sessions.timesMs.length - before;
}

async function allEcho(): Promise<void> {
  expect(await echo(plain)).toBeGreaterThanOrEqual(SESSIONS);
  expect(await echo(moved)).toBeGreaterThanOrEqual(SESSIONS);
  expect([plain.alive, moved.alive]).toEqual([SESSIONS, SESSIONS]);
}

it('are moved', async () => {
  expect(figures().translated.userspace).toBe(SESSIONS);
  await allEcho();
});

it.each([
  ['a restart', () => machine.call('systemctl', 'restart', SERVICE)],
  ['kill -9', () => machine.call('kill', '-9', String(pid()))],
  ['an upgrade', () => machine.call('dpkg', '--force-unsafe-io', '-i', '/opt/2.deb')],
])('live on over %s', async (_, end) => {
  const before = pid();
  end();
  await machine.until('another process runs', () => ![0, before].includes(pid()));
  await isOk();
  expect(figures().translated.userspace).toBe(SESSIONS);
  await allEcho();
});

it('end cleanly when the service is stopped, and nothing else does', async () => {
  machine.call('systemctl', 'stop', SERVICE);
  await machine.until('the rules are out', () => machine.show(RULES, 'ActiveState') === 'inactive');
  await machine.until('the moved sessions have ended', () => moved.alive === 0);
  expect(ownRules(lab)).toEqual([]);
  expect(await echo(plain)).toBeGreaterThanOrEqual(SESSIONS);
  expect(plain.alive).toBe(SESSIONS);
});
