/** `reflect`: the far end of a probe, until --for is over, SIGINT or SIGTERM. Exit 0. */

import { isIP } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { text, type Values } from '../config/config.ts';
import { parseMilliseconds } from '../config/duration.ts';
import { OptionError } from '../config/errors.ts';
import { EXIT_OK } from '../config/exit-codes.ts';
import { demandCapabilities } from '../datapath/privileges.ts';
import { Reflector } from '../probe/reflect.ts';

const PORT_MAX = 65_535;
/** A day: it is there for a measurement. */
const FOR_MS_MAX = 86_400_000;

export async function reflect(args: Values): Promise<number> {
  const port = portOf(text(args, 'port') ?? '');
  const address = addressOf(text(args, 'address') ?? '');
  const forMs = forMsOf(text(args, 'for') ?? '');
  demandCapabilities('see the packets');
  const reflector = await Reflector.open(address, port);
  try {
    const abort = new AbortController();
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => abort.abort());
    process.stdout.write(
      `reflecting on ${address} port ${port}, for ${forMs / 1000} s or until Ctrl-C. ` +
        `On the other end: seqshim probe HOST:${port}\n`,
    );
    await pause(forMs, undefined, { signal: abort.signal }).catch(() => {}); // Ctrl-C
    return EXIT_OK;
  } finally {
    reflector.close();
  }
}

function portOf(written: string): number {
  const port = Number(written);
  if (/^\d+$/.test(written) && port >= 1 && port <= PORT_MAX) return port;
  throw new OptionError('port', `"${written}"`, `it must be from 1 to ${PORT_MAX}`);
}

function addressOf(written: string): string {
  if (isIP(written) !== 0) return written;
  throw new OptionError('address', `"${written}"`, 'write an address of this machine, :: is all');
}

function forMsOf(written: string): number {
  const ms = parseMilliseconds('--for', written);
  if (ms >= 1 && ms <= FOR_MS_MAX) return ms;
  throw new OptionError('for', `"${written}"`, 'it must be from 1ms to 24h');
}
