/**
 * `down`: no rule of ours remains. A running shim is asked to stop first, so that it can end what
 * only lives by its translation; `--now` does not wait for that.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { pathsOf, type Values } from '../config/config.ts';
import { OperatorError } from '../config/errors.ts';
import { EXIT_NO, EXIT_NOT_RUNNING, EXIT_OK } from '../config/exit-codes.ts';
import { KEEP_CHAIN, keepRuleStands } from '../datapath/conntrack/keep-rule.ts';
import { tidySurvivors } from '../datapath/conntrack/survivors.ts';
import { endLeft } from '../datapath/end-left.ts';
import { takeLock } from '../datapath/instance-lock.ts';
import { demandCapabilities } from '../datapath/privileges.ts';
import { clean } from '../datapath/rules/clean.ts';
import { ask } from '../telemetry/control-client.ts';
import { VERSION } from '../version.ts';

const PATIENCE_MS = 5000;
const LOOK_MS = 100;

export async function down(args: Values): Promise<number> {
  demandCapabilities('remove rules');
  if (args['ended'] === true) return ended();
  const { control, runDir } = pathsOf(args);
  if (args['now'] !== true && (await stopRunning(control))) {
    process.stdout.write('the running shim has stopped\n');
  }
  const count = await endWhatIsLeft(runDir);
  if (count > 0) process.stdout.write(`${endings(count)}\n`);
  const outcome = clean(VERSION);
  process.stdout.write(outcome.stdout);
  process.stderr.write(outcome.ok ? '' : outcome.stderr);
  const live = keepRuleStands() ? tidySurvivors(true) : 0;
  if (live > 0) process.stdout.write(`${survivors(live)}\n`);
  return outcome.ok ? EXIT_OK : EXIT_NO;
}

/** Of a service that has left its connections to the next run. One that runs knows them itself. */
async function endWhatIsLeft(runDir: string): Promise<number> {
  const lock = await takeLock();
  if (!('release' in lock)) return 0;
  try {
    const { openLog } = await import('../telemetry/log.ts'); // rules go without it too
    return endLeft(runDir, openLog({ level: 'error', format: 'text' }));
  } finally {
    lock.release();
  }
}

/** For a script that looks now and then. An instance that runs looks after them itself. */
async function ended(): Promise<number> {
  const lock = await takeLock();
  if (!('release' in lock)) return EXIT_OK;
  try {
    return tidySurvivors(true) > 0 ? EXIT_NO : EXIT_OK;
  } finally {
    lock.release();
  }
}

/** Asks the running instance to stop for good and waits until it does not answer any more. */
async function stopRunning(control: string): Promise<boolean> {
  try {
    await ask(control, { op: 'stop' });
  } catch (error) {
    if (error instanceof OperatorError && error.exitCode === EXIT_NOT_RUNNING) return false;
    throw error;
  }
  for (let waitedMs = 0; waitedMs < PATIENCE_MS; waitedMs += LOOK_MS) {
    await pause(LOOK_MS);
    try {
      await ask(control, { op: 'status' });
    } catch {
      return true;
    }
  }
  return false;
}

function endings(count: number): string {
  const which = count === 1 ? '1 connection was' : `${count} connections were`;
  return `${which} ended: nobody would have translated them any more`;
}

function survivors(live: number): string {
  const which = live === 1 ? '1 connection is' : `${live} connections are`;
  return (
    `${which} translated by the kernel: the rule ${KEEP_CHAIN} stays until they end, ` +
    'then run seqshim down once more'
  );
}
