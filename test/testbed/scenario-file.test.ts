/** Scenario files: what is read, and every mistake is a line that says where, and what to do. */
import { describe, expect, it } from 'vitest';
import { parseScenario, type ScenarioFile } from '../../src/testbed/scenario-file.ts';
import {
  scenarioNamed,
  shippedNames,
  shippedScenarios,
} from '../../src/testbed/shipped-scenarios.ts';
import { workloadSchema } from '../../src/testbed/workload/workload.ts';
import { readProjectFile } from '../tidy/source-files.ts';

const HEADING = '### A scenario in ten lines';
/** The first block of the README below that heading. */
const TEN_LINES = (
  /\n\n((?: {4}.+\n)+)/.exec(readProjectFile('README.md').split(HEADING)[1] ?? '')?.[1] ?? ''
).replaceAll(/^ {4}/gm, '');

const read = (source: string): ScenarioFile => parseScenario('x.toml', source);

function mistakesIn(source: string): readonly string[] {
  try {
    read(source);
  } catch (error) {
    return (error as Error).message.split('\n');
  }
  return [];
}

/** In place of one of the ten lines, or behind them. */
function changed(line: number, text: string): string {
  const lines = TEN_LINES.split('\n');
  lines.splice(line - 1, 1, text);
  return lines.join('\n');
}

describe('a scenario in ten lines', () => {
  it('has ten lines', () => {
    expect(TEN_LINES.trimEnd().split('\n')).toHaveLength(10);
  });

  it('is read, with what it leaves out', () => {
    const { name, families, seed, path, behaviour, workload, shim } = read(TEN_LINES);
    expect({ name, families, seed, path, shim }).toEqual({
      ...{ name: 'second-synack', families: [4], seed: 1, path: {}, shim: [] },
    });
    expect(behaviour).toMatchObject([
      { kind: 'challenge-ack-reset', probability: 0.5, connection: 0, fromMs: 0 },
    ]);
    expect(workload).toEqual([
      {
        ...{ kind: 'ssh', attempts: 4, atOnce: 1, timeoutMs: 10_000, silenceMs: 0 },
        ...{ without: { success: [0.2, 0.8] }, with: { success: [1, 1] } },
      },
    ]);
  });
});

describe('mistakes in a scenario', () => {
  it.each([
    [
      changed(1, 'name = "Two Words"'),
      '1: name: must be small letters, digits and dashes, at most 60',
    ],
    [changed(1, 'nmae = "x"'), '1: name: is missing'],
    [changed(3, 'sauce = "x"'), '3: sauce: no such key, did you mean source'],
    [changed(3, 'zzzzzzzzzzzz = "x"'), /^3: zzzzzzzzzzzz: no such key, known are name, about/],
    [
      changed(5, 'kind = "challenge-ack-rest"'),
      '5: behaviour 1: kind: no such kind, did you mean "challenge-ack-reset"',
    ],
    [
      changed(5, 'kind = "zzzzzzzzzzzzzzzzzz"'),
      /^5: behaviour 1: kind: no such kind, known are randomize, /,
    ],
    [
      changed(6, 'probabilty = 1'),
      '6: behaviour 1: probabilty: no such key, did you mean probability',
    ],
    [changed(6, 'probability = 2'), '6: behaviour 1: probability: must be a part from 0 to 1'],
    [changed(6, 'probability = "x"'), '6: behaviour 1: probability: must be a part from 0 to 1'],
    [changed(6, 'from_ms = 1'), '6: behaviour 1: from_ms: no such key, did you mean from-ms'],
    [changed(6, 'from-ms = -1'), '6: behaviour 1: from-ms: must be at least 0'],
    [
      changed(8, 'kind = "scp"\nway = "sideways"'),
      '9: workload 1: way: must be "up" (to the server) or "down"',
    ],
    [
      changed(8, 'kind = "ssh"\nat-once = 0'),
      '9: workload 1: at-once: must be a whole number from 1 to 100',
    ],
    [
      changed(9, 'without = { success = 3 }'),
      '9: workload 1: without: success: must be a number from 0 to 1, or two like [0.5, 1]',
    ],
    [
      changed(9, 'without = { succes = 1 }'),
      '9: workload 1: without: succes: no such key, did you mean success',
    ],
    [
      changed(6, '[[behaviour]]\nkind = "checksum"\nwhose = "nobody"'),
      '8: behaviour 2: whose: must be "client" or "server" or "both", is "nobody"',
    ],
    [changed(10, '[path]\nrate-mbit = -1'), '11: path: rate-mbit: must be at least 0, is -1'],
    [
      changed(10, '[path]\ndelay-ms = 5\nlos = 0.1'),
      '12: path: los: no such key, did you mean loss',
    ],
    [changed(10, 'with = {'), /^1[01]: no TOML: /],
    ['', '1: name: is missing'],
  ])('%#: are told with line, key and what to do', (source, told) => {
    const mistakes = mistakesIn(source).map((line) => line.replace(/^x\.toml:/, ''));
    if (typeof told === 'string') expect(mistakes).toContain(told);
    else expect(mistakes).toContainEqual(expect.stringMatching(told));
  });

  it('are told all at once', () => {
    const source = changed(1, 'name = "A"').replace('probability = 0.5', 'probability = 2');
    expect(mistakesIn(source).map((line) => line.split(':')[1])).toEqual(['1', '6']);
  });
});

describe('workloads', () => {
  it('have these kinds and keys: they are API', () => {
    const own = ['attempts', 'timeoutMs', 'without', 'with', 'kind'];
    const kinds = workloadSchema.options.map(({ entries }) => {
      const keys = Object.keys(entries).filter((key) => !own.includes(key));
      return [entries.kind.literal, ...keys].join(' ');
    });
    expect(kinds).toEqual([
      'ssh silenceMs atOnce',
      'ssh-mux sessions silenceMs atOnce',
      'ansible hosts forks',
      'scp way octets atOnce',
      'iperf3 way lastsMs',
      'echo delayMs silenceMs atOnce',
      'refused atOnce',
      'connections atOnce',
    ]);
  });
});

describe('the shipped scenarios', () => {
  const scenarios = shippedScenarios();

  it('are at least twenty, named as their files', () => {
    expect(scenarios.length).toBeGreaterThanOrEqual(20);
    expect(scenarios.map(({ name }) => name)).toEqual(shippedNames());
  });

  it('say in a paragraph what they model, and where that is known from', () => {
    for (const { name, about, source } of scenarios) {
      expect(about.length, name).toBeGreaterThan(120);
      expect(source, name).not.toBe('');
    }
  });

  it('expect something of each half', () => {
    for (const { name, workload } of scenarios) {
      for (const one of workload) {
        expect(one.with.success, name).toBeDefined();
        expect(one.without.success ?? one.without.throughput, name).toBeDefined();
      }
    }
  });

  it('use every kind of behaviour but plain links', () => {
    const used = new Set(scenarios.flatMap(({ behaviour }) => behaviour.map(({ kind }) => kind)));
    expect([...used].sort()).toEqual(KINDS);
  });

  it('are found by name, files by their ending, and what is neither is told', () => {
    expect(scenarioNamed('healthy').name).toBe('healthy');
    expect(() => scenarioNamed('healty')).toThrow('did you mean healthy');
    expect(() => scenarioNamed('nothing-like-it')).toThrow('see: seqshim testbed list');
    expect(() => scenarioNamed('./absent.toml')).toThrow(
      'Cannot read scenario "./absent.toml": ENOENT, name a readable TOML file',
    );
  });
});

/** API, as the keys are: a kind that was released is not renamed. */
const KINDS = [
  'asymmetric-path',
  'challenge-ack-reset',
  'change-option',
  'checksum',
  'duplicate-address',
  'first-connection-reset',
  'forged-reset',
  'idle-drop',
  'mtu-limit',
  'nat-port-reuse',
  'out-of-window-ack-drop',
  'phantom-synack',
  'randomize',
  'randomized-reset',
  'rerandomize',
  'state-loss',
  'strict-sequence',
  'strict-timestamps',
  'strip-option',
  'syn-cookie-proxy',
  'window',
];
