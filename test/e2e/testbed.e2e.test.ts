/**
 * `seqshim testbed` as a program: a fast subset of the matrix (the scenarios named in SUBSET, each
 * without and with the shim), `shell` until Ctrl-C, and what is left behind: nothing. The whole
 * matrix takes minutes: `seqshim testbed matrix`.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, describe, expect, it } from 'vitest';
import { distFile } from '../../src/testbed/dist-file.ts';
import { removeAbandoned } from '../../src/testbed/lab.ts';
import { call, collect } from '../../src/testbed/namespace.ts';

const SUBSET = [
  'first-connection-reset',
  'ansible-fleet',
  'forged-reset',
  'reset-in-window',
] as const;
const CLI = distFile('cli.js');
const READY_MS = 20_000;
const dir = mkdtempSync(join(tmpdir(), 'seqshim-testbed-'));

afterAll(() => rmSync(dir, { recursive: true, force: true }));

function testbed(args: readonly string[]): ChildProcess {
  return spawn(process.execPath, [CLI, 'testbed', ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
}

async function finished(child: ChildProcess) {
  const output = collect(child);
  const [exitCode] = (await once(child, 'close')) as [number | null];
  return { exitCode, ...output };
}

/** Namespaces are named after the pid of their owner. */
function namespacesOf(child: ChildProcess): string[] {
  const names = call('ip', ['netns', 'list']).split('\n');
  return names.filter((name) => name.startsWith(`ssl${child.pid}-`));
}

describe('seqshim testbed run', () => {
  it('plays without and with the shim, as expected, with captures, JSON and a page', async () => {
    const page = join(dir, 'page.html');
    const child = testbed(['run', ...SUBSET, '--json', '--html', page, '--pcap', dir]);
    const { exitCode, stdout, stderr } = await finished(child);
    expect([exitCode, stderr]).toEqual([0, '']);
    const { schema, asExpected, scenarios } = JSON.parse(stdout) as {
      schema: number;
      asExpected: boolean;
      scenarios: readonly { name: string; interventions: object }[];
    };
    expect([schema, asExpected]).toEqual([1, true]);
    expect(scenarios.map(({ name }) => name)).toEqual(SUBSET);
    expect(scenarios[0]?.interventions).toHaveProperty('rst-dropped');
    const captures = readdirSync(dir).filter((name) => name.endsWith('.pcap'));
    expect(captures).toHaveLength(2 * SUBSET.length);
    expect(statSync(page).mode & 0o777).toBe(0o600);
    expect(readFileSync(page, 'utf8')).toContain('Ladder: packets between');
    expect(namespacesOf(child)).toEqual([]);
  });

  it('says that something is not as expected, and exits 1', async () => {
    const file = join(dir, 'wrong.toml');
    const source = [
      'name = "wrong"',
      'about = "x"',
      'source = "x"',
      '[[workload]]',
      'kind = "echo"',
    ];
    writeFileSync(file, [...source, 'attempts = 1', 'without = { success = 0 }'].join('\n'));
    const { exitCode, stdout } = await finished(testbed(['run', file, '--without-shim']));
    expect(stdout).toContain('NOT AS EXPECTED without shim: success is 100 %, expected 0 %');
    expect(exitCode).toBe(1);
  });

  it('without the rights to make namespaces is one line, and 4', () => {
    const drop = ['--bounding-set=-sys_admin', '--inh-caps=-sys_admin'];
    const args = [...drop, process.execPath, CLI, 'testbed', 'run', 'healthy'];
    const { status, stdout, stderr } = spawnSync('setpriv', args, { encoding: 'utf8' });
    expect({ status, stdout, stderr }).toEqual({
      status: 4,
      stdout: '',
      stderr: 'Cannot build a testbed: CAP_SYS_ADMIN is missing. Run this as root (sudo)\n',
    });
  });
});

describe('what only one scenario needs', () => {
  it('is asked for by that one alone: a line, and 4', () => {
    const bin = join(dir, 'bin');
    mkdirSync(bin);
    for (const program of ['ip', 'iptables', 'sysctl', 'ssh', 'iperf3', 'tcpdump']) {
      symlinkSync(call('sh', ['-c', `command -v ${program}`]).trim(), join(bin, program));
    }
    const env = { ...process.env, PATH: bin };
    const args = [CLI, 'testbed', 'run', 'ansible-fleet'];
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { env, encoding: 'utf8' });
    expect({ status, stdout, stderr }).toEqual({
      status: 4,
      stdout: '',
      stderr: 'Cannot build a testbed: ansible not found. Install them: apt install ansible-core\n',
    });
  });
});

describe('seqshim testbed shell', () => {
  it('leaves the lab up, says how to enter it, and takes it down on Ctrl-C', async () => {
    const child = testbed(['shell', 'phantom-synack']);
    const output = collect(child);
    for (let waited = 0; waited < READY_MS; waited += 50) {
      if (output.stdout.includes('The shim:')) break;
      await pause(50);
    }
    const names = namespacesOf(child);
    expect(names).toHaveLength(3);
    for (const name of names) {
      expect(output.stdout).toContain(`ip netns exec ${name.split(' ')[0]} bash`);
    }
    const [, login = ''] = /A login:\n +(.+)/.exec(output.stdout) ?? [];
    const key = /IdentityFile=(\S+)\/user/.exec(login)?.[1] ?? '';
    expect(existsSync(key)).toBe(true);
    child.kill('SIGINT');
    const [exitCode] = (await once(child, 'close')) as [number | null];
    expect([exitCode, output.stderr]).toEqual([0, '']);
    expect(namespacesOf(child)).toEqual([]);
    expect(existsSync(key)).toBe(false);
  });

  it('interrupted while it is playing it leaves nothing behind either', async () => {
    const child = testbed(['run', 'idle-drop']);
    for (let waited = 0; waited < READY_MS && namespacesOf(child).length < 3; waited += 50) {
      await pause(50);
    }
    child.kill('SIGINT');
    const [exitCode] = (await once(child, 'close')) as [number | null];
    expect(exitCode).toBe(130);
    expect(namespacesOf(child)).toEqual([]);
  });

  it('killed it leaves what the next one takes away', async () => {
    const child = testbed(['shell', 'healthy']);
    const files = () => readdirSync(tmpdir()).filter((name) => name.includes(`lab-${child.pid}-`));
    for (let waited = 0; waited < READY_MS && namespacesOf(child).length < 3; waited += 50) {
      await pause(50);
    }
    child.kill('SIGKILL');
    await once(child, 'close');
    expect([namespacesOf(child).length, files().length]).toEqual([3, 1]);
    removeAbandoned();
    expect([namespacesOf(child), files()]).toEqual([[], []]);
  });
});
