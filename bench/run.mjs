/**
 * `npm run bench [-- --quick | --full] [-- --json]`: the engine alone, real traffic beside what one
 * might use instead, latency under load, translated connections, two gateways, SACK repair. Forty
 * minutes, `--quick` three and `--full` two hours; without root only the first part runs, and the
 * others say so. On an idle machine.
 */
import { benchEngine, printEngine } from './engine.mjs';
import { benchLive, printLive } from './live.mjs';
import { benchSack, printSack } from './sack.mjs';
import { benchSteady, printSteady } from './steady.mjs';
import { benchTakeover, printTakeover } from './takeover.mjs';
import { benchTranslation, printTranslation } from './translation.mjs';

const quick = process.argv.includes('--quick');
const json = process.argv.includes('--json');
const FULL = {};
const SHORT = { seconds: 5, rounds: 3 };
const QUICK = { seconds: 2, rounds: 1, only: 'up' };

const parts = {
  engine: [() => benchEngine({ quick }), printEngine],
  live: [() => benchLive({ quick }), printLive],
  steady: [() => benchSteady({ quick }), printSteady],
  translation: [() => benchTranslation({ quick }), printTranslation],
  takeover: [() => benchTakeover({ quick }), printTakeover],
  sack: [
    () => benchSack(quick ? QUICK : process.argv.includes('--full') ? FULL : SHORT),
    printSack,
  ],
};
const results = { schema: 1, node: process.version };
for (const [name, [measure, print]] of Object.entries(parts)) {
  results[name] = await measure();
  if (json) continue;
  print(results[name]);
  console.log('');
}
if (json) console.log(JSON.stringify(results));
