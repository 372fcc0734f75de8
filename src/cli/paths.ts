/** `paths`: what is known of destinations; `--forget` takes it back. */
import { isIP } from 'node:net';
import { pathsOf, type Values } from '../config/config.ts';
import { OperatorError } from '../config/errors.ts';
import { EXIT_NO, EXIT_OK, EXIT_USAGE } from '../config/exit-codes.ts';
import { ask } from '../telemetry/control-client.ts';
import { type PathView, pathLine } from '../telemetry/path-view.ts';

export async function paths(args: Values): Promise<number> {
  const { control } = pathsOf(args);
  const forget = args['forget'];
  if (forget !== undefined) {
    const { address, port } = destination(String(forget));
    const answer = await ask(control, { op: 'forget', address, port });
    const forgotten = Number(answer['forgotten']);
    const text =
      forgotten === 0 ? `nothing is known of ${forget}` : `forgotten: ${forget} (${forgotten})`;
    print(args, answer, `${text}\n`);
    return forgotten === 0 ? EXIT_NO : EXIT_OK;
  }
  const answer = await ask(control, { op: 'paths' });
  const list = answer['paths'] as readonly PathView[];
  const lines = list.length === 0 ? ['no fault is known of any destination'] : list.map(pathLine);
  print(args, answer, `${lines.join('\n')}\n`);
  return EXIT_OK;
}

function print(args: Values, answer: unknown, text: string): void {
  process.stdout.write(args['json'] === true ? `${JSON.stringify(answer)}\n` : text);
}

/** `ADDRESS`, `ADDRESS:PORT`, `[ADDRESS]:PORT`; port 0 is all of them. */
function destination(written: string): { address: string; port: number } {
  const [, bracketed, plain, port] = /^(?:\[(.+)\]|([^:]+)):(\d+)$/.exec(written) ?? [];
  const address = bracketed ?? plain ?? written.replace(/^\[(.+)\]$/, '$1');
  const number = port === undefined ? 0 : Number(port);
  const usable = isIP(address) !== 0 && (port === undefined || (number >= 1 && number <= 65_535));
  if (usable) return { address, port: number };
  throw new OperatorError(
    `Cannot forget "${written}": name an address, or address:port as \`seqshim paths\` shows it`,
    EXIT_USAGE,
  );
}
