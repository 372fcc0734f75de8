/**
 * From a capture file to the same packets as from text, through the engine's own parser.
 * Owns nothing; `readCapture` has bounded the file. Frames are numbered as tcpdump counts them.
 */
import type { Frame } from '../datapath/pcap/capture.ts';
import { LINKTYPE_ETHERNET } from '../datapath/pcap/link-layer.ts';
import { readCapture } from '../datapath/pcap/read-capture.ts';
import { get16, get32 } from '../engine/wire/bytes.ts';
import { tcpChecksumOk } from '../engine/wire/checksum.ts';
import { parseSegment, WIRE_OK } from '../engine/wire/parse.ts';
import { Segment } from '../engine/wire/segment.ts';
import type { Seq } from '../engine/wire/seq.ts';
import { type PacketRecord, type TcpOptions, UNKNOWN } from './packet-record.ts';

export interface CaptureCounts {
  frames: number;
  packets: number;
  /** Frames that hold no complete TCP packet. */
  other: number;
  cutShort: boolean;
}

const IP4_HEADER_BYTES = 20;
const IP6_HEADER_BYTES = 40;
/** The largest packet that is copied for its checksum. */
const PACKET_BYTES_MAX = 65_536;

export function readCapturePackets(
  bytes: Uint8Array,
  sink: (packet: PacketRecord) => void,
): CaptureCounts {
  const capture = readCapture(bytes);
  const counts = { frames: 0, packets: 0, other: 0, cutShort: capture.cutShort };
  // Word sums want an aligned packet: each is copied to the start of one arena.
  const arena = new Uint8Array(PACKET_BYTES_MAX);
  const words = new Uint32Array(arena.buffer);
  const seg = new Segment();
  for (const frame of capture.frames) {
    counts.frames += 1;
    const packetBytes = placePacket(frame, arena);
    const read = packetBytes > 0 && parseSegment(arena, 0, packetBytes, seg) === WIRE_OK;
    if (!read || seg.tcpOff + seg.tcpHeaderBytes > frame.len) {
      counts.other += 1;
      continue;
    }
    counts.packets += 1;
    sink(recordOf(frame, arena, words, seg, packetBytes > frame.len));
  }
  return counts;
}

/**
 * Copies a frame's packet to the start of the arena and gives its length on the wire, 0 when there
 * is none. A packet that the capture cut (`tcpdump -s 96`) is filled with zeros: its headers are
 * all that matters here.
 */
function placePacket(frame: Frame, arena: Uint8Array): number {
  if (frame.len < IP4_HEADER_BYTES || frame.len > PACKET_BYTES_MAX) return 0;
  arena.set(frame.bytes.subarray(frame.off, frame.off + frame.len));
  const isIp4 = (arena[0] ?? 0) >> 4 === 4;
  const wireBytes = isIp4 ? get16(arena, 2) : get16(arena, 4) + IP6_HEADER_BYTES;
  if (wireBytes <= frame.len || wireBytes > PACKET_BYTES_MAX) return frame.len;
  arena.fill(0, frame.len, wireBytes);
  return wireBytes;
}

function recordOf(
  frame: Frame,
  arena: Uint8Array,
  words: Uint32Array,
  seg: Segment,
  isCut: boolean,
): PacketRecord {
  const at = seg.family === 4 ? seg.ipOff + 12 : seg.ipOff + 8;
  const width = seg.family === 4 ? 4 : 16;
  return {
    frame: frame.frame,
    timeUs: frame.timeUs,
    src: addressText(arena, at, seg.family),
    srcPort: String(seg.srcPort),
    dst: addressText(arena, at + width, seg.family),
    dstPort: String(seg.dstPort),
    flags: seg.flags & 0x3f,
    segSeq: seg.segSeq,
    segAck: (seg.flags & 0x10) === 0 ? null : seg.segAck,
    payloadOctets: seg.payloadBytes,
    segWnd: seg.segWnd,
    options: optionsOf(arena, seg),
    ttl: seg.ttl,
    ipId: seg.family === 4 ? seg.ipId : UNKNOWN,
    tcpBytes: seg.tcpHeaderBytes + seg.payloadBytes,
    srcMac: frame.linkType === LINKTYPE_ETHERNET ? macText(frame) : '',
    checksum: isCut ? 'unknown' : tcpChecksumOk(arena, words, seg) ? 'good' : 'bad',
    checksumField: get16(arena, seg.tcpOff + 16),
    side: 'unknown',
    ...sackBlocksOf(arena, seg),
  };
}

/** RFC 2018 §3: pairs of edges, at most four. */
function sackBlocksOf(arena: Uint8Array, seg: Segment): Pick<PacketRecord, 'sackBlocks'> {
  if (seg.sackCount === 0) return {};
  const sackBlocks: Seq[] = [];
  for (let edge = 0; edge < seg.sackCount * 2; edge++) {
    sackBlocks.push(get32(arena, seg.sackOff + edge * 4));
  }
  return { sackBlocks };
}

const OPTION_NAMES: Readonly<Record<number, string>> = {
  0: 'eol',
  1: 'nop',
  2: 'mss',
  3: 'wscale',
  4: 'sackOK',
  5: 'sack',
  8: 'TS',
};

function optionsOf(arena: Uint8Array, seg: Segment): TcpOptions {
  const names: string[] = [];
  const end = seg.tcpOff + seg.tcpHeaderBytes;
  let at = seg.tcpOff + 20;
  while (at < end) {
    const kind = arena[at] ?? 0;
    names.push(OPTION_NAMES[kind] ?? `option${kind}`);
    if (kind === 0) break;
    at += kind === 1 ? 1 : Math.max(2, arena[at + 1] ?? 2);
  }
  const stamped = seg.tsOff !== 0;
  return {
    layout: names.join(','),
    mss: seg.mss,
    wndScale: seg.wndScale,
    tsVal: stamped ? get32(arena, seg.tsOff) : null,
    tsEcr: stamped ? get32(arena, seg.tsOff + 4) : null,
  };
}

function addressText(bytes: Uint8Array, at: number, family: number): string {
  if (family === 4) return bytes.subarray(at, at + 4).join('.');
  const groups: string[] = [];
  for (let index = 0; index < 8; index++) {
    groups.push(get16(bytes, at + index * 2).toString(16));
  }
  return compress(groups);
}

/** RFC 5952: the longest run of zero groups, the first of equals, becomes `::`. */
function compress(groups: readonly string[]): string {
  let best = 0;
  let bestCount = 0;
  for (let start = 0; start < groups.length; start++) {
    let count = 0;
    while (groups[start + count] === '0') count += 1;
    if (count > bestCount) {
      best = start;
      bestCount = count;
    }
  }
  if (bestCount < 2) return groups.join(':');
  return `${groups.slice(0, best).join(':')}::${groups.slice(best + bestCount).join(':')}`;
}

function macText(frame: Frame): string {
  const octets: string[] = [];
  for (let index = 6; index < 12 && index < frame.linkBytes; index++) {
    octets.push((frame.bytes[frame.linkOff + index] ?? 0).toString(16).padStart(2, '0'));
  }
  return octets.length === 6 ? octets.join(':') : '';
}
