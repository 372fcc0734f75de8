/** The TOML files: their types, every mistake with its line, and which of several wins. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readConfigFile } from '../../src/config/config-file.ts';
import { changedOptions, effectiveSettings } from '../../src/config/effective.ts';
import { findMistakes } from '../../src/config/find-mistakes.ts';
import { findKeyLines, findPathLine } from '../../src/config/key-lines.ts';
import { OPTIONS } from '../../src/config/options.ts';
import { planReload } from '../../src/config/reload.ts';
import { readSettings } from '../../src/config/settings.ts';
import { nearestName } from '../../src/config/suggestion.ts';
import { operatorError } from './operator-error.ts';

const dir = mkdtempSync(join(tmpdir(), 'seqshim-config-file-'));
const path = join(dir, 'one.toml');
afterAll(() => rmSync(dir, { recursive: true }));

function read(toml: string) {
  writeFileSync(path, toml);
  return readConfigFile(path);
}

function valuesOf(toml: string): unknown {
  const { values, mistakes } = read(toml);
  expect(mistakes).toEqual([]);
  return Object.fromEntries([...values].map(([key, { value }]) => [key, value]));
}

/** A directory like /etc/seqshim. */
function layered(files: Readonly<Record<string, string>>): string {
  const root = mkdtempSync(join(dir, 'layers-'));
  mkdirSync(join(root, 'conf.d'));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(root, name), text);
  return root;
}

describe('readConfigFile()', () => {
  it('reads lists, numbers, flags, text and dates', () => {
    const toml =
      'target = ["10.0.0.0/8"]\nport = [22, 2222]\nrules = false\nqueue-num = 7\nfor = 60\n' +
      'expires = 2027-03-31\n';
    expect(valuesOf(toml)).toEqual({
      target: ['10.0.0.0/8'],
      port: [22, 2222],
      rules: false,
      'queue-num': 7,
      for: 60,
      expires: '2027-03-31',
    });
    expect(valuesOf('expires = "2027-03-31"')).toEqual({ expires: '2027-03-31' });
  });

  it('says which file cannot be read, and why', async () => {
    const missing = join(dir, 'missing.toml');
    expect(await operatorError(() => readConfigFile(missing), 2)).toBe(
      `Cannot read config "${missing}": ENOENT, name a readable TOML file`,
    );
  });

  it.each(['mode = = 1', 'target = [', 'x', 'mode = "a\n"', 'a = 1\na = 2', '\u0000'])(
    'says where %j is no TOML',
    (toml) => {
      const { mistakes } = read(`port = 22\n${toml}`);
      expect(mistakes).toHaveLength(1);
      expect(mistakes[0]).toMatch(/one\.toml:[2-4]: no TOML: [^\n]+$/);
    },
  );

  it('suggests the name that was meant, or names all', () => {
    expect(read('targets = ["10.0.0.0/8"]').mistakes).toEqual([
      `${path}:1: targets: no such option, did you mean target`,
    ]);
    const [all = ''] = read('completely-different = 1').mistakes;
    for (const { name } of OPTIONS) expect(all).toContain(name);
    expect(read('\n[table]\nmode = "observe"').mistakes[0]).toMatch(/one\.toml:2: table: no such/);
    const [two = ''] = read('"two\\nlines" = 1').mistakes;
    expect(two).toMatch(/^[^\n]+one\.toml:1: "two\\nlines": no such option/);
  });

  it.each([
    ['rules = "no"', 'rules: must be true or false'],
    ['rules = 0', 'rules: must be true or false'],
    ['mode = 1', 'mode: must be text in quotes'],
    ['mode = ["observe"]', 'mode: must be text in quotes'],
    ['state-dir = 5', 'state-dir: must be text in quotes'],
    ['queue-num = "7"', 'queue-num: must be a number'],
    ['queue-num = [7]', 'queue-num: must be a number'],
    ['target = true', 'target: must be a list like ["a", "b"]'],
    ['target = [["10.0.0.0/8"]]', 'target: must be a list like ["a", "b"]'],
    ['port = [22.5]', 'port: must be a list like ["a", "b"]'],
    ['port = { a = 1 }', 'port: must be a list like ["a", "b"]'],
    ['for = true', 'for: must be a time like "10m"'],
    ['for = 2020-01-01', 'for: must be a time like "10m"'],
    ['budget = []', 'budget: must be a time like "200us"'],
    ['expires = 20270331', 'expires: must be a date like 2027-03-31'],
    ['expires = 2027-03-31T00:00:00Z', 'expires: must be a date like 2027-03-31'],
    ['ticket = 7', 'ticket: must be text in quotes'],
  ])('refuses %s', (toml, what) => {
    expect(read(`# why\n${toml}\n`).mistakes).toEqual([`${path}:2: ${what}`]);
  });
});

describe('findKeyLines()', () => {
  it('knows strings, comments, lists over several lines and tables', () => {
    const toml = [
      '# target = 0',
      'target = [',
      '  "10.0.0.0/8", # mode = "x"',
      '  "a = b",',
      ']',
      "ticket = '''",
      'flows = 1',
      "'''",
      '',
      '"mode" = """a\\"""',
      '""" # end',
      "  'log-level'='info'\r",
      'a.b = { c = 1, d = "}" }',
      'budget = "200us" # = 3',
      '[table.inner]',
      'port = 22',
    ].join('\n');
    expect([...findKeyLines(toml)]).toEqual([
      ['target', 2],
      ['ticket', 6],
      ['mode', 10],
      ['log-level', 12],
      ['a', 13],
      ['budget', 14],
      ['table', 15],
    ]);
  });
});

describe('findPathLine()', () => {
  it('counts tables of a list, and gives what has no line the line around it', () => {
    const toml = [
      'name = "x"',
      '[[box]]',
      'kind = "a"',
      '[[box]] # = 4',
      '"kind" = "b"',
      'list = [{ from = 1 },',
      '  { from = 2 }]',
      '[box.inner]',
      'deep.key = 1',
      '[path]',
      'loss = 0.5',
    ].join('\n');
    const lineOf = (...path: (string | number)[]) => findPathLine(toml, path);
    expect(lineOf('name')).toBe(1);
    expect(lineOf('box', 0, 'kind')).toBe(3);
    expect(lineOf('box', 1, 'kind')).toBe(5);
    expect(lineOf('box', 1, 'list', 1, 'from')).toBe(6);
    expect(lineOf('box', 1, 'missing')).toBe(4);
    expect(lineOf('box', 1, 'inner', 'deep', 'key')).toBe(9);
    expect(lineOf('path', 'loss')).toBe(11);
    expect(lineOf('nowhere')).toBe(1);
  });
});

describe('nearestName()', () => {
  const names = OPTIONS.map(({ name }) => name);
  it.each([
    ['targets', 'target'],
    ['ports', 'port'],
    ['queue_num', 'queue-num'],
    ['Mode', 'mode'],
    ['loglevel', 'log-level'],
    ['exlude', 'exclude'],
    ['zzzzzz', undefined],
    ['x', undefined],
  ])('%s: %s', (written, meant) => {
    expect(nearestName(written, names)).toBe(meant);
  });
});

describe('readSettings()', () => {
  const root = layered({
    'seqshim.toml': 'target = ["10.0.0.0/8", "10.1.0.0/16"]\nmode = "observe"\nflows = 1024\n',
    'conf.d/20-b.toml': '\nmode = "enforce"\n',
    'conf.d/10-a.toml': 'target = ["192.0.2.1"]\nmode = "observe"\nport = 2222\n',
    'conf.d/30-c.txt': 'mode = "observe"\n',
  });

  it('reads conf.d by name; what comes later replaces, whole lists too; flags win', () => {
    const settings = readSettings({ config: root, port: ['8022'] });
    expect(settings.files).toEqual(
      ['seqshim.toml', 'conf.d/10-a.toml', 'conf.d/20-b.toml'].map((name) => join(root, name)),
    );
    const shown = effectiveSettings(settings).map(({ entry, value, origin }) => [
      entry.name,
      value,
      typeof origin === 'string' ? origin : `${origin.file.slice(root.length + 1)}:${origin.line}`,
    ]);
    expect(shown).toContainEqual(['target', ['192.0.2.1'], 'conf.d/10-a.toml:1']);
    expect(shown).toContainEqual(['mode', 'enforce', 'conf.d/20-b.toml:2']);
    expect(shown).toContainEqual(['flows', 1024, 'seqshim.toml:3']);
    expect(shown).toContainEqual(['port', ['8022'], 'flag']);
    expect(shown).toContainEqual(['rules', true, 'default']);
    expect(shown).toContainEqual(['expires', null, 'default']);
  });

  it('reads one file and no conf.d where a file is named, and none with --no-config', () => {
    const file = join(root, 'seqshim.toml');
    expect(readSettings({ config: file }).files).toEqual([file]);
    expect(readSettings({ config: false }).files).toEqual([]);
    expect(() => readSettings({ config: join(root, 'none') })).toThrow('ENOENT');
    expect(() => readSettings({ config: layered({}) })).toThrow('there is no seqshim.toml in it');
  });
});

describe('findMistakes()', () => {
  it('finds every one, with its line: of form, of value, and between options', async () => {
    const text = [
      'prot = 22',
      'mode = "on"',
      'port = [22, 99999, "ssh"]',
      'target = ["10.0.0.0/33", "10.0.0.0/8", "a b", "name.example"]',
      'queues = 65',
      'budget = "soon"',
      'hook = ["gateway"]',
      'direction = "both"',
      'expires = 2027-03-31',
      'rules = 1',
    ].join('\n');
    writeFileSync(path, text);
    const mistakes = await findMistakes(readSettings({ config: path }));
    expect(mistakes.map((line) => line.slice(path.length + 1)).sort()).toEqual([
      '10: rules: must be true or false',
      '1: prot: no such option, did you mean port',
      '2: mode: cannot be "on": it must be enforce, observe',
      '3: port: cannot be "99999": it must be a number from 1 to 65535',
      '3: port: cannot be "ssh": it must be a number from 1 to 65535',
      '4: target: cannot be "10.0.0.0/33": the prefix must be 0 to 32',
      expect.stringMatching(/^4: target: cannot be "a b": write an address, a network like/),
      '5: queues: cannot be "65": it must be a whole number from 1 to 64',
      '6: budget: cannot be "soon": write a number with a unit, for example 500ms, 10m or 2h',
      expect.stringMatching(/^7: hook: cannot be gateway with --direction both: which end/),
    ]);
  });

  it('has none for a file that names no target, and names flags without a file', async () => {
    writeFileSync(path, 'mode = "observe"\n');
    expect(await findMistakes(readSettings({ config: path }))).toEqual([]);
    const flags = { config: false, mode: 'x', target: ['all'] };
    expect(await findMistakes(readSettings(flags))).toEqual([
      'Cannot use --mode "x": it must be enforce, observe',
    ]);
  });
});

describe('planReload()', () => {
  const settings = (flags: Record<string, unknown>) => readSettings({ config: false, ...flags });

  it('compares values, not how they are written', () => {
    const before = settings({ port: ['22,23'], mode: 'enforce', flows: '65536' });
    expect(changedOptions(before, settings({ port: ['22', '23'] }))).toEqual([]);
  });

  it('names what changes, and what of it needs a restart', () => {
    const before = settings({ target: ['10.0.0.0/8'] });
    const after = settings({ target: ['10.0.0.0/8', 'all'], mode: 'observe', queues: '2' });
    expect(planReload(before, after)).toEqual({
      changed: ['target', 'mode', 'queues'],
      needRestart: ['queues'],
    });
    const kernel = { translate: 'kernel' };
    expect(planReload(settings(kernel), settings({ ...kernel, mode: 'observe' }))).toEqual({
      changed: ['mode'],
      needRestart: ['mode'],
    });
  });
});
