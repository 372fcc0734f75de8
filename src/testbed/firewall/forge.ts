/**
 * Packets that the faulty firewall makes up: resets, SYN-ACKs of end points that do not exist, and
 * other people's SYN-ACKs with another number. RFC 9293 §3.1. Returns whole IP packets.
 */

import { buildControl, CONTROL_BYTES_MAX, ControlSegment } from '../../engine/wire/build.ts';
import { get16, get32, put16, put32 } from '../../engine/wire/bytes.ts';
import { fillIp4Checksum, fillTcpChecksum } from '../../engine/wire/checksum.ts';
import { parseSegment, WIRE_OK } from '../../engine/wire/parse.ts';
import { ACK, Segment, SYN } from '../../engine/wire/segment.ts';

const control = new ControlSegment();
const seg = new Segment();
const SYN_ACK_WND = 29_200;
const MSS = 1460;

/** From the server's address to the client's, or back, addressed after the client's SYN. */
function addressed(clientSyn: Uint8Array, toClient: boolean): void {
  parseSegment(clientSyn, 0, clientSyn.length, seg);
  const v6 = seg.family === 6;
  const words = v6 ? 4 : 1;
  const source = v6 ? 8 : 12;
  const destination = v6 ? 24 : 16;
  for (let i = 0; i < words; i++) {
    const client = get32(clientSyn, source + 4 * i);
    const server = get32(clientSyn, destination + 4 * i);
    control.srcAddr[i] = toClient ? server : client;
    control.dstAddr[i] = toClient ? client : server;
  }
  control.family = seg.family;
  control.srcPort = toClient ? seg.dstPort : seg.srcPort;
  control.dstPort = toClient ? seg.srcPort : seg.dstPort;
  control.tsOn = 0;
  control.flowLabel = 0;
}

export function forgeControl(
  clientSyn: Uint8Array,
  flags: number,
  seq: number,
  ack: number,
  ttl: number,
): Uint8Array {
  addressed(clientSyn, true);
  control.flags = flags;
  control.seq = seq;
  control.ack = ack;
  control.wnd = 0;
  control.ttl = ttl;
  const out = new Uint8Array(CONTROL_BYTES_MAX);
  return out.slice(0, buildControl(out, 0, control));
}

/** What is to be said in the name of one end; the other fields are as usual. */
export interface Forgery {
  readonly toClient: boolean;
  readonly flags: number;
  readonly seq: number;
  readonly ack?: number;
  /** Raw. */
  readonly wnd?: number;
  readonly ttl: number;
  /** A whole number of words. */
  readonly options?: readonly number[];
  readonly data?: Uint8Array;
}

/** Either way, with any options and data. */
export function forgeSegment(clientSyn: Uint8Array, forgery: Forgery): Uint8Array {
  const { toClient, flags, seq, ack = 0, wnd = 0, ttl, options = [], data = [] } = forgery;
  addressed(clientSyn, toClient);
  Object.assign(control, { flags, seq, ack, wnd, ttl });
  const bare = new Uint8Array(CONTROL_BYTES_MAX);
  const bareBytes = buildControl(bare, 0, control);
  return extended(bare.slice(0, bareBytes), [...options, ...data], options.length);
}

/** Octets behind a segment without any, of which the first are options. */
function extended(bare: Uint8Array, more: ArrayLike<number>, optionBytes: number): Uint8Array {
  const packet = new Uint8Array(bare.length + more.length);
  packet.set(bare);
  packet.set(more, bare.length);
  const tcp = bare.length - 20;
  packet[tcp + 12] = ((20 + optionBytes) >> 2) << 4;
  if (tcp === 20) put16(packet, 2, packet.length);
  else put16(packet, 4, packet.length - 40);
  return finished(packet);
}

/** The SYN-ACK of nobody: its own options, `tsVal` 0 for none. */
export function forgeSynAck(
  clientSyn: Uint8Array,
  seq: number,
  ttl: number,
  wndScale: number,
  tsVal: number,
): Uint8Array {
  const bare = forgeControl(clientSyn, SYN | ACK, seq, 0, ttl);
  parseSegment(clientSyn, 0, clientSyn.length, seg);
  const ack = (seg.segSeq + 1) | 0;
  const clientTs = seg.tsVal;
  const options = [2, 4, MSS >> 8, MSS & 255];
  if (seg.sackPermitted !== 0) options.push(1, 1, 4, 2);
  if (wndScale >= 0 && seg.wndScale >= 0) options.push(1, 3, 3, wndScale);
  const tsAt = tsVal !== 0 && seg.tsOff !== 0 ? options.length + 4 : 0;
  if (tsAt !== 0) options.push(1, 1, 8, 10, 0, 0, 0, 0, 0, 0, 0, 0);
  const packet = extended(bare, options, options.length);
  const tcp = bare.length - 20;
  put32(packet, tcp + 8, ack);
  put16(packet, tcp + 14, SYN_ACK_WND);
  if (tsAt !== 0) {
    put32(packet, bare.length + tsAt, tsVal);
    put32(packet, bare.length + tsAt + 4, clientTs);
  }
  return finished(packet);
}

/** A copy with another SEQ and TTL. */
export function renumbered(packet: Uint8Array, seq: number, ttl: number): Uint8Array {
  const copy = packet.slice();
  parseSegment(copy, 0, copy.length, seg);
  put32(copy, seg.tcpOff + 4, seq);
  copy[seg.family === 6 ? 7 : 8] = ttl;
  return finished(copy);
}

/** Complete checksums, whatever state they were in. */
export function finished(packet: Uint8Array): Uint8Array {
  if (parseSegment(packet, 0, packet.length, seg) !== WIRE_OK) return packet;
  const words = new Uint32Array(packet.buffer, 0, packet.byteLength >> 2);
  if (seg.family === 4) fillIp4Checksum(packet, seg);
  fillTcpChecksum(packet, words, seg);
  return packet;
}

export function ackOf(packet: Uint8Array, tcpOff: number): number {
  return get32(packet, tcpOff + 8);
}

export function portOf(packet: Uint8Array, tcpOff: number): number {
  return get16(packet, tcpOff);
}
