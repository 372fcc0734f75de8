/**
 * From a capture to the packets that a comparison needs: every option, every SACK block, a
 * fingerprint of the payload. Slower than capture-packets.ts, and used by the comparison only.
 * Owns nothing.
 */
import type { Frame } from '../../datapath/pcap/capture.ts';
import { placePacket } from '../../datapath/pcap/place-packet.ts';
import { readCapture } from '../../datapath/pcap/read-capture.ts';
import { get16 } from '../../engine/wire/bytes.ts';
import { parseSegment, WIRE_OK } from '../../engine/wire/parse.ts';
import { ACK, Segment } from '../../engine/wire/segment.ts';
import { formatAddressAt } from '../../telemetry/flow-address.ts';
import { CLIENT } from '../flow.ts';
import { UNKNOWN } from '../packet-record.ts';
import { sackEdges } from '../sack-edges.ts';
import type { Ends, SideBook } from './side-book.ts';
import type { SidePacket } from './side-packet.ts';

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
    const packetBytes = placePacket(frame, arena, PACKET_BYTES_MAX);
    if (packetBytes === 0 || parseSegment(arena, 0, packetBytes, seg) !== WIRE_OK) continue;
    if (seg.tcpOff + seg.tcpHeaderBytes > frame.len) continue;
    book.add(endsOf(arena, seg), packetOf(frame, arena, seg, layouts), 0);
  }
}

function endsOf(arena: Uint8Array, seg: Segment): Ends {
  const { family } = seg;
  const at = seg.ipOff + (family === 4 ? 12 : 8);
  return {
    src: formatAddressAt(arena, at, family),
    srcPort: String(seg.srcPort),
    dst: formatAddressAt(arena, at + (family === 4 ? 4 : 16), family),
    dstPort: String(seg.dstPort),
  };
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
    sack: sackEdges(arena, seg),
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

/** FNV-1a, 32 bits, made positive: UNKNOWN is none of its values. */
function hash(arena: Uint8Array, { payloadOff }: Segment, octets: number): number {
  let value = 0x811c9dc5;
  for (let at = payloadOff; at < payloadOff + octets; at++) {
    value = Math.imul(value ^ (arena[at] ?? 0), 0x01000193);
  }
  return value >>> 0;
}
