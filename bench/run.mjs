/**
 * `npm run bench [-- --quick] [-- --json]`: the engine alone, then real traffic. Six minutes at
 * most; without root the second part says why it was not run.
 */
import { benchEngine, printEngine } from './engine.mjs';
import { benchLive, printLive } from './live.mjs';

const quick = process.argv.includes('--quick');
const json = process.argv.includes('--json');

const engine = await benchEngine({ quick });
if (!json) printEngine(engine);
const live = await benchLive({ quick });
if (json) {
  console.log(JSON.stringify({ schema: 1, node: process.version, engine, live }));
} else {
  console.log('');
  printLive(live);
}
