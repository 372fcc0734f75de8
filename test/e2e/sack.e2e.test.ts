/**
 * A firewall that renumbers and leaves SACK blocks as they were, 20 ms away and losing one packet
 * in a hundred: an upload crawls, and with seqshim it does not. Live. Times: ms.
 */
import { expect, it } from 'vitest';
import type { PathView } from '../../src/telemetry/path-view.ts';
import { distFile } from '../../src/testbed/dist-file.ts';
import type { Lab } from '../../src/testbed/lab.ts';
import { scenarioByName } from '../../src/testbed/scenarios.ts';
import { ShimProcess } from '../../src/testbed/shim-process.ts';
import { bulk, type Way } from './bulk.ts';
import { withFault, withLab, withShim } from './live-parts.ts';

const { fault } = scenarioByName('sack-blind-randomizer');
const BYTES = 8_000_000;
/** With SACK it takes half a second, without half a minute. */
const LIMIT_MS = 4000;

async function takes(lab: Lab, family: 4 | 6, way: Way): Promise<number> {
  const done = await bulk(lab, family, way, BYTES, 0, LIMIT_MS);
  return done.ok ? done.transferMs : Number.POSITIVE_INFINITY;
}

function discarded(lab: Lab): number {
  const line = lab.jumpbox.call('nstat', ['-az', 'TcpExtTCPSACKDiscard']);
  return Number(/TCPSACKDiscard\s+(\d+)/.exec(line)?.[1]);
}

it('an upload crawls without, and runs with the shim; the path is known from then on', async () => {
  await withLab((lab) =>
    withFault(lab, fault, async () => {
      const before = discarded(lab);
      expect(await takes(lab, 4, 'up'), 'without the shim').toBe(Number.POSITIVE_INFINITY);
      expect(discarded(lab)).toBeGreaterThan(before);
      await withShim(lab, async (shim) => {
        for (const family of [4, 6] as const) {
          expect(await takes(lab, family, 'up'), `IPv${family}`).toBeLessThan(LIMIT_MS);
        }
        const { interventions, findings } = shim.status();
        expect(findings).toEqual({ 'sack-out-of-window': 2 });
        expect(Object.keys(interventions as object)).toEqual(['sack-repaired', 'sack-withheld']);
        const args = [distFile('cli.js'), 'paths', '--json', '--state-dir', shim.runDir];
        const { paths } = JSON.parse(lab.jumpbox.call(process.execPath, args)) as {
          paths: PathView[];
        };
        expect(paths.flatMap((path) => path.facts.map(({ fact }) => fact))).toEqual([
          'sack-blind',
          'sack-blind',
        ]);
        // What the far end makes of our own blocks cannot be learned here: neither end uses any.
        expect((await lab.ssh(4, 'true')).exitCode).toBe(0);
        await bulk(lab, 4, 'down', 1000);
        // One connection, and as many SYNs as the loss of one in a hundred made of it.
        const stripped = shim.events('sack-stripped').map(({ flow }) => flow);
        expect(stripped.length).toBeGreaterThanOrEqual(1);
        expect(new Set(stripped).size).toBe(1);
      });
    }),
  );
});

it('with a shim at each end both directions run', async () => {
  await withLab((lab) =>
    withFault(lab, fault, async () => {
      const args = ['--sack', 'repair'];
      const other = await ShimProcess.atServer(lab, args);
      await withShim(
        lab,
        async (shim) => {
          for (const way of ['up', 'down'] as const) {
            expect(await takes(lab, 4, way), way).toBeLessThan(LIMIT_MS);
          }
          // Once a connection. A few octets that come twice are a reason as well as a transfer.
          for (const end of [shim, other]) {
            const flows = end.events('sack-calibrated').map(({ flow }) => flow);
            expect(flows.length).toBeGreaterThanOrEqual(1);
            expect(new Set(flows).size).toBe(flows.length);
          }
        },
        args,
      );
      await other.stop();
    }),
  );
});
