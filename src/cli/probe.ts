/**
 * `probe`: tries the path itself, beside a running shim too. Exit 0 clean, 1 findings or failed
 * attempts, 2 usage, 3 `--compare` without a shim, 4 not possible here, or nothing seen.
 */
import { pathsOf, text, type Values } from '../config/config.ts';
import { parseMilliseconds } from '../config/duration.ts';
import { OptionError } from '../config/errors.ts';
import { EXIT_IMPOSSIBLE, EXIT_NO, EXIT_OK } from '../config/exit-codes.ts';
import { demandCapabilities } from '../datapath/privileges.ts';
import { plural } from '../diagnose/wording.ts';
import { printProbe } from '../probe/print-probe.ts';
import { type Plan, type ProbeResult, probeMsMax, runProbe } from '../probe/probe.ts';
import { probeJson } from '../probe/probe-json.ts';
import { demandShim, findShim } from '../probe/shim-beside.ts';
import { successes } from '../probe/summary.ts';
import { resolveHostPort } from '../probe/target.ts';

const COUNT_MAX = 100;
const IDLE_DEFAULT = '1h';
const IDLE_S_MIN = 2;
const IDLE_S_MAX = 32_400;

export async function probe(args: Values): Promise<number> {
  const plan = await planOf(args);
  const abort = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => abort.abort());
  tell(startText(plan));
  const result = await runProbe(plan, abort.signal, (line) => tell(`  ${line}`));
  const asJson = args['json'] === true;
  process.stdout.write(asJson ? `${JSON.stringify(probeJson(result))}\n` : printProbe(result));
  return exitCodeOf(result);
}

async function planOf(args: Values): Promise<Plan> {
  const written = String(args['target']);
  const count = countOf(text(args, 'count') ?? '5');
  const compare = args['compare'] === true;
  const idleMaxS = idleOf(args['idle']);
  const target = await resolveHostPort(written);
  demandCapabilities('probe');
  const found = await findShim(pathsOf(args).control);
  return { target, count, compare, idleMaxS, shim: compare ? demandShim(found) : found };
}

function countOf(written: string): number {
  const count = Number(written);
  if (/^\d+$/.test(written) && count >= 1 && count <= COUNT_MAX) return count;
  throw new OptionError('count', `"${written}"`, `it must be from 1 to ${COUNT_MAX}`);
}

function startText(plan: Plan): string {
  const { target, count, compare, idleMaxS } = plan;
  const seconds = Math.ceil(probeMsMax(plan) / 1000);
  const what = `${plural(count, 'attempt')}${compare ? ' each way' : ''}`;
  const idle = idleMaxS === 0 ? '' : `, silences of up to ${idleMaxS} s`;
  const name = `${target.name} (${target.address})`;
  return `probing ${name}: ${what}, a second apart${idle}, at most ${seconds} s`;
}

/** Whole seconds, as far as the kernel's keep-alives go. */
function idleOf(written: unknown): number {
  if (written === undefined) return 0;
  const given = String(written) === '' ? IDLE_DEFAULT : String(written);
  const seconds = Math.round(parseMilliseconds('--idle', given) / 1000);
  if (seconds >= IDLE_S_MIN && seconds <= IDLE_S_MAX) return seconds;
  throw new OptionError('idle', `"${given}"`, 'it must be from 2s to 9h');
}

function tell(line: string): void {
  process.stderr.write(`${line}\n`);
}

function exitCodeOf(result: ProbeResult): number {
  const { attempts, report, plan, portReuse, sack, idle, reflect } = result;
  const findings = [...report.findings, ...(reflect?.findings ?? [])];
  if (findings.some(({ severity }) => severity !== 'note')) return EXIT_NO;
  if (portReuse?.verdict === 'fails' || sack?.verdict === 'shifted') return EXIT_NO;
  if (idle?.verdict === 'forgets') return EXIT_NO;
  const made = attempts.filter(({ outcome }) => outcome !== 'stopped');
  if (made.length === 0) return EXIT_IMPOSSIBLE;
  const good = successes(attempts, plan.target.port);
  return made.every((attempt) => good.has(attempt)) ? EXIT_OK : EXIT_NO;
}
