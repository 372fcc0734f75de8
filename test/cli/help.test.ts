/** `--help`: every command answers, at once, and neither it nor a harmless command is native. */
import { describe, expect, it } from 'vitest';
import { exitsOf, flagOf, optionsOf } from '../../src/cli/command.ts';
import { COMMANDS as TABLE } from '../../src/cli/commands.ts';
import { OPTIONS } from '../../src/config/options.ts';
import { VERSION } from '../../src/version.ts';
import { CLI, runCli, runCliWithoutNative, runNode, runScriptWithoutNative } from './cli-run.ts';

const COMMANDS = [
  'diagnose',
  'replay',
  'simulate',
  'probe',
  'reflect',
  'run',
  'status',
  'top',
  'report',
  'flows',
  'paths',
  'keep',
  'up',
  'down',
  'rules',
  'check',
  'config',
  'testbed',
  'completion',
];
const HELP_MS_MAX = 300;
/** What `node -e 0` takes on a machine that has nothing else to do, generously. */
const BARE_MS = 60;
const ROUNDS = 5;

describe('seqshim --help', () => {
  it('lists these commands, each with what it does', async () => {
    const { exitCode, stdout, stderr } = await runCliWithoutNative('--help');
    expect([exitCode, stderr]).toEqual([0, '']);
    const lines = [...stdout.matchAll(/^ {2}seqshim (\w+).*? {2,}(\S.*)$/gm)];
    expect(lines.map(([, name]) => name)).toEqual(COMMANDS);
  });

  it('takes less than 300 ms', async () => {
    // Interleaved, and the quickest of each: what other people's load adds is not ours.
    const helpMs: number[] = [];
    const bareMs: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      helpMs.push(await timed([CLI, '--help']));
      bareMs.push(await timed(['-e', '0']));
    }
    const slowness = Math.max(1, Math.min(...bareMs) / BARE_MS);
    expect(Math.min(...helpMs)).toBeLessThan(HELP_MS_MAX * slowness);
  });

  it.each(COMMANDS)('%s --help answers and loads no native module', async (command) => {
    const { exitCode, stdout, stderr } = await runCliWithoutNative(command, '--help');
    expect([exitCode, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(new RegExp(`^seqshim ${command}`));
  });

  it.each(COMMANDS)(
    '%s --help has a sentence, its options, an example, exit codes',
    async (name) => {
      const { stdout } = await runCli(name, '--help');
      const command = commandOf(name);
      const [usage, empty, sentence] = stdout.split('\n');
      expect(usage).toMatch(new RegExp(`^seqshim ${name}`));
      expect([empty, /^[A-Za-z].{15,}/.test(sentence ?? '')]).toEqual(['', true]);
      const flags = [...stdout.matchAll(/^ {2}(--[a-z-]+)/gm)].map(([, flag]) => flag);
      expect(flags).toEqual(optionsOf(command).map((entry) => flagOf(entry).split(' ')[0]));
      expect(stdout).toMatch(/^Examples?:\n {2}seqshim /m);
      const [, exits = ''] = stdout.split('Exit codes:\n');
      const codes = [...exits.matchAll(/^ {2}(\d+) +\S/gm)].map(([, code]) => Number(code));
      expect(codes).toEqual(exitsOf(command).map(([code]) => code));
      for (const line of stdout.split('\n')) expect(line.length, line).toBeLessThanOrEqual(100);
    },
  );

  it.each(COMMANDS)('an example of %s is one that its parser takes', (name) => {
    for (const [line] of commandOf(name).examples) {
      const words = line.split(' ').filter((word) => word.startsWith('--'));
      const known = optionsOf(commandOf(name)).map((entry) => `--${entry.name}`);
      expect(line).toMatch(new RegExp(`^seqshim ${name}( |$)`));
      expect(words.filter((word) => !known.includes(word))).toEqual([]);
    }
  });

  it.each(['run', 'up', 'rules', 'check', 'config'])('%s takes every option', (command) => {
    const names = optionsOf(commandOf(command)).map(({ name }) => name);
    for (const { name } of OPTIONS) expect(names).toContain(name);
  });

  it('says that there is no such command', async () => {
    expect(await runCli('fly', '--help')).toMatchObject({
      exitCode: 2,
      stderr: 'Cannot help with "fly": there is no such command. Try: seqshim --help\n',
    });
  });
});

describe('seqshim --version', () => {
  it('is the version of the package', async () => {
    expect(await runCliWithoutNative('--version')).toEqual({
      exitCode: 0,
      stdout: `${VERSION}\n`,
      stderr: '',
    });
  });
});

describe('without native modules', () => {
  it('loading one is an error, so that the tests here can fail', async () => {
    const { exitCode, stderr } = await runScriptWithoutNative("require('koffi')");
    expect(exitCode).not.toBe(0);
    expect(stderr).toContain('native module refused');
  });

  it.each(['nft', 'iptables', 'sh'])('rules --format %s prints rules', async (format) => {
    const target = ['--target', '10.0.0.0/8', '--format', format];
    const { exitCode, stdout, stderr } = await runCliWithoutNative('rules', ...target);
    expect([exitCode, stderr]).toEqual([0, '']);
    expect(stdout).toContain('10.0.0.0/8');
  });

  it('diagnose finds what is in the original trace', async () => {
    const trace = 'test/fixtures/jumpbox-first-connection-reset.txt';
    const { exitCode, stdout, stderr } = await runCliWithoutNative('diagnose', trace, '--json');
    expect([exitCode, stderr]).toEqual([1, '']);
    expect(stdout).toContain('synack-conflict');
  });

  it.each(['status', 'top', 'report', 'flows', 'paths', 'keep'])(
    '%s says that nothing runs',
    async (command) => {
      const control = '/nonexistent/control.sock';
      const outcome = await runCliWithoutNative(command, '--control', control);
      const hint = 'Start it with seqshim run, or name its socket with --control';
      expect(outcome).toEqual({
        exitCode: 3,
        stdout: '',
        stderr: `seqshim is not running (${control}). ${hint}\n`,
      });
    },
  );
});

function commandOf(name: string) {
  const command = TABLE.find((one) => one.name === name);
  if (command === undefined) throw new Error(`no command ${name}`);
  return command;
}

async function timed(args: readonly string[]): Promise<number> {
  const beganMs = performance.now();
  const { exitCode } = await runNode(args);
  expect(exitCode).toBe(0);
  return performance.now() - beganMs;
}
