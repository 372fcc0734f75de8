/**
 * A firewall that makes its translation anew in mid-flow, under real sessions: without the shim
 * each of them hangs, with it each goes on. Live. Times: ms.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { Lab } from '../../src/testbed/lab.ts';
import { scenarioByName } from '../../src/testbed/scenarios.ts';
import { withFault, withLab, withShim } from './live-parts.ts';

const COUNT = 10;
/** A minute of nothing is a hang; the shim needs about four seconds. */
const LIMIT_MS = 14_000;
const SCENARIO = scenarioByName('rerandomized-midflow').fault;
const WHICH = ['both', 'client'] as const;

/** A real ssh that prints a line every 0.4 s: how many of `COUNT` come to their end in time. */
async function sessions(lab: Lab, family: 4 | 6): Promise<number> {
  const command = 'for i in 1 2 3 4 5 6 7 8 9; do echo $i; sleep 0.4; done; echo all of it';
  const started = Array.from({ length: COUNT }, async (_, i) => {
    await pause(37 * i);
    return lab.ssh(family, command, [], LIMIT_MS);
  });
  const finished = await Promise.all(started);
  return finished.filter(({ stdout, exitCode }) => {
    return exitCode === 0 && stdout.includes('9\nall of it');
  }).length;
}

describe('rerandomized-midflow', () => {
  it.each(WHICH)('%s: the sessions survive, none without the shim', async (jumps) => {
    const family = jumps === 'client' ? 6 : 4;
    const fault = { ...SCENARIO, jumps, offsets: jumps === 'both' };
    const [without, { ok, status }] = await Promise.all([
      withLab((lab) => withFault(lab, fault, () => sessions(lab, family))),
      withLab((lab) =>
        withShim(
          lab,
          (shim) =>
            withFault(lab, fault, async () => {
              const ok = await sessions(lab, family);
              return { ok, status: shim.status() };
            }),
          ['--inspect', 'full'],
        ),
      ),
    ]);
    expect.soft(without, 'without the shim').toBe(0);
    expect.soft(ok, JSON.stringify(status)).toBe(COUNT);
    expect((status['interventions'] as Record<string, number>)['resynced']).toBeGreaterThanOrEqual(
      COUNT,
    );
  });
});
