/**
 * From a capture to the packets that a comparison needs: every option, every SACK block, a
 * fingerprint of the payload. Slower than capture-packets.ts, and used by the comparison only.
 * Owns nothing.
 */
import type { Frame } from '../../datapath/pcap/capture.ts';
import { readCapture } from '../../datapath/pcap/read-capture.ts';
import { get16, get32 } from '../../engine/wire/bytes.ts';
import { parseSegment, WIRE_OK } from '../../engine/wire/parse.ts';
import { ACK, Segment } from '../../engine/wire/segment.ts';
import type { Seq } from '../../engine/wire/seq.ts';
import { formatAddress } from '../../telemetry/flow-address.ts';
import { CLIENT } from '../flow.ts';
import { UNKNOWN } from '../packet-record.ts';
import type { Ends, SideBook } from './side-book.ts';
import type { SidePacket } from './side-packet.ts';

const IP4_HEADER_BYTES = 20;
const IP6_HEADER_BYTES = 40;
const TCP_HEADER_BYTES = 20;
const PACKET_BYTES_MAX = 65_536;
const HEAD_OCTETS = 16;

const KIND_END = 0;
const KIND_NOP = 1;
/** Those with a field of their own. */
const KINDS_READ: ReadonlySet<number> = new Set([2, 3, 4, 5, 8]);

/** Throws CaptureError for what is no capture. */
export function readCaptureSide(bytes: Uint8Array, book: SideBook): void {
  const arena = new Uint8Array(PACKET_BYTES_MAX);
  const seg = new Segment();
  const layouts = new Map<string, string>();
  for (const frame of readCapture(bytes).frames) {
    const packetBytes = placePacket(frame, arena);
    if (packetBytes === 0 || parseSegment(arena, 0, packetBytes, seg) !== WIRE_OK) continue;
    if (seg.tcpOff + seg.tcpHeaderBytes > frame.len) continue;
    book.add(endsOf(arena, seg), packetOf(frame, arena, seg, layouts), 0);
  }
}

/** As in capture-packets.ts: what the capture cut off is zeros. */
function placePacket(frame: Frame, arena: Uint8Array): number {
  if (frame.len < IP4_HEADER_BYTES || frame.len > PACKET_BYTES_MAX) return 0;
  arena.set(frame.bytes.subarray(frame.off, frame.off + frame.len));
  const isIp4 = (arena[0] ?? 0) >> 4 === 4;
  const wireBytes = isIp4 ? get16(arena, 2) : get16(arena, 4) + IP6_HEADER_BYTES;
  if (wireBytes <= frame.len || wireBytes > PACKET_BYTES_MAX) return frame.len;
  arena.fill(0, frame.len, wireBytes);
  return wireBytes;
}

function endsOf(arena: Uint8Array, seg: Segment): Ends {
  const family = seg.family === 4 ? 4 : 6;
  const at = seg.ipOff + (family === 4 ? 12 : 8);
  return {
    src: addressText(arena, at, family),
    srcPort: String(seg.srcPort),
    dst: addressText(arena, at + (family === 4 ? 4 : 16), family),
    dstPort: String(seg.dstPort),
  };
}

function addressText(bytes: Uint8Array, at: number, family: 4 | 6): string {
  const words = new Int32Array(4);
  for (let i = 0; i < (family === 4 ? 1 : 4); i++) words[i] = get32(bytes, at + 4 * i);
  return formatAddress(words, 0, family);
}

function packetOf(
  frame: Frame,
  arena: Uint8Array,
  seg: Segment,
  layouts: Map<string, string>,
): SidePacket {
  const { layout, others } = optionsOf(arena, seg);
  const shared = layouts.get(layout) ?? layout;
  layouts.set(shared, shared);
  const seenOctets = Math.min(seg.payloadBytes, frame.len - seg.payloadOff);
  const headOctets = Math.min(seg.payloadBytes, HEAD_OCTETS);
  const stamped = seg.tsOff !== 0;
  return {
    frame: frame.frame,
    timeUs: frame.timeUs,
    dir: CLIENT,
    flags: seg.flags,
    segSeq: seg.segSeq,
    segAck: (seg.flags & ACK) === 0 ? null : seg.segAck,
    payloadOctets: seg.payloadBytes,
    segWnd: seg.segWnd,
    ttl: seg.ttl,
    tos: tosOf(arena, seg),
    ipId: seg.family === 4 ? seg.ipId : UNKNOWN,
    layout: shared,
    mss: seg.mss,
    wndScale: seg.wndScale,
    tsVal: stamped ? seg.tsVal : null,
    tsEcr: stamped ? seg.tsEcr : null,
    sack: sackOf(arena, seg),
    others,
    payloadHash: seenOctets < seg.payloadBytes ? UNKNOWN : hash(arena, seg, seg.payloadBytes),
    headHash: seenOctets < headOctets ? UNKNOWN : hash(arena, seg, headOctets),
  };
}

function tosOf(arena: Uint8Array, { family, ipOff }: Segment): number {
  if (family === 4) return arena[ipOff + 1] ?? 0;
  return (get16(arena, ipOff) >> 4) & 0xff;
}

function optionsOf(arena: Uint8Array, seg: Segment): { layout: string; others: string } {
  const kinds: number[] = [];
  let others = '';
  const end = seg.tcpOff + seg.tcpHeaderBytes;
  for (let at = seg.tcpOff + TCP_HEADER_BYTES; at < end; ) {
    const kind = arena[at] ?? 0;
    kinds.push(kind);
    if (kind === KIND_END) break;
    const bytes = kind === KIND_NOP ? 1 : Math.max(2, arena[at + 1] ?? 2);
    if (kind !== KIND_NOP && !KINDS_READ.has(kind)) {
      const body = Buffer.from(arena.subarray(at + 2, Math.min(end, at + bytes)));
      others += `${others === '' ? '' : ' '}${kind}:${body.toString('hex')}`;
    }
    at += bytes;
  }
  return { layout: kinds.join(','), others };
}

const NO_BLOCKS: readonly Seq[] = [];

function sackOf(arena: Uint8Array, { sackOff, sackCount }: Segment): readonly Seq[] {
  if (sackCount === 0) return NO_BLOCKS;
  return Array.from({ length: sackCount * 2 }, (_, edge) => get32(arena, sackOff + 4 * edge));
}

/** FNV-1a, 32 bits, made positive: UNKNOWN is none of its values. */
function hash(arena: Uint8Array, { payloadOff }: Segment, octets: number): number {
  let value = 0x811c9dc5;
  for (let at = payloadOff; at < payloadOff + octets; at++) {
    value = Math.imul(value ^ (arena[at] ?? 0), 0x01000193);
  }
  return value >>> 0;
}
