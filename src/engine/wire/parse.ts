/**
 * From bytes to `Segment`: IPv4 (RFC 791), IPv6 with extension headers (RFC 8200 §4, RFC 4302), TCP
 * (RFC 9293 §3.1). Every length is checked here, once; later stages read without checking.
 *
 * Owns nothing. Reads buf[off, off + len) and nothing else; sets every field of `Segment`, which
 * says something only after WIRE_OK. Offsets and lengths are in bytes, absolute in the buffer.
 */
import {
  STAT_PASSED_BAD_LENGTH,
  STAT_PASSED_FRAGMENT,
  STAT_PASSED_NOT_TCP,
  STAT_PASSED_TRUNCATED,
} from '../codes.ts';
import { get16, get32 } from './bytes.ts';
import { parseOptions } from './options.ts';
import { FIN, type Segment, SYN } from './segment.ts';

export const WIRE_OK = 0;

const PROTOCOL_TCP = 6;
const IP4_HEADER_BYTES = 20;
const IP6_HEADER_BYTES = 40;
const TCP_HEADER_BYTES = 20;

const HOP_BY_HOP = 0;
const ROUTING = 43;
const FRAGMENT = 44;
const AUTHENTICATION = 51;
const DESTINATION_OPTIONS = 60;

/** More extension headers than any sender uses (RFC 8200 §4.1 knows five) are not understood. */
const EXTENSION_COUNT_MAX = 16;

/** WIRE_OK, or the counter of the reason why this packet passes unread. */
export function parseSegment(buf: Uint8Array, off: number, len: number, seg: Segment): number {
  clear(seg, off);
  if (len < 1) return STAT_PASSED_TRUNCATED;
  const version = buf[off]! >> 4;
  let result = STAT_PASSED_NOT_TCP;
  if (version === 4) result = parseIp4(buf, off, len, seg);
  else if (version === 6) result = parseIp6(buf, off, len, seg);
  if (result !== WIRE_OK) return result;
  return parseTcp(buf, seg);
}

function clear(seg: Segment, off: number): void {
  seg.family = 0;
  seg.ipOff = off;
  seg.ipBytes = 0;
  seg.tcpOff = 0;
  seg.tcpHeaderBytes = 0;
  seg.payloadOff = 0;
  seg.payloadBytes = 0;
  seg.srcPort = 0;
  seg.dstPort = 0;
  seg.segSeq = 0;
  seg.segAck = 0;
  seg.segLen = 0;
  seg.segWnd = 0;
  seg.flags = 0;
  seg.ttl = 0;
  seg.ipId = 0;
  seg.dontFragment = 0;
  seg.flowLabel = 0;
  seg.wndScale = -1;
  seg.mss = -1;
  seg.sackPermitted = 0;
  seg.tsOff = 0;
  seg.tsVal = 0;
  seg.tsEcr = 0;
  seg.sackOff = 0;
  seg.sackCount = 0;
  seg.foreign = 0;
}

/** Finds the TCP header and the true length. Octets behind the total length are link padding. */
function parseIp4(buf: Uint8Array, off: number, len: number, seg: Segment): number {
  if (len < IP4_HEADER_BYTES) return STAT_PASSED_TRUNCATED;
  if (buf[off + 9]! !== PROTOCOL_TCP) return STAT_PASSED_NOT_TCP;
  const headerBytes = (buf[off]! & 15) << 2;
  if (headerBytes < IP4_HEADER_BYTES) return STAT_PASSED_BAD_LENGTH;
  const fragment = get16(buf, off + 6);
  if ((fragment & 0x3fff) !== 0) return STAT_PASSED_FRAGMENT;
  // Zero stands for "as long as it is": TSO packets beyond 65,535 octets, and captures of TSO.
  const total = get16(buf, off + 2);
  const ipBytes = total === 0 ? len : total;
  if (ipBytes < headerBytes) return STAT_PASSED_BAD_LENGTH;
  if (ipBytes > len) return STAT_PASSED_TRUNCATED;
  seg.family = 4;
  seg.ipBytes = ipBytes;
  seg.tcpOff = off + headerBytes;
  seg.ttl = buf[off + 8]!;
  seg.ipId = get16(buf, off + 4);
  seg.dontFragment = (fragment >> 14) & 1;
  return WIRE_OK;
}

function parseIp6(buf: Uint8Array, off: number, len: number, seg: Segment): number {
  if (len < IP6_HEADER_BYTES) return STAT_PASSED_TRUNCATED;
  // Zero with a payload behind it: a jumbogram (RFC 2675) or an unfinished GSO packet.
  const payload = get16(buf, off + 4);
  const ipBytes = payload === 0 ? len : IP6_HEADER_BYTES + payload;
  seg.family = 6;
  seg.ipBytes = ipBytes;
  seg.ttl = buf[off + 7]!;
  seg.flowLabel = get32(buf, off) & 0xfffff;
  return skipExtensions(buf, off, len, seg);
}

/** Walks the extension headers to the TCP header. */
function skipExtensions(buf: Uint8Array, off: number, len: number, seg: Segment): number {
  const end = off + seg.ipBytes;
  const seen = off + len < end ? off + len : end;
  let next = buf[off + 6]!;
  let at = off + IP6_HEADER_BYTES;
  for (let count = 0; count < EXTENSION_COUNT_MAX; count++) {
    if (next === PROTOCOL_TCP) {
      if (end > off + len) return STAT_PASSED_TRUNCATED;
      seg.tcpOff = at;
      return WIRE_OK;
    }
    if (!isExtension(next, count)) return STAT_PASSED_NOT_TCP;
    if (at + 8 > seen) return at + 8 > end ? STAT_PASSED_BAD_LENGTH : STAT_PASSED_TRUNCATED;
    if (next === FRAGMENT && (get16(buf, at + 2) & 0xfff9) !== 0) return STAT_PASSED_FRAGMENT;
    // A routing header that is not used up: the destination, and so the checksum and the flow, are
    // not those of the fixed header (RFC 8200 §8.1).
    if (next === ROUTING && buf[at + 3]! !== 0) return STAT_PASSED_NOT_TCP;
    const bytes = extensionBytes(next, buf[at + 1]!);
    if (bytes > end - at) return STAT_PASSED_BAD_LENGTH;
    next = buf[at]!;
    at += bytes;
  }
  return STAT_PASSED_NOT_TCP;
}

/** Hop-by-hop options may stand first only (RFC 8200 §4.1). */
function isExtension(next: number, count: number): boolean {
  if (next === HOP_BY_HOP) return count === 0;
  return (
    next === ROUTING || next === FRAGMENT || next === AUTHENTICATION || next === DESTINATION_OPTIONS
  );
}

/** The length octet counts 8-octet units beyond the first; 4-octet units, less two, for AH. */
function extensionBytes(kind: number, units: number): number {
  if (kind === FRAGMENT) return 8;
  return kind === AUTHENTICATION ? (units + 2) << 2 : (units + 1) << 3;
}

function parseTcp(buf: Uint8Array, seg: Segment): number {
  const tcp = seg.tcpOff;
  const room = seg.ipOff + seg.ipBytes - tcp;
  if (room < TCP_HEADER_BYTES) return STAT_PASSED_BAD_LENGTH;
  const headerBytes = (buf[tcp + 12]! >> 4) << 2;
  if (headerBytes < TCP_HEADER_BYTES || headerBytes > room) return STAT_PASSED_BAD_LENGTH;
  const flags = buf[tcp + 13]!;
  const payloadBytes = room - headerBytes;
  seg.tcpHeaderBytes = headerBytes;
  seg.payloadOff = tcp + headerBytes;
  seg.payloadBytes = payloadBytes;
  seg.srcPort = get16(buf, tcp);
  seg.dstPort = get16(buf, tcp + 2);
  seg.segSeq = get32(buf, tcp + 4);
  seg.segAck = get32(buf, tcp + 8);
  seg.flags = flags;
  seg.segLen = payloadBytes + ((flags & SYN) >> 1) + (flags & FIN);
  seg.segWnd = get16(buf, tcp + 14);
  if (headerBytes === TCP_HEADER_BYTES) return WIRE_OK;
  return parseOptions(buf, tcp + TCP_HEADER_BYTES, tcp + headerBytes, seg);
}
