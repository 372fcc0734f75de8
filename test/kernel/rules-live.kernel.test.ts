/**
 * The running shim beside rules that could send a packet round in circles: NF_REPEAT lets the rules
 * behind our jump run, and must end whatever stands before it. Needs root and dist/.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { FAR, Lab, type Program } from './nfqueue-lab.ts';

const CLI = fileURLToPath(new URL('../../dist/cli.js', import.meta.url));
/** Handshake, five echoes, close: about twenty packets. A circle makes thousands. */
const PACKETS_MAX = 200;
const TARGETS = ['--target', '10.91.0.0/24'];

let lab: Lab;
let stateDir = '';

beforeEach(async () => {
  lab = new Lab('rl');
  stateDir = mkdtempSync(join(tmpdir(), 'seqshim-live-'));
  const code = `require('net').createServer((s) => s.pipe(s)).listen(22, '::', () =>
    console.log('listening'))`;
  await lab.start(lab.far, process.execPath, '-e', code).line('listening');
});

afterEach(() => {
  lab.close();
  rmSync(stateDir, { recursive: true, force: true });
});

async function shim(...args: readonly string[]): Promise<Program> {
  const command = [process.execPath, CLI, 'run', '--state-dir', stateDir, '--log-format', 'json'];
  const program = lab.start(lab.near, ...command, ...args);
  await until(() => `${program.lines.join('\n')}${program.errors}`.includes('"ready"'));
  return program;
}

/** Five echoes over each of so many connections at once: do all work? */
function echoes(host: string, connections = 1): boolean {
  const code = `let open = ${connections}; for (let i = 0; i < ${connections}; i++) {
    const s = require('net').connect({host: '${host}', port: 22}); let n = 0;
    s.on('connect', () => s.write('x'));
    s.on('close', () => n === 5 ? --open || process.exit(0) : process.exit(1));
    s.on('data', () => ++n < 5 ? s.write('x') : s.end()); }
    setTimeout(() => process.exit(2), 3000)`;
  return spawnSync('ip', ['netns', 'exec', lab.near, process.execPath, '-e', code]).status === 0;
}

function packets(): number {
  const command = [process.execPath, CLI, 'status', '--json', '--state-dir', stateDir];
  // A degraded state is an exit code, not a failure of the question.
  const { stdout } = spawnSync('ip', ['netns', 'exec', lab.near, ...command], { encoding: 'utf8' });
  return (JSON.parse(stdout) as { packets: number }).packets;
}

async function stop(program: Program): Promise<void> {
  const down = [process.execPath, CLI, 'down', '--state-dir', stateDir];
  lab.inNear(...down);
  expect(await program.exit()).toBe(0);
  expect(lab.inNear('iptables-save') + lab.inNear('ip6tables-save')).not.toContain('SEQSHIM');
}

function mangle(...rule: readonly string[]): void {
  for (const command of ['iptables', 'ip6tables']) lab.inNear(command, '-t', 'mangle', ...rule);
}

/** Rules that set whole marks: ours is gone when a packet comes round to them. */
function eraseMarks(how: '-A' | '-I'): void {
  mangle(how, 'POSTROUTING', '-j', 'MARK', '--set-mark', '0x1');
  mangle(how, 'INPUT', '-j', 'CONNMARK', '--restore-mark');
}

async function check(
  args: readonly string[],
  meanwhile: () => void = () => {},
  connections = 1,
): Promise<void> {
  const program = await shim(...args, '--inspect', 'full');
  meanwhile();
  expect(echoes(FAR, connections)).toBe(true);
  expect(packets()).toBeGreaterThan(10 * connections);
  expect(packets()).toBeLessThan(PACKETS_MAX * connections);
  await stop(program);
}

test('targets that overlap', async () => {
  await check([...TARGETS, '--target', FAR, '--target', 'all', '--direction', 'both']);
});

test('a mark set before ours, from the start', async () => {
  eraseMarks('-A');
  await check(TARGETS);
});

test('a mark set before ours, while it runs', async () => {
  await check([...TARGETS, '--target', 'fd91::/64'], () => {
    eraseMarks('-I');
    expect(echoes('fd91::2')).toBe(true);
  });
});

test('a mark set before ours sends none of many packets at once round for ever', async () => {
  await check(TARGETS, () => eraseMarks('-I'), 300);
});

test('rules behind ours see every packet once, without a mark of ours', async () => {
  await check(TARGETS, () => {
    mangle('-A', 'POSTROUTING', '-p', 'tcp', '-m', 'mark', '--mark', '0x0');
    mangle('-A', 'POSTROUTING', '-p', 'tcp', '-m', 'mark', '!', '--mark', '0x0', '-j', 'DROP');
    mangle('-A', 'INPUT', '-p', 'tcp', '-m', 'mark', '!', '--mark', '0x0', '-j', 'DROP');
    mangle('-A', 'POSTROUTING', '-p', 'tcp', '-j', 'DSCP', '--set-dscp', '10');
    const far = ['netns', 'exec', lab.far, 'iptables', '-A', 'INPUT', '-p', 'tcp', '-m', 'dscp'];
    spawnSync('ip', [...far, '!', '--dscp', '10', '-j', 'DROP']);
  });
  const counted = lab.inNear('iptables', '-t', 'mangle', '-nvxL', 'POSTROUTING');
  const seen = Number(/^\s*(\d+).*mark match 0x0\b/m.exec(counted)?.[1]);
  const marked = Number(/^\s*(\d+).*DSCP set 0x0a/m.exec(counted)?.[1]);
  expect(seen).toBeGreaterThan(5);
  expect(marked).toBe(seen);
});

async function until(claim: () => boolean, timeoutMs = 10_000): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!claim()) {
    if (Date.now() > deadline) throw new Error(`still not so: ${claim}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
