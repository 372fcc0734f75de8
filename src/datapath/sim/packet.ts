/**
 * A TCP segment as the model end points speak of it, and its bytes on the wire.
 *
 * Owns a reader and a writer of its own: a simulator that shared the engine's would not notice when
 * the engine builds or reads something wrong. RFC 791, 8200, 9293 §3.1, 7323, 2018. Sequence
 * numbers are canonical int32.
 */
import { newOctets, wordsAround } from './packet-memory.ts';

export const FIN = 1;
export const SYN = 2;
export const RST = 4;
export const PSH = 8;
export const ACK = 16;

export interface Packet {
  family: 4 | 6;
  src: Uint8Array;
  dst: Uint8Array;
  srcPort: number;
  dstPort: number;
  seq: number;
  ack: number;
  flags: number;
  /** Raw, unscaled. */
  wnd: number;
  ttl: number;
  ipId: number;
  /** -1: absent. */
  mss: number;
  /** -1: absent. */
  wndScale: number;
  sackPermitted: boolean;
  timestamps: boolean;
  tsVal: number;
  tsEcr: number;
  /** Edges: left, right, left, right … */
  sack: readonly number[];
  payload: Uint8Array;
}

/**
 * Bytes that know what they were made of: a packet is taken apart where somebody else has written
 * it, not at each of the five places that it passes. Neither is changed any more.
 */
interface Encoded extends Uint8Array {
  made?: Packet;
}

export const NO_BYTES = new Uint8Array(0);
const NO_EDGES: readonly number[] = [];
const LITTLE_ENDIAN = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1;

/** Octets of sequence space. */
export function segLenOf(packet: Packet): number {
  return (
    packet.payload.length +
    ((packet.flags & SYN) !== 0 ? 1 : 0) +
    ((packet.flags & FIN) !== 0 ? 1 : 0)
  );
}

/**
 * The same with other numbers. Written out because a spread makes objects of another hidden class,
 * and accesses to packets of one class are quicker.
 */
export function renumbered(
  packet: Packet,
  seq: number,
  ack: number,
  sack: readonly number[],
): Packet {
  return {
    family: packet.family,
    src: packet.src,
    dst: packet.dst,
    srcPort: packet.srcPort,
    dstPort: packet.dstPort,
    seq,
    ack,
    flags: packet.flags,
    wnd: packet.wnd,
    ttl: packet.ttl,
    ipId: packet.ipId,
    mss: packet.mss,
    wndScale: packet.wndScale,
    sackPermitted: packet.sackPermitted,
    timestamps: packet.timestamps,
    tsVal: packet.tsVal,
    tsEcr: packet.tsEcr,
    sack,
    payload: packet.payload,
  };
}

/** The other way, and without its data: what an answer to it starts from. */
export function reversed(packet: Packet): Packet {
  return {
    ...packet,
    src: packet.dst,
    dst: packet.src,
    srcPort: packet.dstPort,
    dstPort: packet.srcPort,
    payload: NO_BYTES,
  };
}

/** What a host answers that knows of no connection (RFC 9293 §3.10.7.1): no number is its own. */
export function strayReset(cause: Packet, ttl: number): Packet {
  const acked = (cause.flags & ACK) !== 0;
  return {
    ...reversed(cause),
    seq: acked ? cause.ack : 0,
    ack: acked ? 0 : (cause.seq + segLenOf(cause)) | 0,
    flags: acked ? RST : RST | ACK,
    wnd: 0,
    ttl,
    ipId: 0,
    mss: -1,
    wndScale: -1,
    sackPermitted: false,
    timestamps: false,
    sack: [],
  };
}

export function encodePacket(packet: Packet): Uint8Array {
  const optionBytes = optionBytesOf(packet);
  const tcpBytes = 20 + optionBytes + packet.payload.length;
  const ipBytes = packet.family === 4 ? 20 : 40;
  const bytes = newOctets(ipBytes + tcpBytes);
  const words = wordsAround(bytes);
  const first = bytes.byteOffset >> 2;
  if (packet.family === 4) {
    bytes[0] = 0x45;
    write16(bytes, 2, ipBytes + tcpBytes);
    write16(bytes, 4, packet.ipId);
    bytes[6] = 0x40; // don't fragment
    bytes[8] = packet.ttl;
    bytes[9] = 6;
    for (let i = 0; i < 4; i++) {
      bytes[12 + i] = packet.src[i] as number;
      bytes[16 + i] = packet.dst[i] as number;
    }
    write16(bytes, 10, ~swap(sumWords(words, first, 5, 0)) & 0xffff);
  } else {
    bytes[0] = 0x60;
    write16(bytes, 4, tcpBytes);
    bytes[6] = 6;
    bytes[7] = packet.ttl;
    bytes.set(packet.src, 8);
    bytes.set(packet.dst, 24);
  }
  writeTcp(bytes, ipBytes, packet, optionBytes);
  if (packet.payload.length > 0) bytes.set(packet.payload, ipBytes + 20 + optionBytes);
  const addressWords = packet.family === 4 ? 2 : 8;
  const tcpFirst = first + ipBytes / 4;
  const pseudo = sumWords(words, tcpFirst - addressWords, addressWords, swap(6 + tcpBytes));
  const tcpSum16 = sumWords(words, tcpFirst, (tcpBytes + 3) >> 2, pseudo);
  write16(bytes, ipBytes + 16, ~swap(tcpSum16) & 0xffff);
  (bytes as Encoded).made = packet;
  return bytes;
}

function optionBytesOf(packet: Packet): number {
  let bytes = 0;
  if (packet.mss >= 0) bytes += 4;
  if (packet.wndScale >= 0) bytes += 4;
  if (packet.sackPermitted) bytes += 4;
  if (packet.timestamps) bytes += 12;
  if (packet.sack.length > 0) bytes += 4 + packet.sack.length * 4;
  return bytes;
}

function writeTcp(bytes: Uint8Array, off: number, packet: Packet, optionBytes: number): void {
  write16(bytes, off, packet.srcPort);
  write16(bytes, off + 2, packet.dstPort);
  write32(bytes, off + 4, packet.seq);
  write32(bytes, off + 8, packet.ack);
  bytes[off + 12] = ((20 + optionBytes) >> 2) << 4;
  bytes[off + 13] = packet.flags;
  write16(bytes, off + 14, packet.wnd);
  let at = off + 20;
  if (packet.mss >= 0) {
    bytes[at] = 2;
    bytes[at + 1] = 4;
    write16(bytes, at + 2, packet.mss);
    at += 4;
  }
  if (packet.wndScale >= 0) {
    write32(bytes, at, 0x01030300 | packet.wndScale);
    at += 4;
  }
  if (packet.sackPermitted) {
    write32(bytes, at, 0x01010402);
    at += 4;
  }
  if (packet.timestamps) {
    write32(bytes, at, 0x0101080a);
    write32(bytes, at + 4, packet.tsVal);
    write32(bytes, at + 8, packet.tsEcr);
    at += 12;
  }
  if (packet.sack.length > 0) {
    write32(bytes, at, 0x01010500 | (2 + packet.sack.length * 4));
    for (let i = 0; i < packet.sack.length; i++) {
      write32(bytes, at + 4 + i * 4, packet.sack[i] as number);
    }
  }
}

/** The segment in the bytes, or null when a checksum or length is wrong. */
export function decodePacket(bytes: Uint8Array): Packet | null {
  const { made } = bytes as Encoded;
  if (made !== undefined) return made;
  const read = readPacket(bytes);
  if (read !== null) (bytes as Encoded).made = read;
  return read;
}

/** As `decodePacket`, by what stands in the bytes. */
export function readPacket(bytes: Uint8Array): Packet | null {
  const family = (bytes[0] as number) >> 4;
  if (family !== 4 && family !== 6) return null;
  const ipBytes = family === 4 ? 20 : 40;
  const total = family === 4 ? read16(bytes, 2) : 40 + read16(bytes, 4);
  if (total !== bytes.length || total < ipBytes + 20) return null;
  if (family === 4 && fold(sum(bytes, 0, 20, 0)) !== 0xffff) return null;
  if (tcpSum(bytes, ipBytes, family) !== 0xffff) return null;
  const headerBytes = ((bytes[ipBytes + 12] as number) >> 4) * 4;
  if (headerBytes < 20 || ipBytes + headerBytes > total) return null;
  const packet: Packet = {
    family,
    src: family === 4 ? bytes.subarray(12, 16) : bytes.subarray(8, 24),
    dst: family === 4 ? bytes.subarray(16, 20) : bytes.subarray(24, 40),
    srcPort: read16(bytes, ipBytes),
    dstPort: read16(bytes, ipBytes + 2),
    seq: read32(bytes, ipBytes + 4),
    ack: read32(bytes, ipBytes + 8),
    flags: bytes[ipBytes + 13] as number,
    wnd: read16(bytes, ipBytes + 14),
    ttl: bytes[family === 4 ? 8 : 7] as number,
    ipId: family === 4 ? read16(bytes, 4) : 0,
    mss: -1,
    wndScale: -1,
    sackPermitted: false,
    timestamps: false,
    tsVal: 0,
    tsEcr: 0,
    sack: NO_EDGES,
    payload: ipBytes + headerBytes === total ? NO_BYTES : bytes.subarray(ipBytes + headerBytes),
  };
  readOptions(bytes, ipBytes + 20, ipBytes + headerBytes, packet);
  return packet;
}

function readOptions(bytes: Uint8Array, from: number, end: number, packet: Packet): void {
  for (let at = from; at < end; ) {
    const kind = bytes[at] as number;
    if (kind === 0) return;
    if (kind === 1) {
      at++;
      continue;
    }
    const size = bytes[at + 1] as number;
    if (size < 2 || at + size > end) return;
    if (kind === 2) packet.mss = read16(bytes, at + 2);
    else if (kind === 3) packet.wndScale = Math.min(bytes[at + 2] as number, 14);
    else if (kind === 4) packet.sackPermitted = true;
    else if (kind === 5) {
      const edges: number[] = [];
      for (let i = at + 2; i < at + size; i += 4) edges.push(read32(bytes, i));
      packet.sack = edges;
    } else if (kind === 8) {
      packet.timestamps = true;
      packet.tsVal = read32(bytes, at + 2);
      packet.tsEcr = read32(bytes, at + 6);
    }
    at += size;
  }
}

function tcpSum(bytes: Uint8Array, tcpOff: number, family: 4 | 6): number {
  const addresses = family === 4 ? sum(bytes, 12, 20, 0) : sum(bytes, 8, 40, 0);
  return fold(sum(bytes, tcpOff, bytes.length, addresses + 6 + bytes.length - tcpOff));
}

/**
 * Of words in the order of this machine's octets: the sum does not depend on it (RFC 1071 §2 B).
 * At most 64 KiB. Folded.
 */
function sumWords(words: Int32Array, first: number, count: number, start: number): number {
  let total = start;
  for (let i = first; i < first + count; i++) {
    const word = words[i] as number;
    total += (word & 0xffff) + (word >>> 16);
  }
  return fold(total);
}

/** Between this machine's order of octets and the network's. */
function swap(sum16: number): number {
  return LITTLE_ENDIAN ? ((sum16 & 0xff) << 8) | (sum16 >>> 8) : sum16;
}

function sum(bytes: Uint8Array, from: number, end: number, start: number): number {
  let total = start;
  let at = from;
  for (; at + 1 < end; at += 2) {
    total += ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
  }
  if (at < end) total += (bytes[at] as number) << 8;
  return total;
}

function fold(total: number): number {
  let folded = total;
  while (folded > 0xffff) folded = (folded & 0xffff) + Math.floor(folded / 0x10000);
  return folded;
}

function read16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
}

function read32(bytes: Uint8Array, at: number): number {
  return (read16(bytes, at) << 16) | read16(bytes, at + 2);
}

function write16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8;
  bytes[at + 1] = value;
}

function write32(bytes: Uint8Array, at: number, value: number): void {
  write16(bytes, at, value >>> 16);
  write16(bytes, at + 2, value);
}
