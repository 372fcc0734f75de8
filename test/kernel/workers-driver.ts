/**
 * `run` without the command line, whose packet threads can be made to die: `node driver JSON` with
 * the options; a line `N` on standard input ends thread N. Prints `ready`, `ended EXITCODE`.
 */
import { createInterface } from 'node:readline';
import type { Worker } from 'node:worker_threads';
import { loadConfig } from '../../src/config/config.ts';
import { LiveShim } from '../../src/datapath/live-shim.ts';
import { openLog } from '../../src/telemetry/log.ts';

const config = await loadConfig(JSON.parse(process.argv[2] ?? '{}') as Record<string, unknown>);
const shim = await LiveShim.open(config, openLog({ level: 'info', format: 'json' }));
createInterface({ input: process.stdin }).on('line', (line) => {
  const threads = shim['workers']['runtimes'] as unknown as { readonly worker: Worker }[];
  void threads[Number(line)]?.worker.terminate();
});
await shim.start();
console.log('ready');
console.log(`ended ${await shim.done}`);
process.stdin.destroy();
