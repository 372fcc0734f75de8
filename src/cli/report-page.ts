/**
 * `report --html`: the page of `diagnose --html`, made from the evidence that a shim has recorded,
 * whether one runs or not. Owns which files are read, and the errors an operator can cause there.
 */
import { stat } from 'node:fs/promises';
import { pathsOf, type Values } from '../config/config.ts';
import { OperatorError } from '../config/errors.ts';
import { EXIT_IMPOSSIBLE } from '../config/exit-codes.ts';
import { evidenceFiles } from '../datapath/evidence/evidence-dir.ts';
import { diagnoseInput } from '../diagnose/diagnose.ts';
import { UNKNOWN } from '../diagnose/packet-record.ts';
import { inputErrorText } from '../diagnose/read-input.ts';
import type { Report } from '../diagnose/report.ts';
import { DiagnosePage } from './diagnose-page.ts';

/** False: nothing was recorded in that time, and no page is written. */
export async function writeReportPage(args: Values, sinceMs: number): Promise<boolean> {
  const page = await DiagnosePage.open(args);
  const { evidenceDir } = pathsOf(args);
  const fromMs = Date.now() - sinceMs;
  let isEmpty = true;
  for (const file of await filesSince(evidenceDir, fromMs)) {
    const report = await reportOf(file, page);
    if (report === undefined) continue;
    const recent = reportSince(report, fromMs * 1000);
    if (recent.flows.length === 0) continue;
    await page.add(file, recent);
    isEmpty = false;
  }
  if (!isEmpty) await page.write();
  return !isEmpty;
}

/** undefined: nothing of it can be read, or it was the oldest and has just gone. */
async function reportOf(file: string, page: DiagnosePage): Promise<Report | undefined> {
  try {
    const outcome = await diagnoseInput(file, page.wishes());
    return outcome.kind === 'report' ? outcome.report : undefined;
  } catch (error) {
    if (inputErrorText(file, error) === undefined) throw error;
    return undefined;
  }
}

async function filesSince(dir: string, fromMs: number): Promise<string[]> {
  const recent: string[] = [];
  try {
    for (const file of await evidenceFiles(dir)) {
      if ((await stat(file)).mtimeMs >= fromMs) recent.push(file);
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return recent;
    const why =
      code === 'EACCES' ? 'permission denied, run this as root or in group seqshim' : code;
    throw new OperatorError(`Cannot read evidence in "${dir}": ${why}`, EXIT_IMPOSSIBLE);
  }
  return recent;
}

/** Connections of which something was recorded since then. */
function reportSince(report: Report, fromUs: number): Report {
  const flows = report.flows.filter(({ lastUs }) => lastUs === UNKNOWN || lastUs >= fromUs);
  const ids = new Set(flows.map(({ id }) => id));
  return {
    ...report,
    flows,
    findings: report.findings.filter(({ flow }) => ids.has(flow)),
    hypotheses: report.hypotheses.filter(({ flow }) => ids.has(flow)),
  };
}
