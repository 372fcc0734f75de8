/**
 * `seqshim probe` against real servers through the faulty firewall: what it sees, what it says of
 * it, and that a shim beside it has no part in that. Live. Labs stand side by side.
 */
import { describe, expect, it } from 'vitest';
import type { Fault } from '../../src/testbed/firewall/fault.ts';
import { distFile } from '../../src/testbed/dist-file.ts';
import { ADDRESS, type Lab } from '../../src/testbed/lab.ts';
import { scenarioByName } from '../../src/testbed/scenarios.ts';
import { withFault, withLab, withShim } from './live-parts.ts';

const SERVER = ADDRESS[4].server;
const TIMEOUT_MS = 40_000;

interface Probed {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly codes: readonly string[];
  // biome-ignore lint/suspicious/noExplicitAny: JSON as it came
  readonly json: any;
}

async function probe(lab: Lab, target: string, ...options: string[]): Promise<Probed> {
  const args = [distFile('cli.js'), 'probe', target, '--json', ...options];
  const run = ['--state-dir', `${lab.dir}/run`, '--no-config'];
  const done = await lab.jumpbox.run(process.execPath, [...args, ...run], TIMEOUT_MS);
  const { exitCode, stdout, stderr } = done;
  const json = stdout === '' ? undefined : JSON.parse(stdout);
  const findings: { code: string; severity: string }[] = json?.findings ?? [];
  const faults = findings.filter(({ severity }) => severity !== 'note');
  return { exitCode, stdout, stderr, codes: [...new Set(faults.map(({ code }) => code))], json };
}

const ssh = `${SERVER}:22`;
const fault = (name: string): Partial<Fault> => scenarioByName(name).fault;

describe.concurrent('seqshim probe', () => {
  it('a healthy path: every attempt is greeted, nothing is found', async ({ expect }) => {
    await withLab(async (lab) => {
      const { exitCode, json, stderr, stdout } = await probe(lab, ssh);
      expect(stderr).toMatch(/^probing 10\.99\.2\.2:22 .* at most \d+ s\n {2}1\/5 /);
      expect(json.findings, stdout).toEqual([]);
      expect(json.probe.without).toMatchObject({ ok: 5, count: 5 });
      expect(json.probe.attempts[0].greeting).toMatch(/^SSH-2\.0-/);
      expect(json.flows.map((flow: { packets: number }) => flow.packets > 5)).toEqual(
        Array(5).fill(true),
      );
      expect(exitCode).toBe(0);
    });
  });
});
