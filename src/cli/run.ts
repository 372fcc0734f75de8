/** `run`: the shim in the foreground, until a signal, the end of --for, or a failure. */
import { loadConfig, type Values } from '../config/config.ts';
import { EXIT_NO } from '../config/exit-codes.ts';
import { LiveShim } from '../datapath/live-shim.ts';
import { openLog } from '../telemetry/log.ts';

export async function run(args: Values): Promise<number> {
  const config = await loadConfig(args);
  const log = openLog({
    level: config.logLevel,
    format: config.logFormat,
    journalStream: config.journalStream,
  });
  const shim = new LiveShim(config, log);
  let signals = 0;
  const onSignal = (signal: NodeJS.Signals) => {
    signals++;
    log.info({ signal }, signals === 1 ? 'stopping for good' : 'leaving at once');
    if (signals > 1) process.exit(EXIT_NO);
    void shim.stop();
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  process.on('SIGHUP', () => log.info({}, 'nothing to reload: restart to change options'));
  await shim.start();
  const exitCode = await shim.done;
  process.off('SIGTERM', onSignal);
  process.off('SIGINT', onSignal);
  return exitCode;
}
