/** `keep`: what was started for a trial goes on. */
import { pathsOf, type Values } from '../config/config.ts';
import { EXIT_OK } from '../config/exit-codes.ts';
import { ask } from '../telemetry/control-client.ts';

export async function keep(args: Values): Promise<number> {
  const answer = await ask(pathsOf(args).control, { op: 'keep' });
  const kept = answer['kept'] === true;
  process.stdout.write(
    kept ? 'kept: it goes on until stopped\n' : 'nothing to keep: no end is set\n',
  );
  return EXIT_OK;
}
