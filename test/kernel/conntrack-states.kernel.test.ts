/**
 * The engine's state of a connection beside conntrack's, on random packet sequences through a
 * namespace that forwards: they agree, or the reason stands in a table.
 * SEQSHIM_ROUNDS (`npm run scripts -- --rounds N`): so many, of SEQSHIM_SEED. Otherwise always the
 * same ones: conntrack's rarest habits must not fail who has changed something else.
 */
import { rmSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { address, forwards, link, route } from '../../src/testbed/cable.ts';
import { Namespace } from '../../src/testbed/namespace.ts';
import { SEED, SEED_HINT } from '../helpers/seed.ts';
import { LAST_SHARE_MAX } from './conntrack-differences.ts';
import type { Comparison } from './conntrack-states-driver.ts';
import { buildProgram } from './nfqueue-lab.ts';

const GIVEN = process.env['SEQSHIM_ROUNDS'];
const ROUNDS = Number(GIVEN ?? 400);
const FIRST = GIVEN === undefined ? 1 : SEED >>> 8;
const LIMIT_MS = 200_000;
const NETWORKS = ['10.104.0.0/16', '10.105.0.0/16'] as const;
const STATES = ['SYN_SENT', 'SYN_RECV', 'ESTABLISHED', 'FIN_WAIT', 'CLOSE_WAIT', 'LAST_ACK'];

let driver: string;
beforeAll(async () => {
  driver = await buildProgram('conntrack-states-driver.ts');
});
const namespaces: Namespace[] = [];
afterAll(async () => {
  for (const namespace of namespaces) await namespace.close();
  rmSync(driver, { force: true });
});

function open(name: string): Namespace {
  // A form that labs know, should this process be killed.
  const namespace = new Namespace(`ssl${process.pid}-9900-${name}`);
  namespaces.push(namespace);
  return namespace;
}

/** left - middle - right; nobody lives at the ends, and nobody answers. */
function cable(): { left: Namespace; middle: Namespace; right: Namespace } {
  const [left, middle, right] = [open('left'), open('middle'), open('right')];
  link(left, 'wire', middle, 'left');
  link(middle, 'right', right, 'wire');
  address(left, 'wire', '10.106.1.2/24', 'fd06:1::2/64');
  address(middle, 'left', '10.106.1.1/24', 'fd06:1::1/64');
  address(middle, 'right', '10.106.2.1/24', 'fd06:2::1/64');
  address(right, 'wire', '10.106.2.2/24', 'fd06:2::2/64');
  forwards(middle);
  route(left, NETWORKS[1], '10.106.1.1');
  route(right, NETWORKS[0], '10.106.2.1');
  route(middle, NETWORKS[0], '10.106.1.2');
  route(middle, NETWORKS[1], '10.106.2.2');
  left.call('ip', ['route', 'add', 'blackhole', NETWORKS[0]]);
  right.call('ip', ['route', 'add', 'blackhole', NETWORKS[1]]);
  // conntrack looks only where some rule asks.
  const rule = ['-m', 'conntrack', '--ctstate', 'INVALID', '-j', 'ACCEPT'];
  middle.call('iptables', ['-A', 'FORWARD', ...rule]);
  return { left, middle, right };
}

it(`agrees with conntrack on ${ROUNDS} random sequences (${GIVEN === undefined ? 'always the same' : SEED_HINT})`, async () => {
  const { left, middle, right } = cable();
  const ends = [left, right].map(({ name }) => `/run/netns/${name}`);
  const args = [driver, ...ends, String(FIRST), String(ROUNDS)];
  const done = await middle.run(process.execPath, args, LIMIT_MS);
  expect(done.stderr).toBe('');
  const { packets, states, explained, unexplained } = JSON.parse(done.stdout) as Comparison;
  console.log(`${packets} packets; explained, in the order of the table: ${explained.join(' ')}`);
  expect(unexplained).toEqual([]);
  expect(explained.at(-1)).toBeLessThanOrEqual(Math.ceil(ROUNDS * LAST_SHARE_MAX));
  // It was not for want of trying.
  for (const state of STATES) expect(states[state] ?? 0, state).toBeGreaterThan(0);
});
