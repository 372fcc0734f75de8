/** `HOST:PORT` as operators write it, to one address. Reads the resolver. Owns nothing. */
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { OperatorError } from '../config/errors.ts';
import { EXIT_IMPOSSIBLE, EXIT_USAGE } from '../config/exit-codes.ts';

const PORT_MAX = 65_535;

export interface Target {
  /** As it was written. */
  readonly name: string;
  readonly family: 4 | 6;
  readonly address: string;
  readonly port: number;
}

export interface HostPort {
  readonly host: string;
  readonly port: number;
}

export function parseHostPort(written: string): HostPort {
  const [, bracketed, plain, digits = ''] =
    /^(?:\[(.+)\]|([^:[\]]+)):(\d{1,5})$/.exec(written) ?? [];
  const host = bracketed ?? plain;
  const port = Number(digits);
  const usable = host !== undefined && port >= 1 && port <= PORT_MAX && !host.startsWith('-');
  if (!usable) {
    throw new OperatorError(
      `Cannot probe "${written}": write HOST:PORT, for example 10.0.0.7:22 or [fd00::7]:22`,
      EXIT_USAGE,
    );
  }
  if (host.includes('%')) {
    throw new OperatorError(
      `Cannot probe "${written}": addresses with a zone are not known here, write a global one`,
      EXIT_USAGE,
    );
  }
  return { host, port };
}

/** The address that ssh would try first. */
export async function resolveHostPort(written: string): Promise<Target> {
  const { host, port } = parseHostPort(written);
  const family = isIP(host);
  if (family === 4 || family === 6) return { name: written, family, address: host, port };
  try {
    const found = await lookup(host);
    return { name: written, family: found.family === 6 ? 6 : 4, address: found.address, port };
  } catch {
    throw new OperatorError(
      `Cannot resolve "${host}": write its address instead, or check DNS`,
      EXIT_IMPOSSIBLE,
    );
  }
}
