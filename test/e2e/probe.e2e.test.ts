/**
 * `seqshim probe` against real servers through the faulty firewall: what it sees, what it says of
 * it, and that a shim beside it has no part in that. Live. Labs stand side by side.
 */
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { describe, type ExpectStatic, it } from 'vitest';
import { bareCommands } from '../../src/datapath/probe/bare-rule.ts';
import { distFile } from '../../src/testbed/dist-file.ts';
import type { FaultyPath } from '../../src/testbed/faulty-path.ts';
import type { Fault } from '../../src/testbed/firewall/fault.ts';
import { ADDRESS, type Lab } from '../../src/testbed/lab.ts';
import { collect } from '../../src/testbed/namespace.ts';
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
  it('nothing is wrong, and the ways in which nobody answers', async ({ expect }) => {
    await withLab(async (lab) => {
      const { exitCode, json, stderr, stdout } = await probe(lab, ssh, '--count', '2');
      expect(stderr).toMatch(/^probing 10\.99\.2\.2:22 .* at most \d+ s\n {2}1\/2 /);
      expect(json.findings, stdout).toEqual([]);
      expect(json.probe.without).toMatchObject({ ok: 2, count: 2 });
      expect(json.probe.attempts[0].greeting).toMatch(/^SSH-2\.0-/);
      expect(json.probe.attempts.map((one: { flow: number }) => one.flow)).toEqual([1, 2]);
      expect([exitCode, json.inputs[0].enough]).toEqual([0, true]);
      expect(json.probe.sack, stdout).toMatchObject({ verdict: 'intact', certainty: 'proven' });
      expect(json.probe.portReuse).toMatchObject({ verdict: 'works' });
      expect(json.probe.handshake).toMatchObject({ absent: [], ttls: [63] });

      await interrupted(lab, expect);
      await reflecting(lab, async (target) => {
        const both = await probe(lab, target, '--count', '1');
        expect([both.exitCode, both.codes], both.stdout).toEqual([0, []]);
        expect(both.json.probe.reflect.flows).toMatchObject([
          { rewritten: false, clientOffset: 0, matchedBy: 'addresses' },
        ]);
        expect(both.json.probe.sack.verdict).toBe('intact');
      });
      const closed = await probe(lab, `${SERVER}:9`, '--count', '1');
      expect([closed.exitCode, closed.codes]).toEqual([1, ['connection-refused']]);
      expect(closed.json.probe.attempts[0].outcome).toBe('refused');
      lab.firewall.call('iptables', ['-I', 'FORWARD', '-p', 'tcp', '--dport', '22', '-j', 'DROP']);
      const blocked = await probe(lab, ssh, '--count', '1');
      expect([blocked.exitCode, blocked.codes]).toEqual([1, ['syn-unanswered']]);
      const alone = await probe(lab, ssh, '--compare');
      expect([alone.exitCode, alone.stderr]).toEqual([
        3,
        'Cannot compare: no shim is running here. Start it with seqshim run, or leave out --compare\n',
      ]);
      lab.jumpbox.call('ip', ['route', 'del', 'default']);
      const powers = ['--bounding-set', '-net_raw', '--inh-caps', '-net_raw'];
      const command = [process.execPath, distFile('cli.js'), 'probe', ssh, '--no-config'];
      const weak = await lab.jumpbox.run('setpriv', [...powers, ...command], TIMEOUT_MS);
      expect([weak.exitCode, weak.stdout, weak.stderr]).toEqual([
        4,
        '',
        'Cannot probe: CAP_NET_RAW is missing. Run this as root (sudo)\n',
      ]);
      const nowhere = await probe(lab, ssh);
      expect(nowhere.exitCode).toBe(4);
      expect(nowhere.stderr).toContain('there is no route to 10.99.2.2\n');
    });
  });

  it('two end points: their findings, and --compare with a shim', async ({ expect }) => {
    await withLab(async (lab) => {
      await withFault(lab, fault('first-connection-reset-BRD'), async () => {
        const target = `[${ADDRESS[6].server}]:22`;
        const { exitCode, codes, json } = await probe(lab, target, '--count', '1');
        expect(exitCode).toBe(1);
        expect(codes).toEqual(['synack-conflict', 'rst-after-conflict', 'rst-refuted']);
        expect(json.probe.attempts[0]).toMatchObject({ outcome: 'reset', error: 'ECONNRESET' });
        const suspects = json.hypotheses.map((one: { id: string }) => one.id);
        expect(suspects).toContain('isn-randomization');
      });
      await withFault(lab, { offsets: true, sackBlind: true }, async () => {
        await reflecting(lab, async (target) => {
          const { exitCode, codes, json, stdout } = await probe(lab, target, '--count', '1');
          const { sack, reflect } = json.probe;
          expect(sack, stdout).toMatchObject({ verdict: 'shifted', certainty: 'proven' });
          expect([exitCode, codes]).toEqual([1, ['sack-out-of-window']]);
          const [flow] = reflect.flows;
          expect(flow.rewritten).toBe(true);
          // What the far end saw is what the calibration had worked out from this end alone.
          expect(flow.clientOffset).toBe(sack.offset);
        });
      });
      await withFault(lab, fault('double-endpoint'), async () => {
        await withShim(lab, async () => {
          const other = await probe(lab, `${SERVER}:9`, '--compare', '--count', '1');
          expect(other.exitCode).toBe(2);
          expect(other.stderr).toMatch(/does not look after 10\.99\.2\.2:9; its targets are/);
          const { exitCode, json, stderr } = await probe(lab, ssh, '--compare', '--count', '2');
          expect(json.probe.without).toMatchObject({ ok: 0, count: 2 });
          expect(json.probe.with, stderr).toMatchObject({ ok: 2, count: 2 });
          expect(exitCode).toBe(1);
        });
      });
    });
  });

  it('--idle: between which silences the firewall forgets', async ({ expect }) => {
    await withLab(async (lab) => {
      await withFault(lab, { forgetsMs: 3500 }, async () => {
        const { exitCode, codes, json, stderr } = await probe(
          lab,
          ssh,
          '--count',
          '1',
          '--idle',
          '8s',
        );
        expect(json.probe.idle, stderr).toMatchObject({ verdict: 'forgets', aliveS: 3, deadS: 4 });
        expect([exitCode, codes]).toEqual([1, ['idle-drop']]);
      });
      const well = await probe(lab, `${SERVER}:7`, '--count', '1', '--idle', '2s');
      expect(well.json.probe.idle).toMatchObject({ verdict: 'not-within', aliveS: 2, deadS: null });
      expect([well.exitCode, well.codes]).toEqual([0, []]);
    });
  });

  it('beside a shim: it still sees the bare path, and the shim sees nothing', async ({
    expect,
  }) => {
    await withLab(async (lab) => {
      await withFault(lab, fault('forged-reset-idle'), async (path) => {
        await withShim(lab, async (shim) => {
          const { packets, pid } = shim.status();
          const { exitCode, codes, json } = await forging(path, () =>
            probe(lab, `${SERVER}:7`, '--count', '1'),
          );
          expect([exitCode, codes, json.probe.shimPid]).toEqual([1, ['rst-foreign'], pid]);
          expect(json.probe.attempts[0]).toMatchObject({ outcome: 'reset', ok: false });
          expect(shim.status()['packets']).toBe(packets);
          await killed(lab, expect);
        });
      });
    });
  });
});

/** Ctrl-C gives what was seen until then. */
async function interrupted(lab: Lab, expect: ExpectStatic): Promise<void> {
  const args = [distFile('cli.js'), 'probe', ssh, '--count', '20', '--no-config'];
  const child = lab.jumpbox.start(process.execPath, args);
  const output = collect(child);
  while (!output.stderr.includes(' 1/20')) await pause(20);
  child.kill('SIGINT');
  const [exitCode] = await once(child, 'close');
  expect(exitCode).toBe(0);
  expect(output.stdout).toContain('interrupted: this is what was seen until then');
  expect(output.stdout).toMatch(/first line: (\d)\/\1 \(p50/);
}

/** Nothing stays of a probe that is killed, nor of rules that nft is told. */
async function killed(lab: Lab, expect: ExpectStatic): Promise<void> {
  const rules = () => lab.jumpbox.call('sh', ['-c', 'iptables-save; nft list ruleset']);
  expect(rules()).not.toContain('seqshim-probe');
  const args = [distFile('cli.js'), 'probe', ssh, '--state-dir', `${lab.dir}/run`, '--no-config'];
  const child = lab.jumpbox.start(process.execPath, args);
  while (!rules().includes('seqshim-probe')) await pause(20);
  child.kill('SIGKILL');
  while (rules().includes('seqshim-probe')) await pause(20);

  const ports = { farPort: 22, nearPortFirst: 40_000, nearPortLast: 40_004 };
  for (const family of [4, 6] as const) {
    const watched = { family, farAddr: ADDRESS[family].server, ...ports };
    const { program, add, remove } = bareCommands('nft', watched, 0x2000, 1);
    const [file = '', ...options] = program;
    lab.jumpbox.call(file, options, add);
    expect(rules()).toMatch(/tcp sport 22 tcp dport 40000-40004 (meta mark set|counter|ct)/);
    lab.jumpbox.call(file, options, remove);
    expect(rules()).not.toContain('seqshim-probe');
  }
}

/** Somebody resets the connection that the work opens. */
async function forging<T>(path: FaultyPath, work: () => Promise<T>): Promise<T> {
  const forge = () => path.tell({ do: 'forge', ttl: 200, distance: 0 });
  const working = work();
  while ((await forge()) === 0) await pause(50);
  // The first may have met a handshake; the server says nothing for longer than this.
  await pause(300);
  await forge();
  return working;
}

/** With a reflector on the server. */
async function reflecting(lab: Lab, work: (target: string) => Promise<void>): Promise<void> {
  const args = [distFile('cli.js'), 'reflect', '--port', '4022'];
  const child = lab.server.start(process.execPath, args);
  const output = collect(child);
  while (!output.stdout.includes('reflecting on :: port 4022')) await pause(20);
  await work(`${SERVER}:4022`);
  child.kill('SIGINT');
  const [exitCode] = await once(child, 'close');
  if (exitCode !== 0) throw new Error(`reflect failed: ${output.stderr}`);
}
