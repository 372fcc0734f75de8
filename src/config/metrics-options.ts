/** The values of `--metrics` and `--metrics-file`. Owns nothing. */
import { isIP } from 'node:net';
import { resolve } from 'node:path';
import { OperatorError } from './errors.ts';

export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

const LOOPBACK = '127.0.0.1';

/** `PORT`, `HOST:PORT`, `[HOST]:PORT`. Not on loopback only where that is written out. */
export function parseListenAddress(written: string | undefined): ListenAddress | undefined {
  if (written === undefined) return undefined;
  const [, bracketed, plain, digits] =
    /^(?:(?:\[(.+)\]|([^:[\]]+)):)?(\d{1,5})$/.exec(written) ?? [];
  const named = bracketed ?? plain ?? LOOPBACK;
  const host = named === 'localhost' ? LOOPBACK : named;
  const port = Number(digits ?? 0);
  const family = bracketed === undefined ? 4 : 6;
  if (isIP(host) === family && port >= 1 && port <= 65_535) return { host, port };
  throw new OperatorError(
    `Cannot use --metrics "${written}": it must be a port, or address:port such as 10.0.0.1:9469 ` +
      'or [::1]:9469',
  );
}

/** The collector reads no other names. */
export function metricsFile(written: string | undefined): string | undefined {
  if (written === undefined) return undefined;
  if (written.endsWith('.prom')) return resolve(written);
  throw new OperatorError(`Cannot use --metrics-file "${written}": its name must end with .prom`);
}
