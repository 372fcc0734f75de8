/**
 * `simulate`: random worlds under the oracle, until enough of them or until the time is up. Exit 0:
 * every claim holds, 1: one does not, and which, 2: usage.
 */
import { availableParallelism } from 'node:os';
import { text, type Values, wholeNumber } from '../config/config.ts';
import { OptionError } from '../config/errors.ts';
import { EXIT_NO, EXIT_OK } from '../config/exit-codes.ts';
import { printSwarm, swarmJson } from '../datapath/sim/print-swarm.ts';
import { runSwarm, type SwarmQuestion } from '../datapath/sim/swarm.ts';
import { explain } from '../datapath/sim/swarm-block.ts';

const SEED_MAX = 0x7fffffff;
const CONNECTIONS_MAX = 1e12;
const CONNECTIONS_DEFAULT = 10_000;
const THREADS_MAX = 256;
const HOURS_MAX = 10_000;
const HOUR_MS = 3_600_000;
const PROGRESS_MS = 1000;

export async function simulate(args: Values): Promise<number> {
  const seed = numberOf(args, 'seed', 1, 0, SEED_MAX);
  const hours = text(args, 'hours') === undefined ? undefined : hoursOf(text(args, 'hours') ?? '');
  const many = hours === undefined ? CONNECTIONS_DEFAULT : CONNECTIONS_MAX;
  const connections = numberOf(args, 'connections', many, 1, CONNECTIONS_MAX);
  const threadCount = numberOf(args, 'threads', availableParallelism(), 1, THREADS_MAX);
  const startedMs = performance.now();
  const untilMs = hours === undefined ? Number.POSITIVE_INFINITY : startedMs + hours * HOUR_MS;
  const abort = new AbortController();
  const stop = () => abort.abort();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, stop);
  const tally = await runSwarm({
    seed,
    connections,
    threadCount,
    isOver: () => abort.signal.aborted || performance.now() >= untilMs,
    onProgress: progress(startedMs),
  });
  const seconds = (performance.now() - startedMs) / 1000;
  // Explaining takes a while: now Ctrl-C ends at once.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.removeListener(signal, stop);
  const [first] = tally.failures;
  const explanation = first === undefined ? null : explain(first.seed);
  if (args['json'] === true) {
    process.stdout.write(`${JSON.stringify(swarmJson(seed, tally, explanation))}\n`);
  } else {
    process.stdout.write(printSwarm(seed, tally, explanation, seconds));
  }
  return tally.failures.length === 0 ? EXIT_OK : EXIT_NO;
}

/** One line that is written over, where somebody looks. */
function progress(startedMs: number): SwarmQuestion['onProgress'] {
  let shownMs = startedMs;
  return ({ connections, failures }) => {
    const nowMs = performance.now();
    if (!process.stderr.isTTY || nowMs - shownMs < PROGRESS_MS) return;
    shownMs = nowMs;
    const failed = failures.length === 0 ? '' : `, ${failures.length} worlds failed`;
    process.stderr.write(`\r${connections} connections${failed} `);
  };
}

function numberOf(
  args: Values,
  name: string,
  fallback: number,
  least: number,
  most: number,
): number {
  const written = text(args, name);
  return written === undefined ? fallback : wholeNumber(name, written, least, most);
}

function hoursOf(written: string): number {
  const hours = Number(written);
  if (/^\d+(\.\d+)?$/.test(written) && hours > 0 && hours <= HOURS_MAX) return hours;
  throw new OptionError('hours', `"${written}"`, `it must be more than 0, at most ${HOURS_MAX}`);
}
