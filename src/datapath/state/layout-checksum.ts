/**
 * What distinguishes one layout of the mapped tables from another: names and values of all layout
 * constants, and the sizes of the parts. Another layout is another checksum, so that a file is
 * never read by a program that means something else by its words. Owns nothing.
 */
import * as candidate from '../../engine/flow/candidate.ts';
import * as firstData from '../../engine/flow/first-data.ts';
import * as layout from '../../engine/flow/layout.ts';
import * as origins from '../../engine/flow/origin-table.ts';
import * as repairs from '../../engine/flow/repair-table.ts';
import * as sacks from '../../engine/flow/sack-table.ts';
import * as sockets from '../../engine/flow/socket-table.ts';
import * as spoken from '../../engine/flow/spoken.ts';
import { lastingParts } from '../../engine/memory.ts';

const MODULES = { candidate, firstData, layout, origins, repairs, sacks, sockets, spoken };

/** An unsigned 32-bit number: FNV-1a over the text of all constants. */
export function layoutChecksum(): number {
  const constants = Object.entries(MODULES).flatMap(([name, module]) =>
    Object.entries(module as Record<string, unknown>)
      .filter(([, value]) => typeof value === 'number')
      .map(([key, value]) => `${name}.${key}=${value}`),
  );
  const sizes = lastingParts(64).map(([name, bytes]) => `${name}:${bytes}`);
  return fnv1a(new TextEncoder().encode([...constants.sort(), ...sizes].join('\n')));
}

/** FNV-1a, 32 bits, unsigned. */
export function fnv1a(bytes: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}
