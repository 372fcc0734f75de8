/** What was learned of a destination survives the shim, is shown, and can be forgotten. Live. */
import { writeFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import type { PathView } from '../../src/telemetry/path-view.ts';
import { distFile } from '../../src/testbed/dist-file.ts';
import { ADDRESS, type Lab } from '../../src/testbed/lab.ts';
import { scenarioByName } from '../../src/testbed/scenarios.ts';
import { withFault, withLab, withShim } from './live-parts.ts';

const SERVER = ADDRESS[4].server;

async function paths(lab: Lab, ...extra: string[]): Promise<{ exitCode: number; stdout: string }> {
  const args = [distFile('cli.js'), 'paths', '--state-dir', `${lab.dir}/run`, ...extra];
  return lab.jumpbox.run(process.execPath, args, 10_000);
}

async function known(lab: Lab): Promise<readonly PathView[]> {
  return (JSON.parse((await paths(lab, '--json')).stdout) as { paths: PathView[] }).paths;
}

it('a phantom is known to the next run, until it is forgotten', async () => {
  await withLab(async (lab) => {
    await withShim(lab, () =>
      withFault(lab, scenarioByName('phantom-synack-ws7').fault, async () => {
        expect(await known(lab)).toEqual([]);
        expect((await lab.ssh(4, 'true')).exitCode).toBe(0);
        expect(await known(lab)).toMatchObject([{ address: SERVER, port: 22 }]);
      }),
    );
    await withShim(lab, async () => {
      const [path] = await known(lab);
      expect(path).toMatchObject({ address: SERVER, port: 22 });
      expect(path?.facts.map(({ fact }) => fact)).toEqual(['faulty', 'phantom']);
      expect((await paths(lab)).stdout).toMatch(/^10\.99\.2\.2:22 {2}faulty \(1 times, .*phantom/);
      expect((await paths(lab, '--forget', `${SERVER}:23`)).exitCode).toBe(1);
      expect((await paths(lab, '--forget', SERVER)).exitCode).toBe(0);
      // The packet thread takes it from its inbox within a tick.
      for (let i = 0; i < 20 && (await known(lab)).length > 0; i++);
      expect(await known(lab)).toEqual([]);
    });
    writeFileSync(`${lab.dir}/run/paths.json`, 'not ours');
    await withShim(lab, async (shim) => {
      const said = shim.lines().filter(({ msg }) => msg.startsWith('path profiles'));
      expect(said.length).toBe(1);
      expect(await known(lab)).toEqual([]);
    });
  });
});
