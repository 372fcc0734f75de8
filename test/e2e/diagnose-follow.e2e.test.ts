/**
 * `tcpdump -U -w - | seqshim diagnose --follow -` on a live login that a firewall breaks: the
 * finding is told while tcpdump still runs, the report when it ends. Live. Times: ms.
 */
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { distFile } from '../../src/testbed/dist-file.ts';
import type { Lab } from '../../src/testbed/lab.ts';
import { collect } from '../../src/testbed/namespace.ts';
import { attemptOnce } from '../../src/testbed/runner.ts';
import { scenarioByName } from '../../src/testbed/scenarios.ts';
import { withFault, withLab } from './live-parts.ts';

const READY_MS = 10_000;
const SAYS_MS = 8000;
const LOGIN_S = 4;

/** In a process group of its own, as from a terminal: Ctrl-C reaches both programs. */
async function following(lab: Lab, dir: string) {
  const log = join(dir, 'tcpdump.log');
  const tcpdump = 'tcpdump -i c0 -U --immediate-mode -n -Z root -w - tcp';
  const seqshim = `"${process.execPath}" "${distFile('cli.js')}" diagnose --follow - --json`;
  const script = `trap : INT; ${tcpdump} 2>"${log}" | ${seqshim}`;
  const child = lab.jumpbox.start('sh', ['-c', script], { detached: true });
  const output = collect(child);
  const ready = () => existsSync(log) && readFileSync(log, 'utf8').includes('listening on');
  for (let waited = 0; waited < READY_MS && !ready(); waited += 20) await pause(20);
  const ctrlC = () => process.kill(-(child.pid ?? Number.NaN), 'SIGINT');
  return { child, output, ctrlC };
}

it('a finding is told while the capture goes on, and the report ends it', async () => {
  await withLab(async (lab) => {
    const { child, output, ctrlC } = await following(lab, lab.dir);
    const { fault, attempt } = scenarioByName('first-connection-reset-BRD');
    await withFault(lab, fault, async () => {
      await attemptOnce(lab, 4, attempt, LOGIN_S);
      for (let waited = 0; waited < SAYS_MS && output.stdout === ''; waited += 50) await pause(50);
    });
    expect(child.exitCode).toBe(null);
    const [first = ''] = output.stdout.split('\n');
    expect(JSON.parse(first)).toMatchObject({ event: 'finding', server: '10.99.2.2' });
    ctrlC();
    const [code] = (await once(child, 'close')) as [number];
    expect(output.stderr).toBe('');
    expect(code).toBe(1);
    const lines = output.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    const faults = (some: readonly { severity: string; code: string }[]) =>
      some.filter(({ severity }) => severity !== 'note').map(({ code }) => code);
    const told = faults(lines.slice(0, -1));
    expect(told).toEqual(expect.arrayContaining(['synack-conflict', 'rst-refuted']));
    expect(told.sort()).toEqual(faults(lines.at(-1).findings).sort());
  });
});
