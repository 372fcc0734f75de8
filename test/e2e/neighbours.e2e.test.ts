/** Rules of others that come to a gateway after the start: it observes while they stand. Live. */
import { setTimeout as pause } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { scenarioByName } from '../../src/testbed/scenarios.ts';
import type { ShimProcess } from '../../src/testbed/shim-process.ts';
import { withFault, withLab, withShim } from './live-parts.ts';

const NEVER_MS = 60_000;
const NAT = ['POSTROUTING', '-o', 'g1', '-j', 'MASQUERADE'];

async function until(shim: ShimProcess, state: string): Promise<void> {
  for (let waited = 0; waited < NEVER_MS; waited += 500) {
    if (shim.status()['state'] === state) return;
    await pause(500);
  }
  expect(shim.status()).toMatchObject({ state });
}

it('NAT that comes later is told, nothing is changed under it, and repair comes back', async () => {
  await withLab(
    (lab) =>
      withShim(lab, (shim) =>
        withFault(lab, scenarioByName('first-connection-reset-BRD').fault, async () => {
          // The first look has been: from now on a change is one.
          await pause(16_000);
          lab.shimHost.call('iptables', ['-t', 'nat', '-A', ...NAT]);
          await until(shim, 'degraded');
          const [reason = ''] = shim.status()['reasons'] as string[];
          expect(reason).toMatch(/MASQUERADE.*Exempt the targets there/);
          const login = await lab.ssh(4, 'echo never');
          expect(login.exitCode).not.toBe(0);
          expect(shim.status()['interventions']).toEqual({});
          lab.shimHost.call('iptables', ['-t', 'nat', '-D', ...NAT]);
          await until(shim, 'ok');
          expect((await lab.ssh(4, 'echo saved')).stdout).toContain('saved');
          // How often depends on how long the login lasts: the second SYN-ACK comes again, and each
          // may be answered by a reset.
          const did = shim.status()['interventions'] as Record<string, number>;
          expect(did['synack-dropped']).toBeGreaterThan(0);
        }),
      ),
    { gateway: true },
  );
});
