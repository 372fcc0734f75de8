/**
 * `report`: what was repaired, by destination and code, and whether that is still needed. Exit 0
 * safe to remove, 1 still needed, 4 not enough evidence. The page of `--html` is written first: it
 * needs no shim that runs.
 */
import { pathsOf, type Values } from '../config/config.ts';
import { parseMilliseconds } from '../config/duration.ts';
import { OperatorError } from '../config/errors.ts';
import { EXIT_IMPOSSIBLE, EXIT_NO, EXIT_OK } from '../config/exit-codes.ts';
import { ask } from '../telemetry/control-client.ts';
import type { Verdict } from '../telemetry/removal.ts';
import { type RepairReport, reportText } from '../telemetry/repair-report.ts';
import { writeReportPage } from './report-page.ts';

const EXIT_CODES: Readonly<Record<Verdict, number>> = {
  safe: EXIT_OK,
  needed: EXIT_NO,
  unknown: EXIT_IMPOSSIBLE,
};

export async function report(args: Values): Promise<number> {
  const since = String(args['since']);
  const sinceMs = parseMilliseconds('--since', since);
  if (sinceMs < 1)
    throw new OperatorError(`Cannot look back --since "${since}": say for example 7d`);
  const hasPage = args['html'] === undefined || (await writeReportPage(args, sinceMs));
  if (!hasPage) {
    process.stderr.write(`No page: no evidence was recorded since ${since}. See --evidence\n`);
  }
  const answer = await ask(pathsOf(args).control, { op: 'report', sinceMs });
  const found = answer as unknown as RepairReport;
  process.stdout.write(args['json'] === true ? `${JSON.stringify(found)}\n` : reportText(found));
  return hasPage ? EXIT_CODES[found.verdict] : EXIT_IMPOSSIBLE;
}
