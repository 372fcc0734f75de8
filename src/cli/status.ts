/** `status`: one page, or JSON; exit 0 ok, 1 degraded, 3 not running. */
import { pathsOf, type Values } from '../config/config.ts';
import { EXIT_NO, EXIT_OK } from '../config/exit-codes.ts';
import { ask } from '../telemetry/control-client.ts';
import { type Status, statusText } from '../telemetry/status.ts';

export async function status(args: Values): Promise<number> {
  const answer = (await ask(pathsOf(args).control, { op: 'status' })) as Status;
  process.stdout.write(args['json'] === true ? `${JSON.stringify(answer)}\n` : statusText(answer));
  return answer.state === 'ok' ? EXIT_OK : EXIT_NO;
}
