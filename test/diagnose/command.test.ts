/** `seqshim diagnose` as a person runs it: the built command, its exit codes, its errors. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { rolldown } from 'rolldown';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HANDSHAKE, line } from './trace.ts';

const ROOT = join(import.meta.dirname, '../..');
const FIXTURES = join(ROOT, 'test/fixtures');
const JUMPBOX = join(FIXTURES, 'jumpbox-first-connection-reset.txt');
const SERVER_SIDE = join(FIXTURES, 'server-side-reset-and-offload.txt');
const SSH_DEBUG = join(FIXTURES, 'ssh-v-failing.txt');

/** Inside the project, so that the bundle finds the dependencies it leaves outside. */
let dir = '';

beforeAll(async () => {
  const cache = join(ROOT, 'node_modules/.cache');
  mkdirSync(cache, { recursive: true });
  dir = mkdtempSync(join(cache, 'diagnose-'));
  const bundle = await rolldown({
    input: { cli: join(ROOT, 'src/cli/main.ts') },
    platform: 'node',
    external: (id) => !id.startsWith('.') && !id.startsWith('/'),
    logLevel: 'silent',
  });
  await bundle.write({ dir, format: 'esm', entryFileNames: '[name].js' });
  await bundle.close();
}, 60_000);

afterAll(() => {
  if (dir !== '') rmSync(dir, { recursive: true, force: true });
});

function run(args: readonly string[], input = '') {
  const command = [join(dir, 'cli.js'), 'diagnose', ...args];
  const done = spawnSync(process.execPath, command, { input, encoding: 'utf8', timeout: 20_000 });
  return { code: done.status, out: done.stdout, err: done.stderr };
}

const HEALTHY = [
  ...HANDSHAKE,
  line(20, 's', '[P.], seq 1:22, ack 1, win 509, length 21'),
  line(20.1, 'c', '[.], ack 22, win 502, length 0'),
].join('\n');

describe('exit code', () => {
  it('1 with findings, and the report on standard output', () => {
    const { code, out, err } = run([JUMPBOX]);
    expect(code).toBe(1);
    expect(out).toContain('Two TCP end points answered one SYN');
    expect(err).toBe('');
  });

  it('0 when nothing is wrong', () => {
    const { code, out } = run(['-'], HEALTHY);
    expect(out).toContain('Nothing wrong found.');
    expect(code).toBe(0);
  });

  it('follows --fail-on', () => {
    expect(run([SERVER_SIDE, '--fail-on', 'warning']).code).toBe(1);
    expect(run([SERVER_SIDE, '--fail-on', 'error']).code).toBe(0);
    expect(run([JUMPBOX, '--fail-on', 'error']).code).toBe(1);
  });

  it('4 for ssh -v output that only met the failure, with the capture that shows the rest', () => {
    const { code, out, err } = run([SSH_DEBUG]);
    expect(code).toBe(4);
    expect(err).toBe('');
    expect(out).toContain("tcpdump -i any -e -n -vvv -S 'host fenix-storage and tcp port 22'");
  });

  it('1 for ssh -v output that says why it failed, 0 for one that did not fail', () => {
    expect(run([join(FIXTURES, 'ssh-debug/denied.txt')]).code).toBe(1);
    expect(run([join(FIXTURES, 'ssh-debug/session.txt')]).code).toBe(0);
  });

  it('4 when no connection is seen from its beginning', () => {
    const { code, out } = run(['-'], line(1, 'c', '[P.], seq 9:19, ack 900, win 5, length 10'));
    expect(code).toBe(4);
    expect(out).toContain('Not enough to judge');
  });

  it.each([
    ['no such file', ['/nonexistent/trace.txt'], ''],
    ['a directory', [FIXTURES], ''],
    ['something else', ['-'], 'once upon a midnight dreary\n'],
    ['nothing', ['-'], ''],
  ])('2 for %s, in one line', (_what, args, input) => {
    const { code, out, err } = run(args, input);
    expect(code).toBe(2);
    expect(out).toBe('');
    expect(err).toMatch(/^Cannot [^\n]+\n$/);
  });

  it('2 for a damaged capture', () => {
    const path = join(dir, 'damaged.pcap');
    writeFileSync(path, Buffer.from('d4c3b2a1', 'hex'));
    const { code, err } = run([path]);
    expect(code).toBe(2);
    expect(err).toMatch(/^Cannot [^\n]+\n$/);
  });
});

describe('--json', () => {
  it('is one object of schema 1 with everything', () => {
    const { code, out } = run([JUMPBOX, SERVER_SIDE, '--json']);
    expect(code).toBe(1);
    const report = JSON.parse(out);
    expect(report.schema).toBe(1);
    expect(report.inputs).toHaveLength(2);
    expect(report.flows).toHaveLength(2);
    expect(report.findings.map((finding: { code: string }) => finding.code)).toEqual([
      'synack-conflict',
      'rst-after-conflict',
      'rst-refuted',
      'rst-no-connection',
      'checksum-offload',
    ]);
    expect(report.hypotheses).toHaveLength(30);
    expect(report.sshAttempts).toEqual([]);
  });
});

it('a reader that has read enough is no bug', () => {
  const command = `'${process.execPath}' '${join(dir, 'cli.js')}' diagnose --json '${JUMPBOX}'`;
  const done = spawnSync('sh', ['-c', `${command} | true`], { encoding: 'utf8', timeout: 20_000 });
  expect(done.stderr).toBe('');
});

describe('--explain', () => {
  it('says what a suspect is, what it looks like, how it is ruled out, and the command', () => {
    const { code, out } = run(['--explain', 'maxstartups']);
    expect(code).toBe(0);
    expect(out).toMatch(/^maxstartups: MaxStartups, tcpwrappers, fail2ban\n/);
    for (const part of ['what it is: ', 'what it looks like: ', 'how it is ruled out: ']) {
      expect(out).toContain(part);
    }
    expect(out).toContain('    journalctl');
  });

  it.each([
    ['an unknown one', ['--explain', 'gremlins'], /^Cannot explain "gremlins": use one of mtu, /],
    ['none', ['--explain'], /^Say which suspect to explain, one of mtu, .*, mux\n$/],
  ])('lists them for %s, in one line, exit 2', (_what, args, message) => {
    const { code, out, err } = run(args);
    expect(code).toBe(2);
    expect(out).toBe('');
    expect(err).toMatch(message);
    expect(err.trimEnd().split('\n')).toHaveLength(1);
  });

  it('needs no file, and a file needs no suspect, but one of both', () => {
    const { code, err } = run([]);
    expect(code).toBe(2);
    expect(err).toMatch(/^Say what to read, for example: [^\n]+\n$/);
  });
});
