/**
 * The codes of `diagnose`: those of the live shim, with their severity, and the few that only a
 * reader of a finished trace can give. Owns the latter. Names are API, as in the registry.
 */
import { codeByName, type Severity } from '../telemetry/registry.ts';

/** What the shim itself has no event for. */
const TRACE_ONLY: Readonly<Record<string, Severity>> = {
  'rst-no-connection': 'warning',
  'rst-by-owner': 'note',
  'connection-refused': 'warning',
  'syn-unanswered': 'warning',
  'checksum-offload': 'note',
};

export function severityOf(code: string): Severity {
  const severity = codeByName(code)?.severity ?? TRACE_ONLY[code];
  if (severity === undefined) throw new Error(`no code ${code}`);
  return severity;
}

const RANKS: readonly Severity[] = ['note', 'warning', 'error'];

export function severityRank(severity: Severity): number {
  return RANKS.indexOf(severity);
}
