/**
 * `diagnose`: files in, report out. Needs no root and no native module. Exit 0 clean, 1 findings of
 * at least `--fail-on` or a failure that ssh names, 2 unusable input, 4 not enough evidence; of
 * several inputs the one that matters most: findings, then unusable, then not enough.
 */
import type { Values } from '../config/config.ts';
import { OperatorError } from '../config/errors.ts';
import { EXIT_IMPOSSIBLE, EXIT_NO, EXIT_OK, EXIT_USAGE } from '../config/exit-codes.ts';
import { bothText, diagnoseBoth } from '../diagnose/both/diagnose-both.ts';
import { settledByBoth } from '../diagnose/both/settled-by-both.ts';
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
    demandRealNames(args);
    return compareBoth(names, await DiagnosePage.open(args), args['json'] === true, failOn);
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

/** Packets are matched by what they carry, addresses included, and only when all are there. */
function demandRealNames(args: Values): void {
  for (const name of ['anonymize', 'anonymize-key', 'follow']) {
    if (args[name] === undefined || args[name] === false) continue;
    throw new OperatorError(`Cannot use --${name} with --both: leave one of them out`, EXIT_USAGE);
  }
}

async function compareBoth(
  names: readonly string[],
  page: DiagnosePage,
  asJson: boolean,
  failOn: Severity,
): Promise<number> {
  const both = await diagnoseBoth(names);
  const [clientName = '', serverName = ''] = names;
  const client = await sideReport(clientName, {
    ...page.wishes(),
    isSettled: settledByBoth(both.comparison, 'client'),
  });
  if (client !== undefined) await page.add(clientName, client, both);
  const server = page.isWanted
    ? await sideReport(serverName, {
        ...page.wishes(),
        isSettled: settledByBoth(both.comparison, 'server'),
      })
    : undefined;
  if (server !== undefined) await page.add(serverName, server);
  await page.write();
  process.stdout.write(bothText(both, asJson, client));
  return hasFinding(both, failOn) ? EXIT_NO : EXIT_OK;
}

/** What one side shows by itself; it has been read once, and was usable. */
async function sideReport(name: string, wishes: Wishes): Promise<Report | undefined> {
  const outcome = await diagnoseOrFail(name, wishes, {});
  return outcome.kind === 'report' ? outcome.report : undefined;
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
