/**
 * A TCP packet of a fuzzer's program, written straight into the arena: what `segment-builder.ts`
 * makes takes too long a thousand times a second. Checksums are complete unless told.
 */
import { put16, put32 } from '../../src/engine/wire/bytes.ts';
import { arenaWords, fillTcpChecksum, tcpPseudoSum } from '../../src/engine/wire/checksum.ts';
import { parseSegment, WIRE_OK } from '../../src/engine/wire/parse.ts';
import { Segment } from '../../src/engine/wire/segment.ts';

/** Bits of `options`. */
export const WITH_TS = 1;
export const WITH_SACK = 2;
export const WITH_SYN_OPTIONS = 4;
export const WITH_FOREIGN = 8;
export const IS_PARTIAL = 16;
export const IS_DAMAGED = 32;

export interface Written {
  readonly family: 4 | 6;
  readonly fromClient: boolean;
  readonly clientPort: number;
  readonly flags: number;
  readonly seq: number;
  readonly ack: number;
  readonly wnd: number;
  readonly ttl: number;
  readonly id: number;
  readonly payload: number;
  readonly options: number;
  readonly tsVal: number;
  readonly tsEcr: number;
  readonly sackLeft: number;
  readonly wndScale: number;
}

const SERVER_PORT = 22;
const CLIENT_HOST = 1;
const SERVER_HOST = 2;

/** Returns the packet's length; it lies at [off, off + length). */
export class PacketWriter {
  private readonly seg = new Segment();

  write(buf: Uint8Array, off: number, given: Written): number {
    const ip = given.family === 4 ? 20 : 40;
    const tcp = off + ip;
    const end = writeOptions(buf, tcp + 20, given);
    const bytes = end - off + given.payload;
    buf.fill(0, off, tcp + 20);
    writeIp(buf, off, bytes, given);
    const { fromClient, clientPort } = given;
    put16(buf, tcp, fromClient ? clientPort : SERVER_PORT);
    put16(buf, tcp + 2, fromClient ? SERVER_PORT : clientPort);
    put32(buf, tcp + 4, given.seq);
    put32(buf, tcp + 8, given.ack);
    buf[tcp + 12] = ((end - tcp) >> 2) << 4;
    buf[tcp + 13] = given.flags;
    put16(buf, tcp + 14, given.wnd);
    for (let i = 0; i < given.payload; i++) buf[end + i] = given.seq + i;
    this.sum(buf, off, bytes, given.options);
    return bytes;
  }

  private sum(buf: Uint8Array, off: number, bytes: number, options: number): void {
    const { seg } = this;
    if (parseSegment(buf, off, bytes, seg) !== WIRE_OK) return;
    if ((options & IS_PARTIAL) !== 0) put16(buf, seg.tcpOff + 16, tcpPseudoSum(buf, seg));
    else fillTcpChecksum(buf, arenaWords(buf), seg);
    if ((options & IS_DAMAGED) !== 0) buf[seg.tcpOff + 16] = ~(buf[seg.tcpOff + 16] ?? 0);
  }
}

function writeIp(buf: Uint8Array, off: number, bytes: number, given: Written): void {
  const [from, to] = given.fromClient ? [CLIENT_HOST, SERVER_HOST] : [SERVER_HOST, CLIENT_HOST];
  if (given.family === 4) {
    buf[off] = 0x45;
    put16(buf, off + 2, bytes);
    put16(buf, off + 4, given.id);
    put16(buf, off + 6, 0x4000);
    buf[off + 8] = given.ttl;
    buf[off + 9] = 6;
    put32(buf, off + 12, 0x0a000000 | from);
    put32(buf, off + 16, 0x0a000000 | to);
    return;
  }
  buf[off] = 0x60;
  put16(buf, off + 4, bytes - 40);
  buf[off + 6] = 6;
  buf[off + 7] = given.ttl;
  buf[off + 8] = 0xfd;
  buf[off + 23] = from;
  buf[off + 24] = 0xfd;
  buf[off + 39] = to;
}

/** Returns where the options end, at a 4-byte boundary. */
function writeOptions(buf: Uint8Array, off: number, given: Written): number {
  const { options } = given;
  let at = off;
  if ((options & WITH_SYN_OPTIONS) !== 0) {
    buf.set([2, 4, 5, 0xb4, 1, 1, 4, 2, 1, 3, 3, given.wndScale & 15], at);
    at += 12;
  }
  if ((options & WITH_TS) !== 0) {
    buf.set([1, 1, 8, 10], at);
    put32(buf, at + 4, given.tsVal);
    put32(buf, at + 8, given.tsEcr);
    at += 12;
  }
  if ((options & WITH_SACK) !== 0) {
    buf.set([1, 1, 5, 10], at);
    put32(buf, at + 4, given.sackLeft);
    put32(buf, at + 8, given.sackLeft + 100);
    at += 12;
  }
  if ((options & WITH_FOREIGN) !== 0) {
    buf.set([30, 4, 0, 0], at);
    at += 4;
  }
  return at;
}
