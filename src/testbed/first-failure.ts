/**
 * The first connection in a capture that something was found on, and what `diagnose` says of it.
 * Owns nothing.
 */
import { diagnoseInput } from '../diagnose/diagnose.ts';
import type { Finding } from '../diagnose/finding.ts';
import type { Flow } from '../diagnose/flow.ts';
import type { Wording } from '../diagnose/wording.ts';

export interface Failure {
  readonly flow: Flow;
  readonly findings: readonly Finding[];
  readonly wording: Wording;
}

/** undefined: nothing was found, or nothing can be read of it. */
export async function firstFailureIn(capture: string): Promise<Failure | undefined> {
  const outcome = await diagnoseInput(capture);
  if (outcome.kind !== 'report') return undefined;
  const { findings, flows, wording } = outcome.report;
  const serious = findings.filter(({ severity }) => severity !== 'note');
  const counted = serious.length > 0 ? serious : findings;
  const id = Math.min(...counted.map(({ flow }) => flow));
  const flow = flows.find((one) => one.id === id);
  if (flow === undefined) return undefined;
  return { flow, findings: findings.filter((one) => one.flow === id), wording };
}
