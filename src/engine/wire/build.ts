/**
 * Writes the control segments that seqshim itself sends: probes, acknowledgements and resets, with
 * one octet of payload or none, with timestamps when the flow has them (RFC 9293 §3.1, RFC 7323
 * §3).
 *
 * Owns `ControlSegment`, which its owner fills and keeps; writes buf[off, off + returned),
 * checksums complete. Addresses are int32 words in network order, IPv4 in the first.
 */
import { put16, put32 } from './bytes.ts';
import { sumShort } from './checksum.ts';

const PROTOCOL_TCP = 6;
const IP4_HEADER_BYTES = 20;
const IP6_HEADER_BYTES = 40;
const TCP_HEADER_BYTES = 20;
const TIMESTAMP_BYTES = 12; // NOP, NOP, then the option's ten
const DONT_FRAGMENT = 0x4000;

/** What `buildControl` never exceeds. */
export const CONTROL_BYTES_MAX = IP6_HEADER_BYTES + TCP_HEADER_BYTES + TIMESTAMP_BYTES + 1;

export class ControlSegment {
  /** 4 or 6. */
  family = 4;
  readonly srcAddr = new Int32Array(4);
  readonly dstAddr = new Int32Array(4);
  srcPort = 0;
  dstPort = 0;
  seq = 0;
  ack = 0;
  flags = 0;
  /** Raw, as on the wire. */
  wnd = 0;
  ttl = 64;
  /** IPv6 only, 20 bits. */
  flowLabel = 0;
  /** 1 when the timestamps option is to be written. */
  tsOn = 0;
  tsVal = 0;
  tsEcr = 0;
  /** The one octet of payload, or -1: none. */
  octet = -1;
  /** IPv4 only. The identification stays zero (RFC 6864 §4.1); a raw socket may fill it in. */
  dontFragment = 1;
}

/** Returns the bytes written. */
export function buildControl(buf: Uint8Array, off: number, control: ControlSegment): number {
  const tcpHeaderBytes = TCP_HEADER_BYTES + (control.tsOn !== 0 ? TIMESTAMP_BYTES : 0);
  const tcpBytes = tcpHeaderBytes + (control.octet >= 0 ? 1 : 0);
  const headerBytes = control.family === 4 ? IP4_HEADER_BYTES : IP6_HEADER_BYTES;
  if (control.family === 4) writeIp4(buf, off, tcpBytes, control);
  else writeIp6(buf, off, tcpBytes, control);
  writeTcp(buf, off + headerBytes, tcpHeaderBytes, control);
  if (control.octet >= 0) buf[off + headerBytes + tcpHeaderBytes] = control.octet;
  // Source and destination stand right before the TCP header in both families.
  const addressBytes = control.family === 4 ? 8 : 32;
  const covered = sumShort(buf, off + headerBytes - addressBytes, addressBytes + tcpBytes);
  put16(buf, off + headerBytes + 16, ~fold(covered + PROTOCOL_TCP + tcpBytes) & 0xffff);
  return headerBytes + tcpBytes;
}

function fold(sum: number): number {
  return (sum & 0xffff) + (sum >>> 16);
}

function writeIp4(buf: Uint8Array, off: number, tcpBytes: number, control: ControlSegment): void {
  put16(buf, off, 0x4500);
  put16(buf, off + 2, IP4_HEADER_BYTES + tcpBytes);
  put16(buf, off + 4, 0);
  put16(buf, off + 6, control.dontFragment !== 0 ? DONT_FRAGMENT : 0);
  buf[off + 8] = control.ttl;
  buf[off + 9] = PROTOCOL_TCP;
  put16(buf, off + 10, 0);
  put32(buf, off + 12, control.srcAddr[0]!);
  put32(buf, off + 16, control.dstAddr[0]!);
  put16(buf, off + 10, ~sumShort(buf, off, IP4_HEADER_BYTES) & 0xffff);
}

function writeIp6(buf: Uint8Array, off: number, tcpBytes: number, control: ControlSegment): void {
  put32(buf, off, 0x60000000 | (control.flowLabel & 0xfffff));
  put16(buf, off + 4, tcpBytes);
  buf[off + 6] = PROTOCOL_TCP;
  buf[off + 7] = control.ttl;
  for (let i = 0; i < 4; i++) {
    put32(buf, off + 8 + i * 4, control.srcAddr[i]!);
    put32(buf, off + 24 + i * 4, control.dstAddr[i]!);
  }
}

function writeTcp(buf: Uint8Array, off: number, tcpBytes: number, control: ControlSegment): void {
  put16(buf, off, control.srcPort);
  put16(buf, off + 2, control.dstPort);
  put32(buf, off + 4, control.seq);
  put32(buf, off + 8, control.ack);
  buf[off + 12] = (tcpBytes >> 2) << 4;
  buf[off + 13] = control.flags;
  put16(buf, off + 14, control.wnd);
  put32(buf, off + 16, 0);
  if (control.tsOn === 0) return;
  put32(buf, off + 20, 0x0101080a);
  put32(buf, off + 24, control.tsVal);
  put32(buf, off + 28, control.tsEcr);
}
