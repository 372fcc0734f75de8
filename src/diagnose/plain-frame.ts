/**
 * The frame that nearly all are, read at its fixed places: Ethernet without tags, IPv4 without
 * options or fragments, an acknowledgement without options or with timestamps alone (RFC 7323
 * appendix A). Any other is for the parser, which reads every layout and takes four times as long.
 *
 * Owns nothing. Of the segment it sets what a prediction reads. Offsets are in bytes, absolute.
 */
import type { FrameView } from '../datapath/pcap/capture.ts';
import { LINKTYPE_ETHERNET } from '../datapath/pcap/link-layer.ts';
import { ACK, FIN, RST, type Segment, SYN, URG } from '../engine/wire/segment.ts';

const ETHERNET_BYTES = 14;
const IP4_BYTES = 20;
const TCP_BYTES = 20;
const STAMPED_BYTES = 32;
const HEADERS_BYTES = ETHERNET_BYTES + IP4_BYTES + TCP_BYTES;
/** EtherType IPv4, version 4, five words of header. */
const ETHERTYPE_IP4 = 0x0800;
const VERSION_AND_WORDS = 0x45;
const PROTOCOL_TCP = 6;
/** More fragments, and the offset of one (RFC 791 §3.1). */
const FRAGMENT_BITS = 0x3fff;
/** NOP, NOP, Timestamps, length 10. */
const ALIGNED_TIMESTAMPS = 0x0101080a;
/** Congestion notification (RFC 3168) and PSH change nothing. */
const FLAGS_JUDGED = FIN | SYN | RST | ACK | URG;

/** Whether it is one. Sets where the IP packet lies in `frame`, and `seg`. `data`: its bytes. */
export function readPlainFrame(frame: FrameView, data: DataView, seg: Segment): boolean {
  const { linkOff, linkBytes } = frame;
  if (frame.linkType !== LINKTYPE_ETHERNET || linkBytes < HEADERS_BYTES) return false;
  const ip = linkOff + ETHERNET_BYTES;
  if (data.getUint16(ip - 2) !== ETHERTYPE_IP4 || data.getUint8(ip) !== VERSION_AND_WORDS) {
    return false;
  }
  // Identification and fragment in one word, TTL, protocol and checksum in the next.
  const fragment = data.getInt32(ip + 4);
  const life = data.getInt32(ip + 8);
  if (((life >>> 16) & 0xff) !== PROTOCOL_TCP || (fragment & FRAGMENT_BITS) !== 0) return false;
  const tcp = ip + IP4_BYTES;
  const offsetFlagsWindow = data.getInt32(tcp + 12);
  const headerBytes = (offsetFlagsWindow >>> 28) << 2;
  const ipBytes = data.getUint16(ip + 2);
  const payloadBytes = ipBytes - IP4_BYTES - headerBytes;
  if (payloadBytes < 0 || linkBytes < ETHERNET_BYTES + IP4_BYTES + headerBytes) return false;
  const flags = (offsetFlagsWindow >>> 16) & 0xff;
  if (!isPlainHeader(data, tcp, flags, headerBytes)) return false;
  frame.off = ip;
  frame.len = linkBytes - ETHERNET_BYTES;
  seg.family = 4;
  seg.ipOff = ip;
  seg.ipBytes = ipBytes;
  seg.tcpOff = tcp;
  seg.tcpHeaderBytes = headerBytes;
  seg.payloadBytes = payloadBytes;
  seg.segSeq = data.getInt32(tcp + 4);
  seg.segAck = data.getInt32(tcp + 8);
  seg.flags = flags;
  seg.segWnd = offsetFlagsWindow & 0xffff;
  seg.ttl = life >>> 24;
  seg.ipId = fragment >>> 16;
  if (headerBytes === TCP_BYTES) {
    seg.tsOff = 0;
    seg.tsVal = 0;
    seg.tsEcr = 0;
  } else {
    seg.tsOff = tcp + TCP_BYTES + 4;
    seg.tsVal = data.getInt32(seg.tsOff);
    seg.tsEcr = data.getInt32(seg.tsOff + 4);
  }
  return true;
}

/** An acknowledgement with or without data, and no option but timestamps where all have them. */
export function isPlainHeader(
  data: DataView,
  tcp: number,
  flags: number,
  headerBytes: number,
): boolean {
  if ((flags & FLAGS_JUDGED) !== ACK) return false;
  if (headerBytes === TCP_BYTES) return true;
  return headerBytes === STAMPED_BYTES && data.getInt32(tcp + TCP_BYTES) === ALIGNED_TIMESTAMPS;
}
