/**
 * A firewall that makes its translation anew under connections whose packets stay in the kernel
 * (`--inspect auto`): idle sessions, and downloads that are under way. Without the shim they hang:
 * `jumped.e2e.test.ts`. Live. Times: ms.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { LOAD_OCTETS } from '../../src/engine/limits.ts';
import type { Fault } from '../../src/testbed/firewall/fault.ts';
import type { Lab } from '../../src/testbed/lab.ts';
import { scenarioByName } from '../../src/testbed/scenarios.ts';
import type { ShimProcess } from '../../src/testbed/shim-process.ts';
import { bulk } from './bulk.ts';
import { dropInvalid } from './jumpbox.ts';
import { withFault, withLab, withShim } from './live-parts.ts';

const SCENARIO = scenarioByName('rerandomized-midflow').fault;
const COUNT = 10;
/** Single packets behind the load, at each of which a connection may be settled. */
const SETTLES = 'for i in 1 2 3 4 5; do sleep 0.3; echo $i; done';
const LIMIT_MS = 20_000;
const QUIET_MS = 7000;
/** The far end has been quiet for more than three seconds, and speaks half a second later. */
const JUMP_MS = 6800;
const OCTETS = 100_000_000;
const DOWNLOADS = 4;
const DOWNLOAD_JUMP_MS = 300;

function resynced(shim: ShimProcess): number {
  return (shim.status()['interventions'] as Record<string, number>)['resynced'] ?? 0;
}

/** Real ssh sessions, all settled when the firewall jumps: how many come to their end. */
async function sessions(lab: Lab, family: 4 | 6, shim: ShimProcess): Promise<number> {
  const said = 'for i in 1 2 3; do echo $i; sleep 0.1; done; echo all of it';
  const load = `head -c ${4 * LOAD_OCTETS} /dev/zero | tr '\\0' x; ${SETTLES}`;
  const command = `${load}; echo begun; sleep ${QUIET_MS / 1000}; ${said}`;
  const started = Array.from({ length: COUNT }, async (_, i) => {
    await pause(37 * i);
    return lab.ssh(family, command, [], LIMIT_MS);
  });
  await pause(JUMP_MS - 1000);
  expect(shim.status()['offloaded']).toBe(COUNT);
  const finished = await Promise.all(started);
  return finished.filter(({ stdout, exitCode }) => {
    return exitCode === 0 && stdout.endsWith('\n5\nbegun\n1\n2\n3\nall of it\n');
  }).length;
}

async function liveOn(jumps: Fault['jumps'], family: 4 | 6, drop: boolean): Promise<void> {
  await withLab(async (lab) => {
    if (drop) dropInvalid(lab);
    await withShim(lab, (shim) =>
      withFault(lab, { ...SCENARIO, jumpMs: JUMP_MS, jumps }, async () => {
        const ok = await sessions(lab, family, shim);
        expect(ok, `${jumps} ${JSON.stringify(shim.status())}`).toBe(COUNT);
        expect(resynced(shim)).toBe(COUNT);
      }),
    );
  });
}

describe('a jump under settled connections', () => {
  it('of one end or both, INVALID dropped or not: sessions live on', async () => {
    // What careful administrators drop as INVALID the near end never hears of.
    await Promise.all([
      liveOn('client', 6, false),
      liveOn('both', 4, true),
      liveOn('server', 4, false),
    ]);
  });

  it('of the client, with 100 MB on their way: most arrive, and what arrives is whole', async () => {
    await withLab((lab) =>
      withShim(lab, (shim) =>
        withFault(lab, { ...SCENARIO, jumpMs: DOWNLOAD_JUMP_MS, jumps: 'client' }, async () => {
          const all = await Promise.all(
            Array.from({ length: DOWNLOADS }, (_, i) =>
              bulk(lab, i % 2 === 0 ? 4 : 6, 'down', OCTETS, 0, LIMIT_MS),
            ),
          );
          // Where the acknowledgments cannot tell by how much the numbers moved, nothing is moved,
          // and the transfer hangs as it would without us.
          const whole = all.filter(({ ok }) => ok);
          const hung = all.filter(({ error }) => error?.startsWith('exit -1:'));
          console.log(`${whole.length} of ${DOWNLOADS} whole, ${resynced(shim)} moved`);
          expect(whole.length + hung.length).toBe(DOWNLOADS);
          expect(whole.length).toBeGreaterThan(0);
        }),
      ),
    );
  });
});
