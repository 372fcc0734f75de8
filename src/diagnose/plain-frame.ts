/**
 * The frame that nearly all are, read at its fixed places: Ethernet without tags, IPv4 without
 * options or fragments, an acknowledgement without options or with timestamps alone (RFC 7323
 * appendix A). Any other is for the parser, which reads every layout and takes four times as long.
 *
 * Owns nothing. Of the segment it sets what a prediction reads. Offsets are in bytes, absolute.
 */
import type { FrameView } from '../datapath/pcap/capture.ts';
import { LINKTYPE_ETHERNET } from '../datapath/pcap/link-layer.ts';
import { get16, get32 } from '../engine/wire/bytes.ts';
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

/** Whether it is one. Sets the place of the IP packet in `frame`, and `seg`. */
export function readPlainFrame(frame: FrameView, seg: Segment): boolean {
  const { bytes, linkOff, linkBytes } = frame;
  if (frame.linkType !== LINKTYPE_ETHERNET || linkBytes < HEADERS_BYTES) return false;
  const ip = linkOff + ETHERNET_BYTES;
  if (get16(bytes, ip - 2) !== ETHERTYPE_IP4 || bytes[ip] !== VERSION_AND_WORDS) return false;
  if (bytes[ip + 9] !== PROTOCOL_TCP || (get16(bytes, ip + 6) & FRAGMENT_BITS) !== 0) return false;
  const tcp = ip + IP4_BYTES;
  const headerBytes = ((bytes[tcp + 12] ?? 0) >> 4) << 2;
  const ipBytes = get16(bytes, ip + 2);
  const payloadBytes = ipBytes - IP4_BYTES - headerBytes;
  if (payloadBytes < 0 || linkBytes < ETHERNET_BYTES + IP4_BYTES + headerBytes) return false;
  if (!isPlainHeader(bytes, tcp, headerBytes)) return false;
  frame.off = ip;
  frame.len = linkBytes - ETHERNET_BYTES;
  seg.family = 4;
  seg.ipOff = ip;
  seg.ipBytes = ipBytes;
  seg.tcpOff = tcp;
  seg.tcpHeaderBytes = headerBytes;
  seg.payloadBytes = payloadBytes;
  seg.segSeq = get32(bytes, tcp + 4);
  seg.segAck = get32(bytes, tcp + 8);
  seg.flags = bytes[tcp + 13] ?? 0;
  seg.segWnd = get16(bytes, tcp + 14);
  seg.ttl = bytes[ip + 8] ?? 0;
  seg.ipId = get16(bytes, ip + 4);
  seg.tsOff = headerBytes === TCP_BYTES ? 0 : tcp + TCP_BYTES + 4;
  seg.tsVal = headerBytes === TCP_BYTES ? 0 : get32(bytes, seg.tsOff);
  seg.tsEcr = headerBytes === TCP_BYTES ? 0 : get32(bytes, seg.tsOff + 4);
  return true;
}

/** An acknowledgement with or without data, and no option but timestamps where all have them. */
export function isPlainHeader(bytes: Uint8Array, tcp: number, headerBytes: number): boolean {
  if (((bytes[tcp + 13] ?? 0) & FLAGS_JUDGED) !== ACK) return false;
  if (headerBytes === TCP_BYTES) return true;
  return headerBytes === STAMPED_BYTES && get32(bytes, tcp + TCP_BYTES) === ALIGNED_TIMESTAMPS;
}
