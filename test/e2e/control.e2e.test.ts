/**
 * The control socket of a real run: whose it is, who may change something, what the log says of it;
 * and the metrics, `top` and `report` of one and the same run. Live.
 */
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { expect, it } from 'vitest';
import type { RepairReport } from '../../src/telemetry/repair-report.ts';
import { distFile } from '../../src/testbed/dist-file.ts';
import { type Lab, SSH_PORT } from '../../src/testbed/lab.ts';
import type { Finished } from '../../src/testbed/namespace.ts';
import { scenarioByName } from '../../src/testbed/scenarios.ts';
import { readExposition } from '../telemetry/exposition.ts';
import { withFault, withLab, withShim } from './live-parts.ts';

const STRANGER = 64_001;
const READING_GID = 64_002;
const CHANGING_GID = 64_003;
const PORT = 9469;
const READY_MS = 10_000;

/** Says one line to the socket, as whoever runs it. */
const CLIENT = `
  const socket = require('net').createConnection(process.argv[1]);
  socket.on('connect', () => socket.write(process.argv[2] + '\\n'));
  socket.on('error', (error) => console.log(JSON.stringify({ error: error.code })));
  socket.pipe(process.stdout);`;

async function askAs(
  lab: Lab,
  socket: string,
  op: string,
  groups: readonly number[],
): Promise<Record<string, unknown>> {
  const who = ['--reuid', STRANGER, '--regid', STRANGER];
  const others = groups.length === 0 ? ['--clear-groups'] : ['--groups', groups.join(',')];
  const client = [process.execPath, '-e', CLIENT, socket, JSON.stringify({ op })];
  const { stdout } = await lab.jumpbox.run(
    'setpriv',
    [...who, ...others, ...client].map(String),
    9000,
  );
  return JSON.parse(stdout) as Record<string, unknown>;
}

/** A run in a mount namespace of its own, where these groups exist; its log goes into a file. */
async function startWithGroups(
  lab: Lab,
): Promise<{ log: () => string; stop: () => Promise<void> }> {
  const groups = `root:x:0:\nseqshim:x:${READING_GID}:\nseqshim-admin:x:${CHANGING_GID}:\n`;
  writeFileSync(`${lab.dir}/group`, groups);
  const run = [process.execPath, distFile('cli.js'), 'run', '--target', '10.99.2.0/24'];
  const options = ['--port', String(SSH_PORT), '--state-dir', `${lab.dir}/run`, '--for', '10m'];
  // As systemd does it: the log's device and inode are told in the environment.
  const script = `mount --bind ${lab.dir}/group /etc/group && exec >${lab.dir}/log &&
    export JOURNAL_STREAM=$(stat -c %d:%i ${lab.dir}/log) && exec "$@"`;
  const args = ['-m', 'sh', '-c', script, 'sh', ...run, ...options];
  const child = lab.jumpbox.start('unshare', args, { stdio: ['ignore', 'ignore', 'inherit'] });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const log = () => readFileSync(`${lab.dir}/log`, 'utf8');
  for (let waited = 0; waited < READY_MS && child.exitCode === null; waited += 20) {
    await pause(20);
    try {
      if (log().includes('"msg":"ready"')) break;
    } catch {
      // not written yet
    }
  }
  return {
    log,
    stop: async () => {
      child.kill('SIGTERM');
      await ended;
    },
  };
}

it('the socket is its group’s; changes are for root and seqshim-admin, and are logged', async () => {
  await withLab(async (lab) => {
    const shim = await startWithGroups(lab);
    const socket = `${lab.dir}/run/control.sock`;
    try {
      expect([statSync(socket).mode & 0o777, statSync(socket).gid]).toEqual([0o660, READING_GID]);

      expect(await askAs(lab, socket, 'status', [])).toEqual({ error: 'EACCES' });
      expect(await askAs(lab, socket, 'status', [READING_GID])).toMatchObject({ schema: 1 });
      expect(await askAs(lab, socket, 'keep', [READING_GID])).toEqual({
        error: 'Cannot keep: only root and members of group seqshim-admin may. Run this as root',
      });
      const both = [READING_GID, CHANGING_GID];
      expect(await askAs(lab, socket, 'keep', both)).toEqual({ schema: 1, kept: true });

      const lines = shim.log().trim().split('\n');
      const audit = lines.filter((line) => line.includes('"msg":"audit"'));
      expect(audit.map((line) => line.slice(0, 3))).toEqual(['<4>', '<6>']);
      const [refused, done] = audit.map((line) => JSON.parse(line.slice(3)));
      const who = { uid: STRANGER, gid: STRANGER, pid: expect.any(Number), command: 'keep' };
      const old = expect.stringMatching(/^\d{4}-.*Z$/);
      expect(refused).toMatchObject({ ...who, allowed: false, old, new: null });
      expect(done).toMatchObject({ ...who, allowed: true, old, new: null });
      for (const line of lines) expect(line).toMatch(/^<[2-7]>\{"level":"\w+","time":"\d{4}-/);
    } finally {
      await shim.stop();
    }
  });
});

it('status, metrics, top and report say the same of one run', async () => {
  await withLab(async (lab) => {
    const file = `${lab.dir}/seqshim.prom`;
    const options = ['--metrics', String(PORT), '--metrics-file', file];
    const cli = (...args: string[]): Promise<Finished> => {
      const all = [distFile('cli.js'), ...args, '--state-dir', `${lab.dir}/run`];
      return lab.jumpbox.run(process.execPath, all, 15_000);
    };
    const report = async (...args: string[]) =>
      JSON.parse((await cli('report', '--json', ...args)).stdout) as RepairReport;

    await withShim(
      lab,
      async (shim) => {
        const quiet = await cli('report');
        expect([quiet.exitCode, quiet.stdout.includes('not enough evidence: none of')]).toEqual([
          4,
          true,
        ]);
        await withFault(lab, scenarioByName('phantom-synack-ws7').fault, async () => {
          expect((await lab.ssh(4, 'true')).exitCode).toBe(0);
        });
        const status = shim.status();
        const { findings, interventions } = status as Record<string, Record<string, number>>;
        expect(interventions).toHaveProperty('reanchored', 1);

        const fetched = `fetch('http://127.0.0.1:${PORT}/metrics').then((answer) => answer.text())`;
        const script = `${fetched}.then((text) => process.stdout.write(text))`;
        const text = lab.jumpbox.call(process.execPath, ['-e', script]);
        const samples = readExposition(text);
        for (const [kind, counts] of Object.entries({ findings, interventions })) {
          for (const [code, count] of Object.entries(counts ?? {})) {
            const labelled = samples.find(
              ({ name, labels }) => name === `seqshim_${kind}_total` && labels['code'] === code,
            );
            expect(labelled?.value, code).toBe(count);
          }
        }
        const plain = (name: string) => samples.find((sample) => sample.name === name)?.value;
        expect(plain('seqshim_packets_total')).toBe(status['packets']);
        expect(plain('seqshim_rules_installed')).toBe(1);
        expect(plain('seqshim_verdict_latency_seconds_count')).toBe(status['packets']);
        expect(readExposition(readFileSync(file, 'utf8')).length).toBeGreaterThan(50);

        const told = await report();
        expect(told).toMatchObject({ findings, interventions, verdict: 'needed', connections: 1 });
        expect(told.destinations).toMatchObject([
          { address: '10.99.2.2', port: 22, interventions: { reanchored: 1 }, verdict: 'needed' },
        ]);
        expect((await cli('report')).exitCode).toBe(1);

        const { exitCode, stdout } = await cli('top');
        expect(exitCode).toBe(0);
        expect(stdout).toMatch(/^did +reanchored +0\.0\/s +1$/m);
        expect(stdout).toMatch(/^ {2}[\d:]{8} reanchored 10\.99\.1\.1:\d+ > 10\.99\.2\.2:22$/m);
      },
      options,
    );
    expect(() => statSync(file)).toThrow();
    // What was repaired is known to the next run.
    await withShim(lab, async () => {
      expect(await report()).toMatchObject({ interventions: { reanchored: 1 }, verdict: 'needed' });
    });
    expect((await cli('report')).exitCode).toBe(3);
  });
});
