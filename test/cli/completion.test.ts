/** Shell completion: the script in a real bash, word by word; both scripts against the tables. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { flagOf, optionsOf } from '../../src/cli/command.ts';
import { COMMANDS } from '../../src/cli/commands.ts';
import { bashCompletion } from '../../src/cli/completion-bash.ts';
import { zshCompletion } from '../../src/cli/completion-zsh.ts';
import { runCli } from './cli-run.ts';

const dir = mkdtempSync(join(tmpdir(), 'seqshim-completion-'));
const script = join(dir, 'seqshim.bash');
writeFileSync(script, bashCompletion(COMMANDS));
writeFileSync(join(dir, 'a b.toml'), '');
afterAll(() => rmSync(dir, { recursive: true }));

/** What bash would offer for the last of these words. */
function offered(...words: string[]): string[] {
  const quoted = ['seqshim', ...words].map((word) => `'${word}'`).join(' ');
  // compopt works only while bash itself completes.
  const code = `compopt() { :; }; . '${script}'; COMP_WORDS=(${quoted})
    COMP_CWORD=$((\${#COMP_WORDS[@]} - 1)); _seqshim; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const options = { cwd: dir, encoding: 'utf8' } as const;
  const lines = execFileSync('bash', ['--norc', '-c', code], options).split('\n');
  return lines.filter((line) => line !== '');
}

const namesOf = (name: string) =>
  COMMANDS.filter((one) => one.name === name)
    .flatMap(optionsOf)
    .map((entry) => flagOf(entry).split(' ')[0]);

describe('completion in bash', () => {
  it('offers the commands', () => {
    const names = COMMANDS.map(({ name }) => name);
    expect(offered('')).toEqual([...names, '--help', '--version']);
    expect(offered('st')).toEqual(['status']);
  });

  it.each(COMMANDS.map(({ name }) => name))('offers the options of %s, and no others', (name) => {
    expect(offered(name, '--')).toEqual([...namesOf(name), '--help']);
  });

  it.each(
    COMMANDS.flatMap((command) => optionsOf(command).map((entry) => [command, entry] as const)),
  )('offers choices: %#', ({ name: command }, { name, choices, type }) => {
    if (type === 'flag') return;
    const after = offered(command, `--${name}`, '');
    if (choices !== undefined) expect(after, name).toEqual(choices);
    else
      expect(
        after.filter((word) => word.startsWith('--')),
        name,
      ).toEqual([]);
    if (choices !== undefined) expect(offered(command, `--${name}`, '=', '')).toEqual(choices);
  });

  it('offers files where files stand', () => {
    expect(offered('run', '--config', '').sort()).toEqual(['a b.toml', 'seqshim.bash']);
    expect(offered('diagnose', 'a')).toEqual(['a b.toml']);
    expect(offered('config', 'check', 'a')).toEqual(['a b.toml']);
    expect(offered('config', '--port', '22', 'check', 'a')).toEqual(['a b.toml']);
  });

  it('offers what a command does', () => {
    expect(offered('config', 'c')).toEqual(['check']);
    expect(offered('completion', '')).toEqual(['bash', 'zsh', '--help']);
    expect(offered('status', '')).toEqual([...namesOf('status'), '--help']);
    expect(offered('fly', '')).toEqual([]);
  });
});

describe('completion', () => {
  it('prints the script of each shell', async () => {
    expect((await runCli('completion', 'bash')).stdout).toBe(bashCompletion(COMMANDS));
    expect((await runCli('completion', 'zsh')).stdout).toBe(zshCompletion(COMMANDS));
    expect((await runCli('completion', 'fish')).exitCode).toBe(2);
  });

  it('for zsh has every command with every option', () => {
    const text = zshCompletion(COMMANDS);
    for (const command of COMMANDS) {
      const [, own = ''] = text.split(`\n    ${command.name})\n`);
      const [specs = ''] = own.split(' ;;\n');
      const found = [...specs.matchAll(/'\*?(--[a-z-]+)[=[]/g)].map(([, flag]) => flag);
      expect(found, command.name).toEqual(namesOf(command.name));
      expect(text).toContain(`'${command.name}:`);
    }
  });
});
