/** `testbed` as far as it needs no root: the list, and what cannot be asked of it. */
import { describe, expect, it } from 'vitest';
import { TESTBED_COMMAND } from '../../src/cli/testbed-command.ts';
import { shippedNames } from '../../src/testbed/shipped-scenarios.ts';
import { runCli, runCliWithoutNative } from './cli-run.ts';

describe('testbed list', () => {
  it('tells of each scenario what it models, and the source, without native modules', async () => {
    const { exitCode, stdout, stderr } = await runCliWithoutNative('testbed', 'list');
    expect([exitCode, stderr]).toEqual([0, '']);
    const told = stdout.split('\n').filter((line) => /^[a-z]/.test(line));
    expect(told).toEqual(shippedNames());
    expect([...stdout.matchAll(/^ {4}Source:/gm)]).toHaveLength(told.length);
    for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(120);
  });

  it('as JSON has these keys: they are API', async () => {
    const { stdout } = await runCli('testbed', 'list', '--json');
    const { schema, scenarios } = JSON.parse(stdout) as { schema: number; scenarios: object[] };
    expect(schema).toBe(1);
    expect(scenarios.map((one) => (one as { name: string }).name)).toEqual(shippedNames());
    expect(Object.keys(scenarios[0] ?? {})).toEqual([
      ...['name', 'about', 'source', 'families', 'file', 'behaviours', 'workloads'],
    ]);
  });
});

describe('the examples of its help', () => {
  it('name scenarios that there are', () => {
    const lines = TESTBED_COMMAND.examples.map(([line]) => line).join('\n');
    const named = [...lines.matchAll(/ (?:run|shell) ([a-z0-9-]+)(?: |$)/gm)].map(
      ([, name]) => name,
    );
    expect(named.length).toBeGreaterThan(1);
    for (const name of named) expect(shippedNames()).toContain(name);
  });
});

describe('testbed refuses in one line', () => {
  it.each([
    [['run'], 'Say which scenario, for example: seqshim testbed run first-connection-reset'],
    [['shell'], 'Say which scenario, for example: seqshim testbed shell first-connection-reset'],
    [['shell', 'healthy', 'idle-drop'], 'Cannot leave several standing: name one'],
    [['matrix', 'healthy'], 'Cannot name scenarios for matrix: it takes all. Try: testbed run'],
    [
      ['run', 'helthy'],
      'Cannot find scenario "helthy": did you mean healthy. A file ends in .toml',
    ],
    [['run', 'healthy', '--repeat', '0'], 'Cannot use --repeat "0": it must be from 1 to 100'],
    [['run', 'healthy', '--labs', 'many'], 'Cannot use --labs "many": it must be from 1 to 16'],
    [
      ['run', './absent.toml'],
      'Cannot read scenario "./absent.toml": ENOENT, name a readable TOML file',
    ],
  ])('%j', async (args, told) => {
    const { exitCode, stdout, stderr } = await runCli('testbed', ...args);
    expect({ exitCode, stdout, stderr }).toEqual({ exitCode: 2, stdout: '', stderr: `${told}\n` });
  });
});
