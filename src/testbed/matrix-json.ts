/** The matrix for programs: `schema: 1`, keys are API. Owns the names. */
import { type Arm, isAsExpected, type Row, type ScenarioResult } from './matrix-result.ts';

export function matrixJson(
  results: readonly ScenarioResult[],
  arms: readonly Arm[],
  ms: number,
): object {
  return {
    schema: 1,
    asExpected: results.every(isAsExpected),
    ms: Math.round(ms),
    scenarios: results.map((result) => ({
      name: result.scenario.name,
      file: result.scenario.file,
      round: result.round,
      seed: result.scenario.seed,
      asExpected: isAsExpected(result),
      ms: result.ms,
      rows: result.rows.map((row) => rowJson(row, arms)),
      interventions: result.interventions,
      captures: result.captures,
      ...(result.problem === undefined ? {} : { problem: result.problem }),
    })),
  };
}

function rowJson({ workload, family, cells }: Row, arms: readonly Arm[]): object {
  const told = arms.flatMap((arm) => {
    const cell = cells[arm];
    if (cell === undefined) return [];
    const asExpected = cell.unexpected.length === 0;
    const successRate = cell.count === 0 ? 0 : cell.ok / cell.count;
    return [[arm === 'with' ? 'withShim' : 'withoutShim', { asExpected, successRate, ...cell }]];
  });
  return { workload, family, ...Object.fromEntries(told) };
}
