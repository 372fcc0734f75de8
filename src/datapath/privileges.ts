/**
 * What this process may do. Capabilities count, not the user: a service runs as a user of its own
 * with these two alone, and root in a container may lack them. Owns nothing (capabilities(7)).
 */
import { readFileSync } from 'node:fs';
import { OperatorError } from '../config/errors.ts';
import { EXIT_IMPOSSIBLE } from '../config/exit-codes.ts';

const CAPABILITIES = [
  ['CAP_NET_ADMIN', 12n],
  ['CAP_NET_RAW', 13n],
] as const;

/** Names of those of ours that are missing in the text of /proc/self/status. */
export function missingIn(status: string): string[] {
  const effective = /^CapEff:\s*([0-9a-f]+)/m.exec(status)?.[1] ?? '0';
  const held = BigInt(`0x${effective}`);
  return CAPABILITIES.filter(([, bit]) => (held & (1n << bit)) === 0n).map(([name]) => name);
}

export function missingCapabilities(): string[] {
  return missingIn(readFileSync('/proc/self/status', 'utf8'));
}

/** @param what cannot be done without: "install rules". */
export function demandCapabilities(what: string): void {
  const missing = missingCapabilities();
  if (missing.length === 0) return;
  const verb = missing.length === 1 ? 'is' : 'are';
  const why = `${missing.join(' and ')} ${verb} missing`;
  throw new OperatorError(`Cannot ${what}: ${why}. Run this as root (sudo)`, EXIT_IMPOSSIBLE);
}
