/** The TOML file: what it may hold, and one line for each way it can be wrong. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readConfigFile } from '../../src/config/config-file.ts';
import { OPTIONS } from '../../src/config/options.ts';
import { operatorError } from './operator-error.ts';

const dir = mkdtempSync(join(tmpdir(), 'seqshim-config-file-'));
const path = join(dir, 'seqshim.toml');
afterAll(() => rmSync(dir, { recursive: true }));

function read(toml: string): unknown {
  writeFileSync(path, toml);
  return readConfigFile(path);
}

describe('readConfigFile()', () => {
  it('reads lists, numbers, flags and text', () => {
    const toml =
      'target = ["10.0.0.0/8"]\nport = [22, 2222]\nrules = false\nqueue-num = 7\nfor = 60\n';
    expect(read(toml)).toEqual({
      target: ['10.0.0.0/8'],
      port: [22, 2222],
      rules: false,
      'queue-num': 7,
      for: 60,
    });
  });

  it('says which file cannot be read, and why', async () => {
    const missing = join(dir, 'missing.toml');
    expect(await operatorError(() => readConfigFile(missing), 2)).toBe(
      `Cannot read config "${missing}": ENOENT, name a readable TOML file`,
    );
    expect(await operatorError(() => readConfigFile(dir), 2)).toContain('EISDIR');
  });

  it.each(['mode = = 1', 'target = [', 'x', 'mode = "a\n"', 'a = 1\na = 2', '\u0000'])(
    'says where %j is no TOML',
    async (toml) => {
      const line = await operatorError(() => read(`port = 22\n${toml}`), 2);
      expect(line).toMatch(/^Cannot load config ".*": line [2-4]: ./);
    },
  );

  it('names the unknown key and all known ones', async () => {
    const line = await operatorError(() => read('targets = ["10.0.0.0/8"]'), 2);
    expect(line).toContain('"targets" is no option, known are target, exclude, port');
    for (const { name } of OPTIONS) expect(line).toContain(name);
    await operatorError(() => read('"two\\nlines" = 1'), 2);
    await operatorError(() => read('[table]\nmode = "observe"'), 2);
  });

  it.each([
    ['rules = "no"', 'rules must be true or false'],
    ['rules = 0', 'rules must be true or false'],
    ['mode = 1', 'mode must be text in quotes'],
    ['mode = ["observe"]', 'mode must be text in quotes'],
    ['state-dir = 5', 'state-dir must be text in quotes'],
    ['queue-num = "7"', 'queue-num must be a number'],
    ['queue-num = [7]', 'queue-num must be a number'],
    ['target = true', 'target must be a list like ["a", "b"]'],
    ['target = [["10.0.0.0/8"]]', 'target must be a list like ["a", "b"]'],
    ['port = [22.5]', 'port must be a list like ["a", "b"]'],
    ['port = { a = 1 }', 'port must be a list like ["a", "b"]'],
    ['for = true', 'for must be a time like "10m"'],
    ['for = 2020-01-01', 'for must be a time like "10m"'],
    ['budget = []', 'budget must be a time like "200us"'],
  ])('refuses %s', async (toml, what) => {
    const line = await operatorError(() => read(toml), 2);
    expect(line).toBe(`Cannot load config "${path}": ${what}`);
  });
});
