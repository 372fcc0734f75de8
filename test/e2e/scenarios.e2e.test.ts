/**
 * Real ssh through the faulty firewall, ten times without and ten times with the shim, IPv4 and
 * IPv6, with random sequence offsets, and with rules that drop what conntrack calls INVALID.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Lab } from '../../src/testbed/lab.ts';
import { runScenario } from '../../src/testbed/runner.ts';
import { SCENARIOS, scenarioByName } from '../../src/testbed/scenarios.ts';
import { ShimProcess } from '../../src/testbed/shim-process.ts';
import { conntrackStates, dropInvalid, flushFilter } from './jumpbox.ts';

const COUNT = 10;
/** Attempts side by side: two cores do it in a third of the time. */
const WIDTH = 5;

let lab: Lab;
beforeAll(async () => {
  lab = await Lab.open();
});
afterAll(async () => {
  await lab.close();
});

describe.each([4, 6] as const)('IPv%i', (family) => {
  it.each(SCENARIOS.filter((entry) => entry.failsWithout).map((entry) => entry.name))(
    '%s: 0 of 10 without the shim',
    async (name) => {
      const tally = await runScenario(lab, scenarioByName(name), family, COUNT, { width: WIDTH });
      expect(tally.ok).toBe(0);
    },
  );

  it('blind-resets and healthy: 10 of 10 without the shim', async () => {
    for (const name of ['blind-resets', 'healthy']) {
      const tally = await runScenario(lab, scenarioByName(name), family, COUNT, { width: WIDTH });
      expect(tally.errors, name).toEqual([]);
    }
  });
});

describe.each([
  { family: 4, offsets: false, invalid: false },
  { family: 6, offsets: false, invalid: false },
  { family: 4, offsets: true, invalid: true },
  { family: 6, offsets: true, invalid: true },
  { family: 4, offsets: false, invalid: true },
] as const)('with the shim: IPv$family, offsets $offsets, INVALID dropped $invalid', (variant) => {
  let shim: ShimProcess;
  beforeAll(async () => {
    if (variant.invalid) dropInvalid(lab);
    shim = await ShimProcess.open(lab);
  });
  afterAll(async () => {
    expect(await shim.stop()).toBe(0);
    expect(shim.stderr()).toBe('');
    flushFilter(lab);
  });

  it.each(SCENARIOS.map((entry) => entry.name))('%s: 10 of 10', async (name) => {
    const options = { width: WIDTH, offsets: variant.offsets };
    const before = shim.events('reanchored').length;
    const tally = await runScenario(lab, scenarioByName(name), variant.family, COUNT, options);
    await pause(100); // the last events are on their way
    const moved = shim.events('reanchored').length - before;
    expect(tally.errors).toEqual([]);
    expect(tally.ok).toBe(COUNT);
    expect(moved).toBe(name.startsWith('phantom') ? COUNT : 0);
  });
});

describe('conntrack', () => {
  it('shows ESTABLISHED with the long timeout for saved connections, also 15 s later', async () => {
    dropInvalid(lab);
    const shim = await ShimProcess.open(lab);
    for (const name of [
      'first-connection-reset-BRD',
      'challenge-ack-reset',
      'double-endpoint',
      'phantom-synack-ws7',
    ]) {
      const path = await import('../../src/testbed/faulty-path.ts');
      const fault = await path.FaultyPath.open(lab, scenarioByName(name).fault);
      const session = lab.ssh(4, 'sleep 17; echo done', [], 40_000);
      await pause(1800);
      expect(conntrackStates(lab), name).toContainEqual({ state: 'ESTABLISHED', days: 4 });
      await pause(name === 'double-endpoint' || name.startsWith('phantom') ? 15_000 : 0);
      if (name === 'double-endpoint' || name.startsWith('phantom')) {
        expect(conntrackStates(lab), name).toContainEqual({ state: 'ESTABLISHED', days: 4 });
        expect((await session).stdout, name).toContain('done');
      }
      await fault.close();
      lab.jumpbox.tryCall('conntrack', ['-F']);
    }
    await shim.stop();
    flushFilter(lab);
  });
});
