/**
 * `check`: the preflight, one line each; exit 0 ready, 1 with warnings, 4 when something blocks.
 */
import { configOf, list, type Values } from '../config/config.ts';
import { EXIT_IMPOSSIBLE, EXIT_NO, EXIT_OK } from '../config/exit-codes.ts';
import { readSettings } from '../config/settings.ts';
import { preflight } from '../datapath/preflight.ts';

export async function check(args: Values): Promise<number> {
  const named = readSettings(args);
  const settings =
    list(named.values, 'target').length > 0 ? named : readSettings({ ...args, target: ['all'] });
  const config = await configOf(settings);
  const results = await preflight(config);
  if (args['json'] === true) {
    process.stdout.write(`${JSON.stringify({ schema: 1, checks: results })}\n`);
  } else {
    for (const { level, name, line } of results) {
      process.stdout.write(`${level.padEnd(8)} ${name.padEnd(12)} ${line}\n`);
    }
  }
  if (results.some((result) => result.level === 'blocks')) return EXIT_IMPOSSIBLE;
  return results.some((result) => result.level === 'warning') ? EXIT_NO : EXIT_OK;
}
