/** What the matrix says of attempts: judged, as text, as JSON, as a page. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { judgeCell } from '../../src/testbed/judge-cell.ts';
import { matrixJson } from '../../src/testbed/matrix-json.ts';
import { matrixPage } from '../../src/testbed/matrix-page.ts';
import { type Cell, isAsExpected, type ScenarioResult } from '../../src/testbed/matrix-result.ts';
import { matrixHead, matrixSummary, resultLines } from '../../src/testbed/matrix-text.ts';
import { scenarioNamed } from '../../src/testbed/shipped-scenarios.ts';
import { ROOT } from '../tidy/source-files.ts';

const TRACE = join(ROOT, 'test/fixtures/jumpbox-first-connection-reset.txt');
const ARMS = ['without', 'with'] as const;
const good = { ok: true, ms: 40 };
const bad = { ok: false, ms: 900, error: 'Connection reset by peer' };

describe('judgeCell()', () => {
  it('counts, and takes the median of what succeeded', () => {
    expect(judgeCell([good, bad, { ok: true, ms: 60 }, { ok: true, ms: 50 }], {}, 0)).toEqual({
      ...{ ok: 3, count: 4, medianMs: 50, errors: ['Connection reset by peer'], unexpected: [] },
    });
  });

  it.each([
    [[1, 1], []],
    [[0.5, 1], []],
    [[0, 0.5], ['success is 75 %, expected 0 % to 50 %']],
    [[0, 0], ['success is 75 %, expected 0 %']],
  ] as const)('success within %j', (bounds, unexpected) => {
    const made = bounds[0] === 1 ? [good, good] : [good, good, good, bad];
    expect(judgeCell(made, { success: bounds }, 0).unexpected).toEqual(unexpected);
  });

  it('holds throughput against that of the path alone; what hung had none', () => {
    const made = [1e6, 3e6, 0].map((bitsPerSecond) => ({ ...good, bitsPerSecond }));
    const cell = judgeCell(made, { throughput: [0.5, 2] }, 1e7);
    expect(cell).toMatchObject({ bitsPerSecond: 1e6, throughput: 0.1 });
    expect(cell.unexpected).toEqual(['throughput is 10 %, expected 50 % to 200 %']);
    expect(judgeCell([], { throughput: [0.5, 2] }, 1e7).unexpected).toHaveLength(1);
  });

  it('calls no attempt at all no success', () => {
    expect(judgeCell([], { success: [1, 1] }, 0).unexpected).toEqual([
      'success is 0 %, expected 100 %',
    ]);
  });
});

const cell = (ok: number, unexpected: readonly string[] = []): Cell => ({
  ...{ ok, count: 4, medianMs: 300, errors: ok < 4 ? ['reset <by> peer'] : [], unexpected },
});

const result = (withShim: Cell, extra: Partial<ScenarioResult> = {}): ScenarioResult => ({
  scenario: scenarioNamed('first-connection-reset'),
  round: 1,
  ms: 1234,
  rows: [{ workload: 'ssh', family: 6, cells: { without: cell(0), with: withShim } }],
  interventions: { 'rst-dropped': 4 },
  captures: {},
  ...extra,
});

describe('the matrix', () => {
  it('as text is a line a workload, and one more for what was not expected', () => {
    const wrong = result(cell(3, ['success is 75 %, expected 100 %']));
    expect([matrixHead(ARMS), ...resultLines(wrong, ARMS)]).toEqual([
      'scenario                      workload              without shim         with shim',
      'first-connection-reset        ssh IPv6                       0/4               3/4',
      '    NOT AS EXPECTED with shim: success is 75 %, expected 100 % (reset <by> peer)',
    ]);
    expect(isAsExpected(wrong)).toBe(false);
    expect(matrixSummary([result(cell(4)), wrong], 65_000)).toBe(
      '2 scenarios in 65.00 s: NOT as expected: first-connection-reset.',
    );
    expect(matrixSummary([result(cell(4))], 1000)).toBe('1 scenario in 1.00 s: all as expected.');
  });

  it('says what could not be played, and does not call it as expected', () => {
    const broken = result(cell(4), { rows: [], problem: 'no namespace' });
    expect(resultLines(broken, ARMS)).toEqual([
      'first-connection-reset        could not be played: no namespace',
    ]);
    expect(isAsExpected(broken)).toBe(false);
  });

  it('as JSON has these keys: they are API', () => {
    const json = matrixJson([result(cell(4))], ARMS, 5000.4);
    expect(json).toEqual({
      schema: 1,
      asExpected: true,
      ms: 5000,
      scenarios: [
        {
          name: 'first-connection-reset',
          file: expect.stringMatching(/first-connection-reset\.toml$/),
          round: 1,
          seed: 1,
          asExpected: true,
          ms: 1234,
          rows: [
            {
              workload: 'ssh',
              family: 6,
              withoutShim: { asExpected: true, successRate: 0, ...cell(0) },
              withShim: { asExpected: true, successRate: 1, ...cell(4) },
            },
          ],
          interventions: { 'rst-dropped': 4 },
          captures: {},
        },
      ],
    });
  });

  it('as a page shows the ladder of the first failure, and loads nothing', async () => {
    const page = await matrixPage([result(cell(4), { captures: { without: TRACE } })], ARMS, 900);
    expect(page).toContain('Ladder: packets between');
    expect(page).toContain('405921082');
    expect(page).toContain("default-src 'none'");
    expect(page).not.toMatch(/<script|src=|http-equiv="refresh"/);
    expect(page).toContain('What the shim did: <code>rst-dropped 4</code>');
  });

  it('as a page shows the half that was not as expected, escaped', async () => {
    const wrong = result(cell(3, ['success is 75 %, expected 100 %']), {
      captures: { with: TRACE },
    });
    const page = await matrixPage([wrong], ARMS, 900);
    expect(page).toContain('The first connection with a finding, with shim');
    expect(page).toContain('reset &lt;by&gt; peer');
    expect(page).toContain('not as expected');
  });
});
