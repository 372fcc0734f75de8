/** `run`: the shim in the foreground, until a signal, the end of --for, or a failure. */
import type { Logger } from 'pino';
import { configOf, type Values } from '../config/config.ts';
import { OperatorError } from '../config/errors.ts';
import { EXIT_NO } from '../config/exit-codes.ts';
import { planReload } from '../config/reload.ts';
import { readSettings, type Settings } from '../config/settings.ts';
import { LiveShim } from '../datapath/live-shim.ts';
import { openLog } from '../telemetry/log.ts';

export async function run(args: Values): Promise<number> {
  let settings = readSettings(args);
  const config = await configOf(settings);
  const log = openLog({
    level: config.logLevel,
    format: config.logFormat,
    journalStream: config.journalStream,
  });
  const shim = await LiveShim.open(config, log);
  let signals = 0;
  const onSignal = (signal: NodeJS.Signals) => {
    signals++;
    if (signals > 1) log.info({ signal }, 'leaving at once');
    if (signals > 1) process.exit(EXIT_NO);
    void shim.signalled();
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  const started = shim.start();
  // One after the other, and none before it runs.
  let turn: Promise<void> = started.catch(() => {});
  process.on('SIGHUP', () => {
    turn = turn.then(async () => {
      settings = await reload(args, settings, shim, log);
    });
  });
  await started;
  const exitCode = await shim.done;
  process.off('SIGTERM', onSignal);
  process.off('SIGINT', onSignal);
  return exitCode;
}

/** All of it or nothing, and one line either way. Returns what holds from now on. */
async function reload(
  args: Values,
  before: Settings,
  shim: LiveShim,
  log: Logger,
): Promise<Settings> {
  try {
    const after = readSettings(args);
    const next = await configOf(after);
    const { changed, needRestart } = planReload(before, after);
    if (needRestart.length > 0) {
      log.error({ needRestart }, 'not reloaded, nothing has changed: these options need a restart');
      return before;
    }
    await shim.reload(next);
    log.info({ changed }, 'reloaded');
    return after;
  } catch (error) {
    // Ours to mend, if it is no operator's; connections are looked after as before.
    const because = error instanceof OperatorError ? error.message : (error as Error).stack;
    log.error({ because }, 'not reloaded, nothing has changed');
    return before;
  }
}
