/** The matrix for a person: one line a workload. Owns the layout. */
import { formatDuration, plural } from '../diagnose/wording.ts';
import { percent } from './judge-cell.ts';
import { ARMS, type Arm, type Cell, isAsExpected, type ScenarioResult } from './matrix-result.ts';

const NAME_WIDTH = 30;
const WORK_WIDTH = 16;
const CELL_WIDTH = 18;

export const ARM_TITLES: Readonly<Record<Arm, string>> = {
  without: 'without shim',
  with: 'with shim',
};

export function matrixHead(arms: readonly Arm[]): string {
  const cells = arms.map((arm) => ARM_TITLES[arm].padStart(CELL_WIDTH));
  return `${'scenario'.padEnd(NAME_WIDTH)}${'workload'.padEnd(WORK_WIDTH)}${cells.join('')}`;
}

export function resultLines(result: ScenarioResult, arms: readonly Arm[]): readonly string[] {
  const { scenario, rows, problem, round } = result;
  const name = round === 1 ? scenario.name : `${scenario.name} (${round})`;
  if (problem !== undefined) return [`${name.padEnd(NAME_WIDTH)}could not be played: ${problem}`];
  return rows.flatMap(({ workload, family, cells }, at) => {
    const left = (at === 0 ? name : '').padEnd(NAME_WIDTH);
    const work = `${workload} ${family === 4 ? '' : 'IPv6'}`.padEnd(WORK_WIDTH);
    const told = arms.map((arm) => cellText(cells[arm]).padStart(CELL_WIDTH));
    return [`${left}${work}${told.join('')}`, ...arms.flatMap((arm) => remarks(arm, cells[arm]))];
  });
}

export function cellText(cell: Cell | undefined): string {
  if (cell === undefined) return '';
  const { ok, count, throughput } = cell;
  return throughput === undefined ? `${ok}/${count}` : `${ok}/${count}, ${percent(throughput)}`;
}

function remarks(arm: Arm, cell: Cell | undefined): readonly string[] {
  if (cell === undefined || cell.unexpected.length === 0) return [];
  const why = cell.errors.length === 0 ? '' : ` (${cell.errors.join('; ')})`;
  return [`    NOT AS EXPECTED ${ARM_TITLES[arm]}: ${cell.unexpected.join(', ')}${why}`];
}

export function matrixSummary(results: readonly ScenarioResult[], ms: number): string {
  const wrong = results.filter((result) => !isAsExpected(result));
  const took = formatDuration(ms * 1000);
  const played = `${plural(results.length, 'scenario')} in ${took}`;
  if (wrong.length === 0) return `${played}: all as expected.`;
  const names = [...new Set(wrong.map(({ scenario }) => scenario.name))];
  return `${played}: NOT as expected: ${names.join(', ')}.`;
}

/** What the percentages are of. */
export function throughputNote(results: readonly ScenarioResult[]): string {
  const cells = results.flatMap(({ rows }) => rows.flatMap((row) => ARMS.map((a) => row.cells[a])));
  if (cells.every((cell) => cell?.throughput === undefined)) return '';
  return 'Percentages: throughput, of what the same path carries without the behaviours.\n';
}
