/**
 * Every scenario of the testbed without a shim, captured on both ends: `diagnose` finds what the
 * firewall does, and of severity warning or above nothing else. Live. One table.
 */
import { describe, expect, it } from 'vitest';
import { diagnoseInput } from '../../src/diagnose/diagnose.ts';
import { OTHER_SCENARIOS, SCENARIOS, type Scenario } from '../../src/testbed/scenarios.ts';
import { TRANSFERS, withCaptures } from './scenario-captures.ts';

async function foundIn(file: string): Promise<string[]> {
  const outcome = await diagnoseInput(file);
  if (outcome.kind !== 'report') throw new Error(outcome.problem);
  const { findings } = outcome.report;
  return findings.filter(({ severity }) => severity !== 'note').map(({ code }) => code);
}

const bad = (name: string, fault: Scenario['fault']): Scenario => ({
  name,
  about: name,
  fault,
  attempt: { client: 'ssh', delayMs: 0 },
  failsWithout: false,
});

const HARMLESS: readonly (readonly [Scenario, keyof typeof TRANSFERS])[] = [
  [bad('lossy-1', { lagMs: 5, loss: 0.01 }), 'up'],
  [bad('lossy-1-down', { lagMs: 5, loss: 0.01 }), 'down'],
  [bad('lossy-5', { lagMs: 5, loss: 0.05 }), 'up'],
  [bad('lossy-5-down', { lagMs: 5, loss: 0.05 }), 'down'],
  [bad('slow', { lagMs: 150 }), 'down'],
  [bad('reordered', { lagMs: 5, reordering: 0.1 }), 'up'],
  [bad('reordered-down', { lagMs: 5, reordering: 0.1 }), 'down'],
];

describe.concurrent('collect', () => {
  it.each([...SCENARIOS, ...OTHER_SCENARIOS].map((scenario) => [scenario.name, scenario] as const))(
    '%s',
    async (_, scenario) => {
      await withCaptures(scenario, async ({ client, server }) => {
        const sides = { client: await foundIn(client), server: await foundIn(server) };
        console.log(scenario.name, JSON.stringify(sides));
      });
    },
  );
  it.each(HARMLESS.map(([scenario, way]) => [scenario.name, scenario, way] as const))(
    '%s',
    async (_, scenario, way) => {
      await withCaptures(
        scenario,
        async ({ client, server }) => {
          const sides = { client: await foundIn(client), server: await foundIn(server) };
          console.log(scenario.name, JSON.stringify(sides));
          expect(sides).toEqual({ client: [], server: [] });
        },
        TRANSFERS[way],
      );
    },
  );
});
