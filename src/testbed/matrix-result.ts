/** What came of scenarios: cells, rows and the whole, as every printer takes it. A leaf. */
import type { ScenarioFile } from './scenario-file.ts';

export const ARMS = ['without', 'with'] as const;
export type Arm = (typeof ARMS)[number];

export interface Cell {
  readonly ok: number;
  readonly count: number;
  /** Of the attempts that succeeded. */
  readonly medianMs: number;
  /** The median of what is measured, and its part of what the path carries without behaviours. */
  readonly bitsPerSecond?: number;
  readonly throughput?: number;
  /** Of attempts that failed, each once. */
  readonly errors: readonly string[];
  /** What was expected and did not come, a phrase each; empty: as expected. */
  readonly unexpected: readonly string[];
}

/** One workload of a scenario, over one address family. */
export interface Row {
  readonly workload: string;
  readonly family: 4 | 6;
  readonly cells: Readonly<Partial<Record<Arm, Cell>>>;
}

export interface ScenarioResult {
  readonly scenario: ScenarioFile;
  /** From 1. */
  readonly round: number;
  readonly ms: number;
  readonly rows: readonly Row[];
  /** Actions of the shim that changed what an end received, by code. */
  readonly interventions: Readonly<Record<string, number>>;
  /** Taken at the client; where it was asked for. */
  readonly captures: Readonly<Partial<Record<Arm, string>>>;
  /** Why it could not be played to its end. */
  readonly problem?: string;
}

export function isAsExpected({ rows, problem }: ScenarioResult): boolean {
  const cells = rows.flatMap((row) => Object.values(row.cells));
  return problem === undefined && cells.every(({ unexpected }) => unexpected.length === 0);
}
