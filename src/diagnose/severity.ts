/** The severity of a code of the registry, and which of two is the graver. Pure. */
import type { Severity } from '../telemetry/code-entry.ts';
import { codeByName } from '../telemetry/registry.ts';

/** Throws for a name that the registry does not have: our own mistake. */
export function severityOf(code: string): Severity {
  const severity = codeByName(code)?.severity;
  if (severity === undefined) throw new Error(`no code ${code}`);
  return severity;
}

const RANKS: readonly Severity[] = ['note', 'warning', 'error'];

export function severityRank(severity: Severity): number {
  return RANKS.indexOf(severity);
}
