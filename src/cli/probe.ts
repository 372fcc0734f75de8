/**
 * `probe`: tries the path itself, beside a running shim too. Exit 0 clean, 1 findings or failed
 * attempts, 2 usage, 3 `--compare` without a shim, 4 not possible here, or nothing seen.
 */
import { pathsOf, text, type Values } from '../config/config.ts';
import { OptionError } from '../config/errors.ts';
import { EXIT_IMPOSSIBLE, EXIT_NO, EXIT_OK } from '../config/exit-codes.ts';
import { demandCapabilities } from '../datapath/privileges.ts';
import { attemptText, printProbe } from '../probe/print-probe.ts';
import {
  AFTERMATH_MS,
  ATTEMPT_MS_MAX,
  type Plan,
  type ProbeResult,
  runProbe,
  SACK_MS_MAX,
} from '../probe/probe.ts';
import { probeJson } from '../probe/probe-json.ts';
import { demandShim, findShim } from '../probe/shim-beside.ts';
import { successes } from '../probe/summary.ts';
import { resolveHostPort } from '../probe/target.ts';

const COUNT_MAX = 100;

export async function probe(args: Values): Promise<number> {
  const plan = await planOf(args);
  const abort = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => abort.abort());
  tell(startText(plan));
  const result = await runProbe(plan, abort.signal, (attempt, count) => {
    tell(`  ${attempt.number}/${count} ${attemptText(attempt)}`);
  });
  const asJson = args['json'] === true;
  process.stdout.write(asJson ? `${JSON.stringify(probeJson(result))}\n` : printProbe(result));
  return exitCodeOf(result);
}

async function planOf(args: Values): Promise<Plan> {
  const written = String(args['target']);
  const count = countOf(text(args, 'count') ?? '5');
  const compare = args['compare'] === true;
  const target = await resolveHostPort(written);
  demandCapabilities('probe');
  const found = await findShim(pathsOf(args).control);
  return { target, count, compare, shim: compare ? demandShim(found) : found };
}

function countOf(written: string): number {
  const count = Number(written);
  if (/^\d+$/.test(written) && count >= 1 && count <= COUNT_MAX) return count;
  throw new OptionError('count', `"${written}"`, `it must be from 1 to ${COUNT_MAX}`);
}

function startText({ target, count, compare }: Plan): string {
  const attempts = compare ? 2 * count : count;
  // One more from the same port.
  const longestMs = attempts * (ATTEMPT_MS_MAX + SACK_MS_MAX) + ATTEMPT_MS_MAX + AFTERMATH_MS;
  const seconds = Math.ceil(longestMs / 1000);
  const what = compare ? `${count} attempts each way` : `${count} attempts`;
  return `probing ${target.name} (${target.address}): ${what}, a second apart, at most ${seconds} s`;
}

function tell(line: string): void {
  process.stderr.write(`${line}\n`);
}

function exitCodeOf({ attempts, report, plan, portReuse, sack }: ProbeResult): number {
  if (report.findings.some(({ severity }) => severity !== 'note')) return EXIT_NO;
  if (portReuse?.verdict === 'fails' || sack?.verdict === 'shifted') return EXIT_NO;
  const made = attempts.filter(({ outcome }) => outcome !== 'stopped');
  if (made.length === 0) return EXIT_IMPOSSIBLE;
  const good = successes(attempts, plan.target.port);
  return made.every((attempt) => good.has(attempt)) ? EXIT_OK : EXIT_NO;
}
