/**
 * What this process may do. Capabilities count, not the user: a service runs as a user of its own
 * with these two alone, and root in a container may lack them. Owns nothing (capabilities(7)).
 */
import { readFileSync } from 'node:fs';
import { OperatorError } from '../config/errors.ts';
import { EXIT_IMPOSSIBLE } from '../config/exit-codes.ts';

type Capability = readonly [name: string, bit: bigint];

const CAPABILITIES: readonly Capability[] = [
  ['CAP_NET_ADMIN', 12n],
  ['CAP_NET_RAW', 13n],
];
/** Making namespaces takes this one too. */
const LAB_CAPABILITIES: readonly Capability[] = [...CAPABILITIES, ['CAP_SYS_ADMIN', 21n]];

/** Names of those wanted that are missing in the text of /proc/self/status. */
export function missingIn(status: string, wanted = CAPABILITIES): string[] {
  const effective = /^CapEff:\s*([0-9a-f]+)/m.exec(status)?.[1] ?? '0';
  const held = BigInt(`0x${effective}`);
  return wanted.filter(([, bit]) => (held & (1n << bit)) === 0n).map(([name]) => name);
}

export function missingCapabilities(wanted = CAPABILITIES): string[] {
  return missingIn(readFileSync('/proc/self/status', 'utf8'), wanted);
}

/** @param what cannot be done without: "install rules". */
export function demandCapabilities(what: string): void {
  demand(what, CAPABILITIES);
}

/** To build machines out of network namespaces. */
export function demandLabCapabilities(what: string): void {
  demand(what, LAB_CAPABILITIES);
}

function demand(what: string, wanted: readonly Capability[]): void {
  const missing = missingCapabilities(wanted);
  if (missing.length === 0) return;
  const verb = missing.length === 1 ? 'is' : 'are';
  const why = `${missing.join(' and ')} ${verb} missing`;
  throw new OperatorError(`Cannot ${what}: ${why}. Run this as root (sudo)`, EXIT_IMPOSSIBLE);
}
