/**
 * `diagnose`: files in, report out. Needs no root and no native module. Exit 0 clean, 1 findings of
 * at least `--fail-on` or a failure that ssh names, 2 unusable input, 4 not enough evidence; of
 * several inputs the one that matters most: findings, then unusable, then not enough.
 */
import type { Values } from '../config/config.ts';
import { OperatorError } from '../config/errors.ts';
import { EXIT_IMPOSSIBLE, EXIT_NO, EXIT_OK, EXIT_USAGE } from '../config/exit-codes.ts';
import { bothText, diagnoseBoth } from '../diagnose/both/diagnose-both.ts';
import { diagnoseInput, type Outcome, type Wishes } from '../diagnose/diagnose.ts';
import { explainSuspect } from '../diagnose/explain-suspect.ts';
import { printReport } from '../diagnose/print-report.ts';
import { inputErrorText } from '../diagnose/read-input.ts';
import { type Report, reportJson } from '../diagnose/report.ts';
import { severityRank } from '../diagnose/severity.ts';
import { isSettledBySsh } from '../diagnose/ssh-debug/with-ssh.ts';
import type { Severity } from '../telemetry/code-entry.ts';
import { DiagnosePage } from './diagnose-page.ts';
import { demandOneInput, followInput } from './follow.ts';

export async function diagnose(args: Values): Promise<number> {
  const explain = args['explain'];
  if (typeof explain === 'string') {
    process.stdout.write(explainSuspect(explain));
    return EXIT_OK;
  }
  const files = args['file'];
  const names = Array.isArray(files) ? files.map(inputName) : [];
  if (names.length === 0) {
    throw new OperatorError(
      'Say what to read, for example: seqshim diagnose trace.txt',
      EXIT_USAGE,
    );
  }
  const failOn = args['fail-on'] as Severity;
  if (args['both'] === true) {
    demandPlainBoth(args);
    const report = await diagnoseBoth(names);
    process.stdout.write(bothText(report, args['json'] === true));
    return hasFinding(report, failOn) ? EXIT_NO : EXIT_OK;
  }
  if (args['follow'] === true) demandOneInput(names);
  const page = await DiagnosePage.open(args);
  const reports: Report[] = [];
  let unusable = false;
  let notEnough = false;
  for (const name of names) {
    const outcome = await diagnoseOrFail(name, page.wishes(), args);
    if (outcome.kind === 'report') {
      reports.push(outcome.report);
      await page.add(name, outcome.report);
      if (!outcome.report.enough) notEnough = true;
      if (outcome.problem !== undefined) {
        process.stderr.write(`${outcome.problem}\n`);
        unusable = true;
      }
    } else {
      process.stderr.write(`${outcome.problem}\n`);
      if (outcome.kind === 'unusable') unusable = true;
      else notEnough = true;
    }
  }
  await page.write();
  if (args['json'] === true) process.stdout.write(`${JSON.stringify(reportJson(reports))}\n`);
  else process.stdout.write(reports.map(printReport).join('\n'));
  if (reports.some((report) => hasFinding(report, failOn) || isSettledBySsh(report))) {
    return EXIT_NO;
  }
  if (unusable) return EXIT_USAGE;
  return notEnough ? EXIT_IMPOSSIBLE : EXIT_OK;
}

/** Two sides are told in text and JSON only, and with the names they have. */
function demandPlainBoth(args: Values): void {
  for (const name of ['html', 'anonymize', 'anonymize-key', 'follow']) {
    if (args[name] === undefined || args[name] === false) continue;
    throw new OperatorError(`Cannot use --${name} with --both: leave one of them out`, EXIT_USAGE);
  }
}

/** The command line hands `-` over by its other name. */
function inputName(word: unknown): string {
  return word === '/dev/stdin' ? '-' : String(word);
}

async function diagnoseOrFail(name: string, wishes: Wishes, args: Values): Promise<Outcome> {
  try {
    if (args['follow'] === true) return await followInput(name, wishes, args);
    return await diagnoseInput(name, wishes);
  } catch (error) {
    const problem = inputErrorText(name, error);
    if (problem === undefined) throw error;
    throw new OperatorError(problem, EXIT_USAGE);
  }
}

function hasFinding(
  { findings, ended }: Pick<Report, 'findings'> & Partial<Pick<Report, 'ended'>>,
  failOn: Severity,
): boolean {
  const counted = [...(ended?.findings.values() ?? [])];
  return [...findings, ...counted].some(
    ({ severity }) => severityRank(severity) >= severityRank(failOn),
  );
}
