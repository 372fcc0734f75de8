/**
 * Targets as operators write them, made into networks: CIDR, address, host name, `all`.
 * Reads the resolver for names, once, at start. Owns nothing.
 */
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { OptionError } from './errors.ts';
import { EXIT_IMPOSSIBLE } from './exit-codes.ts';
import type { Network } from './network.ts';

const BITS = { 4: 32, 6: 128 } as const;

/** Addresses of a host name. */
export type LookUp = (option: string, name: string) => Promise<readonly Network[]>;

export async function resolveTarget(
  option: string,
  text: string,
  lookUp: LookUp = askResolver,
): Promise<readonly Network[]> {
  if (text === 'all') {
    return [
      { family: 4, cidr: '0.0.0.0/0' },
      { family: 6, cidr: '::/0' },
    ];
  }
  const slash = text.indexOf('/');
  const address = slash < 0 ? text : text.slice(0, slash);
  if (address.includes('%')) {
    throw new OptionError(option, `"${text}"`, 'rules know no zones, write it without %');
  }
  const family = isIP(address);
  if (family === 4 || family === 6) return [network(option, text, address, family, slash)];
  if (slash >= 0 || !/^[A-Za-z0-9_.-]+$/.test(text)) {
    throw new OptionError(
      option,
      `"${text}"`,
      'write an address, a network like 10.0.0.0/8, a host name, or all',
    );
  }
  return lookUp(option, text);
}

function network(
  option: string,
  text: string,
  address: string,
  family: 4 | 6,
  slash: number,
): Network {
  const bits = slash < 0 ? BITS[family] : Number(text.slice(slash + 1));
  if ((slash >= 0 && !/^\d+$/.test(text.slice(slash + 1))) || bits > BITS[family]) {
    throw new OptionError(option, `"${text}"`, `the prefix must be 0 to ${BITS[family]}`);
  }
  return { family, cidr: `${address}/${bits}` };
}

async function askResolver(option: string, name: string): Promise<readonly Network[]> {
  try {
    const found = await lookup(name, { all: true });
    return found.map(({ address, family }): Network => {
      const kind = family === 6 ? 6 : 4;
      return { family: kind, cidr: `${address}/${BITS[kind]}` };
    });
  } catch {
    throw new OptionError(option, `"${name}"`, 'write its address instead, or check DNS', {
      verb: 'resolve',
      exitCode: EXIT_IMPOSSIBLE,
    });
  }
}
