/**
 * Internet checksums: full (RFC 1071) and incremental (RFC 1624 equation 3), with the pseudo
 * headers of IPv4 (RFC 9293 §3.1) and IPv6 (RFC 8200 §8.1).
 *
 * Owns nothing. `buf` is the packet arena and `words` the Uint32Array over the same memory
 * (`new Uint32Array(buf.buffer, buf.byteOffset, buf.byteLength >> 2)`, so byteOffset is a multiple
 * of 4). Sums are folded to 16 bits and in network order. Offsets and lengths are in bytes.
 */
import { get16, get32, put16, put32 } from './bytes.ts';
import type { Segment } from './segment.ts';

const PROTOCOL_TCP = 6;
const IP4_SRC = 12;
const IP6_SRC = 8;
const TCP_CHECKSUM = 16;
const IP4_CHECKSUM = 10;

/** A sum of 32-bit words taken in host order needs its octets swapped on these machines. */
// biome-ignore lint/plugin: made once, when the module is loaded
const LITTLE_ENDIAN = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;

/**
 * Sum of the 16-bit words in host order of octets [at, end) of the arena's memory, a whole number
 * of 64 octets and at least one. At most 64 KiB, so that it fits in 31 bits.
 */
export type SimdSum = (at: number, end: number) => number;

const SIMD_BLOCK_BYTES = 64;

/** The arena as words, and a faster way to sum them where its memory is WebAssembly's. */
export type ArenaWords = Uint32Array & { simdSum?: SimdSum | undefined };

/** Below this the call costs more than it saves. */
const SIMD_BYTES_MIN = 512;
/** Above this its sum would not fit in 31 bits. */
const SIMD_BYTES_MAX = 65_536;

/** Of an arena that starts its memory. Once per arena, never per packet. */
export function arenaWords(bytes: Uint8Array, simdSum?: SimdSum): ArenaWords {
  // biome-ignore lint/plugin: see above
  const words: ArenaWords = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength >> 2);
  words.simdSum = simdSum;
  return words;
}

/** To 16 bits, carries added back (RFC 1071 §1). For sums below 2^31. */
function fold(sum: number): number {
  const once = (sum & 0xffff) + (sum >>> 16);
  return (once & 0xffff) + (once >>> 16);
}

function swap(sum: number): number {
  return ((sum & 0xff) << 8) | (sum >>> 8);
}

/**
 * One's complement sum of buf[off, off + len) at any alignment. Ragged ends go octet by
 * octet.
 */
export function sumBytes(buf: Uint8Array, words: ArenaWords, off: number, len: number): number {
  const end = off + len;
  const wordsOff = (off + 3) & ~3;
  if (wordsOff + 4 > end) return sumShort(buf, off, len);
  const headBytes = wordsOff - off;
  const wordsEnd = end & ~3;
  let middle = sumWords(words, wordsOff >> 2, wordsEnd >> 2);
  // RFC 1071 §2(B): behind an odd number of octets every pair is swapped.
  if ((headBytes & 1) !== 0) middle = swap(middle);
  let tail = sumShort(buf, wordsEnd, end - wordsEnd);
  if ((headBytes & 1) !== 0) tail = swap(tail);
  return fold(sumShort(buf, off, headBytes) + middle + tail);
}

/** Octet by octet; an odd last octet is padded with zero behind it. */
export function sumShort(buf: Uint8Array, off: number, len: number): number {
  const pairsEnd = off + (len & ~1);
  let sum = 0;
  for (let at = off; at < pairsEnd; at += 2) sum += get16(buf, at);
  if ((len & 1) !== 0) sum += buf[pairsEnd]! << 8;
  return fold(sum);
}

/** Words [from, to) of the arena, as a folded network-order sum. */
function sumWords(words: ArenaWords, from: number, to: number): number {
  const { simdSum } = words;
  const blockBytes = ((to - from) << 2) & -SIMD_BLOCK_BYTES;
  let folded = 0;
  if (blockBytes < SIMD_BYTES_MIN) {
    folded = sumHalves(words, from, to);
  } else if (simdSum === undefined || blockBytes > SIMD_BYTES_MAX) {
    folded = sumDoubles(words, from, to);
  } else {
    const blocksEnd = from + (blockBytes >> 2);
    const blocks = simdSum(from << 2, blocksEnd << 2);
    folded = fold(fold(blocks) + sumHalves(words, blocksEnd, to));
  }
  return LITTLE_ENDIAN ? swap(folded) : folded;
}

/** A few words, in integers alone. */
function sumHalves(words: Uint32Array, from: number, to: number): number {
  let sum = 0;
  for (let at = from; at < to; at++) sum += (words[at]! & 0xffff) + (words[at]! >>> 16);
  return fold(sum);
}

/** Four double accumulators, exact to 2^53, which 64 KiB stays far below. */
function sumDoubles(words: Uint32Array, from: number, to: number): number {
  let a = 0;
  let b = 0;
  let c = 0;
  let d = 0;
  let at = from;
  const fours = from + ((to - from) & ~3);
  for (; at < fours; at += 4) {
    a += words[at]!;
    b += words[at + 1]!;
    c += words[at + 2]!;
    d += words[at + 3]!;
  }
  for (; at < to; at++) a += words[at]!;
  const sum = a + b + c + d;
  const low = sum | 0; // modulo 2^32
  const high = (sum / 4294967296) | 0;
  return fold((low & 0xffff) + (low >>> 16) + high);
}

/** Of the pseudo header: addresses, protocol, TCP length. Folded, not complemented. */
export function tcpPseudoSum(buf: Uint8Array, seg: Segment): number {
  const tcpBytes = seg.ipOff + seg.ipBytes - seg.tcpOff;
  const from = seg.ipOff + (seg.family === 4 ? IP4_SRC : IP6_SRC);
  const addresses = sumShort(buf, from, seg.family === 4 ? 8 : 32);
  return fold(addresses + PROTOCOL_TCP + (tcpBytes & 0xffff) + (tcpBytes >>> 16));
}

/** Everything the TCP checksum covers, its own field as it stands included. */
function tcpSum(buf: Uint8Array, words: ArenaWords, seg: Segment): number {
  const tcpBytes = seg.ipOff + seg.ipBytes - seg.tcpOff;
  return fold(tcpPseudoSum(buf, seg) + sumBytes(buf, words, seg.tcpOff, tcpBytes));
}

export function tcpChecksumOk(buf: Uint8Array, words: ArenaWords, seg: Segment): boolean {
  return tcpSum(buf, words, seg) === 0xffff;
}

/**
 * Whether the field holds the bare pseudo-header sum, not complemented: what Linux leaves there for
 * the hardware to finish (CHECKSUM_PARTIAL). `words` is not needed; the signature is the others'.
 */
export function tcpChecksumIsPartial(buf: Uint8Array, _words: ArenaWords, seg: Segment): boolean {
  return get16(buf, seg.tcpOff + TCP_CHECKSUM) === tcpPseudoSum(buf, seg);
}

export function fillTcpChecksum(buf: Uint8Array, words: ArenaWords, seg: Segment): void {
  const at = seg.tcpOff + TCP_CHECKSUM;
  put16(buf, at, 0);
  put16(buf, at, ~tcpSum(buf, words, seg) & 0xffff);
}

/** Does nothing for IPv6, which has no header checksum. */
export function fillIp4Checksum(buf: Uint8Array, seg: Segment): void {
  if (seg.family !== 4) return;
  const at = seg.ipOff + IP4_CHECKSUM;
  put16(buf, at, 0);
  put16(buf, at, ~sumShort(buf, seg.ipOff, (buf[seg.ipOff]! & 15) << 2) & 0xffff);
}

/** HC' = ~(~HC + ~m + m') (RFC 1624 §3 eqn 3). The field starts on an even octet of the segment. */
export function replace16(
  buf: Uint8Array,
  checksumOff: number,
  before: number,
  after: number,
): void {
  const sum = (~get16(buf, checksumOff) & 0xffff) + (~before & 0xffff) + (after & 0xffff);
  put16(buf, checksumOff, ~fold(sum) & 0xffff);
}

/** The same for 32 bits. The field starts on an even octet of the segment. */
export function replace32(
  buf: Uint8Array,
  checksumOff: number,
  before: number,
  after: number,
): void {
  const was = (~before & 0xffff) + (~before >>> 16);
  const is = (after & 0xffff) + (after >>> 16);
  put16(buf, checksumOff, ~fold((~get16(buf, checksumOff) & 0xffff) + was + is) & 0xffff);
}

/**
 * Writes a 32-bit field and keeps the checksum right. Options need no alignment (RFC 9293 §3.1): a
 * field on an odd octet adds to the sum with its octets swapped.
 */
export function rewrite32(
  buf: Uint8Array,
  checksumOff: number,
  fieldOff: number,
  value: number,
): void {
  const before = get32(buf, fieldOff);
  put32(buf, fieldOff, value);
  if (((fieldOff - checksumOff) & 1) === 0) replace32(buf, checksumOff, before, value);
  else replace32(buf, checksumOff, swapPairs(before), swapPairs(value));
}

function swapPairs(value: number): number {
  return ((value & 0x00ff00ff) << 8) | ((value >>> 8) & 0x00ff00ff);
}
