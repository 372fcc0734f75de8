/**
 * `diagnose --both CLIENT SERVER`: two files in, one comparison out. Owns the errors an operator
 * can make with two files.
 */
import { realpath } from 'node:fs/promises';
import { OperatorError } from '../../config/errors.ts';
import { EXIT_IMPOSSIBLE, EXIT_USAGE } from '../../config/exit-codes.ts';
import type { Report } from '../report.ts';
import { severityRank } from '../severity.ts';
import { type BothFinding, bothFindings } from './both-findings.ts';
import { bothJson } from './both-json.ts';
import { type Comparison, compareSides } from './compare-sides.ts';
import { printBoth } from './print-both.ts';
import { readSideBytes, sideOf } from './read-side.ts';

export interface BothReport {
  readonly comparison: Comparison;
  /** Worst first. */
  readonly findings: readonly BothFinding[];
}

export async function diagnoseBoth(names: readonly string[]): Promise<BothReport> {
  const [client, server] = names;
  if (client === undefined || server === undefined || names.length > 2 || names.includes('-')) {
    throw new OperatorError(
      'Cannot compare: --both takes two files, the client’s capture and the server’s: ' +
        'seqshim diagnose --both CLIENT SERVER',
      EXIT_USAGE,
    );
  }
  const bytes = [await readSideBytes(client), await readSideBytes(server)] as const;
  const isSame = (await pathOf(client)) === (await pathOf(server));
  if (isSame || Buffer.compare(bytes[0], bytes[1]) === 0) {
    throw new OperatorError(
      `Cannot compare "${client}" with itself: name a capture of each side`,
      EXIT_USAGE,
    );
  }
  const comparison = compareSides(sideOf(client, bytes[0]), sideOf(server, bytes[1]));
  refuse(comparison);
  return { comparison, findings: findingsOf(comparison) };
}

async function pathOf(name: string): Promise<string> {
  return realpath(name).catch(() => name);
}

function refuse({ client, server, flows, match, isSwapped }: Comparison): void {
  if (flows.length === 0) {
    const why =
      match.ambiguous.length > 0
        ? 'every connection could be more than one of the other side'
        : 'no connection is in both; capture the same time on both sides';
    throw new OperatorError(
      `Cannot compare "${client.name}" and "${server.name}": ${why}`,
      EXIT_IMPOSSIBLE,
    );
  }
  if (isSwapped) {
    throw new OperatorError(
      `Cannot compare: "${client.name}" looks like the server’s side, swap the two: ` +
        `seqshim diagnose --both ${server.name} ${client.name}`,
      EXIT_USAGE,
    );
  }
}

export function findingsOf({ flows }: Comparison): BothFinding[] {
  const all = flows.flatMap((flow) => bothFindings(flow, flow.pair.client.id));
  return all.sort((a, b) => severityRank(b.severity) - severityRank(a.severity));
}

/** `client` is what the client's capture shows by itself. */
export function bothText(report: BothReport, asJson: boolean, client?: Report): string {
  const { comparison, findings } = report;
  return asJson
    ? `${JSON.stringify(bothJson(comparison, findings, client?.hypotheses))}\n`
    : printBoth(comparison, findings, client);
}
