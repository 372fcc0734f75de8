/** `config check` and `config show`: one line for each mistake, and where each value comes from. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'smol-toml';
import { afterAll, describe, expect, it } from 'vitest';
import { OPTIONS } from '../../src/config/options.ts';
import { runCli, runCliWithoutNative } from './cli-run.ts';

const dir = mkdtempSync(join(tmpdir(), 'seqshim-config-command-'));
const file = join(dir, 'seqshim.toml');
afterAll(() => rmSync(dir, { recursive: true }));

const GOOD = 'target = ["10.0.0.0/8"]\nport = [22, 2222]\nexpires = 2027-03-31\nrules = false\n';

describe('config check', () => {
  it('exits 0 and says what it has read', async () => {
    writeFileSync(file, GOOD);
    expect(await runCliWithoutNative('config', 'check', file)).toEqual({
      exitCode: 0,
      stdout: `ok: 4 options set in ${file}\n`,
      stderr: '',
    });
    writeFileSync(file, 'mode = "observe"\n');
    expect((await runCli('config', 'check', '--config', dir)).stdout).toBe(
      `ok: 1 options set in ${file}; no target yet, run needs one\n`,
    );
  });

  it('exits 2 and prints FILE:LINE: key: what is allowed, for each mistake', async () => {
    writeFileSync(file, 'mode = "on"\n\ntragets = []\nflows = 1\n');
    expect(await runCli('config', 'check', file)).toEqual({
      exitCode: 2,
      stdout: '',
      stderr:
        `${file}:3: tragets: no such option, did you mean target\n` +
        `${file}:1: mode: cannot be "on": it must be enforce, observe\n` +
        `${file}:4: flows: cannot be "1": it must be a whole number from 64 to 4194304\n`,
    });
  });

  it('exits 2 for a file that is not there, and for TOML that is none', async () => {
    expect((await runCli('config', 'check', '/nonexistent')).stderr).toMatch(/^Cannot read config/);
    writeFileSync(file, 'mode = \n');
    expect(await runCli('config', 'check', file)).toMatchObject({
      exitCode: 2,
      stderr: expect.stringMatching(/seqshim\.toml:1: no TOML: /),
    });
  });
});

describe('config show', () => {
  it('has every option with its value and origin as JSON', async () => {
    writeFileSync(file, GOOD);
    const flags = ['--config', file, '--mode', 'observe'];
    const { exitCode, stdout } = await runCli('config', 'show', '--json', ...flags);
    const shown = JSON.parse(stdout) as { options: { name: string }[] };
    expect([exitCode, Object.keys(shown)]).toEqual([0, ['schema', 'files', 'options']]);
    expect(shown).toMatchObject({ schema: 1, files: [file] });
    expect(shown.options.map(({ name }) => name)).toEqual(OPTIONS.map(({ name }) => name));
    const fromFile = (line: number) => ({ from: 'file', file, line });
    const from = (name: string) => ({ from: name, file: null, line: null });
    for (const expected of [
      { name: 'target', value: ['10.0.0.0/8'], ...fromFile(1) },
      { name: 'port', value: ['22', '2222'], ...fromFile(2) },
      { name: 'rules', value: false, ...fromFile(4) },
      { name: 'mode', value: 'observe', ...from('flag') },
      { name: 'queues', value: 1, ...from('default') },
      { name: 'ticket', value: null, ...from('default') },
    ]) {
      expect(shown.options).toContainEqual(expected);
    }
  });

  it('prints TOML that means the same', async () => {
    writeFileSync(file, `${GOOD}ticket = "a \\"b\\" # c"\n`);
    const first = await runCli('config', 'show', '--config', file);
    expect(first.stdout).toContain(`mode = "enforce"                         # default\n`);
    expect(first.stdout).toMatch(/^# for is not set$/m);
    expect(parse(first.stdout)).toMatchObject({ ticket: 'a "b" # c', flows: 65_536 });
    writeFileSync(file, first.stdout);
    const second = await runCli('config', 'show', '--config', file);
    const bare = (text: string) => text.replaceAll(/ +# (?:default|\/.*)$/gm, '');
    expect(bare(second.stdout)).toBe(bare(first.stdout));
  });

  it('takes no file by its place', async () => {
    expect(await runCli('config', 'show', file)).toMatchObject({
      exitCode: 2,
      stderr: `Cannot show a file: write seqshim config show --config ${file}\n`,
    });
  });
});
