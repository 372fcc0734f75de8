/** What an operator can type wrongly: one line on stderr, nothing on stdout, an exit code. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { expectOneLine } from '../config/operator-error.ts';
import { CLI, runCli, runNode } from './cli-run.ts';

const dir = mkdtempSync(join(tmpdir(), 'seqshim-cli-'));
afterAll(() => rmSync(dir, { recursive: true }));

const TARGET = ['--target', '10.0.0.0/8'];

describe('a command line that is wrong', () => {
  it.each<[why: string, args: string[], line: RegExp]>([
    ['no command', [], /^Say what to do, for example: /],
    ['unknown command', ['fly'], /^Unknown argument: fly\. Try: seqshim --help$/],
    ['unknown option', ['rules', ...TARGET, '--fast'], /^Unknown argument: fast/],
    ['surplus word', ['status', 'now'], /^Unknown argument: now/],
    ['no port', ['probe', '10.0.0.7'], /^Cannot probe "10\.0\.0\.7": write HOST:PORT, for example/],
    [
      'count',
      ['probe', '10.0.0.7:22', '--count', '0'],
      /^Cannot use --count "0": it must be from 1/,
    ],
    ['no file', ['diagnose'], /^Say what to read, for example: /],
    ['no value', ['rules', ...TARGET, '--mode'], /^Not enough arguments following: mode/],
    ['empty value', ['rules', '--target='], /^Not enough arguments following: target/],
    ['choice of yargs', ['rules', ...TARGET, '--format', 'pf'], /Argument: format, Given: "pf"/],
    ['no target', ['rules'], /^Cannot start: no target\. Name the servers/],
    ['choice of ours', ['rules', ...TARGET, '--mode', 'on'], /^Cannot use --mode "on": it must be/],
    ['no- before a value', ['rules', '--no-target'], /^Cannot use --no-target: leave it out/],
    ['config missing', ['run', '--config', '/nonexistent'], /^Cannot read config .*ENOENT/],
    [
      'duration',
      ['rules', ...TARGET, '--for', 'soon'],
      /^Cannot read --for "soon": write a number/,
    ],
  ])('%s: exit 2', async (_why, args, line) => {
    const { exitCode, stdout, stderr } = await runCli(...args);
    expect([exitCode, stdout]).toEqual([2, '']);
    expect(stderr.trimEnd()).toMatch(line);
    expect(stderr).toBe(`${stderr.trimEnd()}\n`);
    expectOneLine(stderr.trimEnd());
  });

  it('a name that does not resolve: exit 4', async () => {
    const { exitCode, stderr } = await runCli('rules', '--target', 'x'.repeat(64));
    expect(exitCode).toBe(4);
    expect(stderr).toMatch(/^Cannot resolve --target "x+": write its address instead.*\n$/);
  });
});

describe('a failure that nobody foresaw', () => {
  it('is one line that names a file with the rest: exit 70', async () => {
    // Nothing from outside may cause one, so it is put in: `down` reads its capabilities.
    const broken = "globalThis.BigInt = () => { throw new Error('it broke\\nhere'); };";
    const preload = `data:text/javascript,${encodeURIComponent(broken)}`;
    const { exitCode, stdout, stderr } = await runNode(['--import', preload, CLI, 'down']);
    expect([exitCode, stdout]).toEqual([70, '']);
    const form = /^seqshim has failed: it broke here\. Please report (?<file>\S+)\n$/;
    const file = form.exec(stderr)?.groups?.['file'] ?? `no file in: ${stderr}`;
    const report = readFileSync(file, 'utf8');
    rmSync(file);
    expect(report).toMatch(/^seqshim \d+\.\d+\.\d+, node v\d+.*\nError: it broke\nhere\n {4}at /);
  });
});

describe('options', () => {
  it('reach the rules from flags and from a TOML file, flags first', async () => {
    const config = join(dir, 'seqshim.toml');
    writeFileSync(config, 'target = ["192.0.2.0/24", "2001:db8::/32"]\nport = [2222, 2223]\n');
    const fromFile = await runCli('rules', '--config', config);
    expect(fromFile.exitCode).toBe(0);
    for (const text of ['192.0.2.0/24', '2001:db8::/32', '2222', '2223']) {
      expect(fromFile.stdout).toContain(text);
    }
    const both = await runCli('rules', '--config', config, '--port', '8022', '--queue-num', '77');
    expect(both.stdout).toContain('192.0.2.0/24');
    expect(both.stdout).toContain('8022');
    expect(both.stdout).toContain('queue num 77');
    expect(both.stdout).not.toContain('2222');
  });
});
