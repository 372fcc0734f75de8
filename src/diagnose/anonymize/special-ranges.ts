/**
 * Ranges that say something about a network and nothing about whose it is: they map onto
 * themselves, so that a private address still looks like one (IANA special-purpose registries).
 * Owns the list.
 *
 * The bits on the way to such a range cannot be flipped, also for its neighbours: 193.x keeps its
 * 193 because 192.168.0.0/16 stays.
 */
import { commonBits } from './prefix-cipher.ts';

interface Range {
  readonly prefix: Uint8Array;
  readonly bits: number;
}

function range4(a: number, b: number, bits: number): Range {
  return { prefix: Uint8Array.of(a, b, 0, 0), bits };
}

function range6(first: number, second: number, bits: number, last = 0): Range {
  const prefix = new Uint8Array(16);
  prefix[0] = first;
  prefix[1] = second;
  prefix[15] = last;
  return { prefix, bits };
}

const RANGES_4: readonly Range[] = [
  range4(10, 0, 8),
  range4(100, 64, 10),
  range4(127, 0, 8),
  range4(169, 254, 16),
  range4(172, 16, 12),
  range4(192, 168, 16),
  range4(224, 0, 4),
  range4(240, 0, 4),
];

/** Unspecified and loopback are nobody's; a link-local prefix is everybody's. */
const RANGES_6: readonly Range[] = [
  range6(0, 0, 128),
  range6(0, 0, 128, 1),
  range6(0x20, 0, 3),
  range6(0xfc, 0, 7),
  range6(0xfe, 0x80, 64),
  range6(0xff, 0, 16),
];

/** How many of the first bits must stay, for its own range and for those near it. */
export function keptBits(address: Uint8Array): number {
  const ranges = address.length === 4 ? RANGES_4 : RANGES_6;
  let kept = 0;
  for (const { prefix, bits } of ranges) {
    kept = Math.max(kept, Math.min(bits, commonBits(address, prefix) + 1));
  }
  return kept;
}

const MAPPED_PREFIXES: readonly Uint8Array[] = [
  Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff),
  Uint8Array.of(0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0),
];

/** An IPv4 address in IPv6 (RFC 4291 §2.5.5.2, RFC 6052): it must become what it becomes alone. */
export function holdsIp4(address: Uint8Array): boolean {
  return MAPPED_PREFIXES.some((prefix) => commonBits(address.subarray(0, 12), prefix) === 96);
}
