/**
 * The one reused view of a parsed TCP segment: byte positions in the buffer it was parsed from, and
 * the header fields as numbers (RFC 9293 §3.1, RFC 7323, RFC 2018).
 *
 * Owned by the caller of `parseSegment`, which sets every field on every call. All fields are int32
 * and never undefined. Offsets are absolute in the buffer, in bytes; sequence space is in octets.
 */
export const FIN = 0x01;
export const SYN = 0x02;
export const RST = 0x04;
export const PSH = 0x08;
export const ACK = 0x10;
export const URG = 0x20;

/** Why a flow that carries this is passed untouched (bits of `Segment.foreign`). */
export const FOREIGN_MD5 = 1; // option 19 (RFC 2385)
export const FOREIGN_AO = 2; // option 29 (RFC 5925)
export const FOREIGN_MPTCP = 4; // option 30 (RFC 8684)
export const FOREIGN_FAST_OPEN = 8; // option 34 (RFC 7413), or 254 with magic 0xf989

export class Segment {
  /** 4 or 6. */
  family = 0;
  ipOff = 0;
  /** IP total length as sent: header, extension headers, payload. */
  ipBytes = 0;
  tcpOff = 0;
  tcpHeaderBytes = 0;
  payloadOff = 0;
  payloadBytes = 0;
  srcPort = 0;
  dstPort = 0;
  segSeq = 0;
  segAck = 0;
  /** Octets of sequence space: payload, plus one for SYN, plus one for FIN. */
  segLen = 0;
  /** Raw, unscaled. */
  segWnd = 0;
  /** Low eight flag bits. */
  flags = 0;
  ttl = 0;
  ipId = 0;
  dontFragment = 0;
  flowLabel = 0;
  /** Shift count 0..14, or -1 when the option is absent. */
  wndScale = -1;
  /** Octets, or -1. */
  mss = -1;
  sackPermitted = 0;
  /** Byte offset of TSval, or 0; TSecr is 4 bytes behind. */
  tsOff = 0;
  tsVal = 0;
  tsEcr = 0;
  /** Byte offset of the first SACK block's left edge, or 0; blocks are 8 bytes each. */
  sackOff = 0;
  sackCount = 0;
  /** FOREIGN_* bits. */
  foreign = 0;
}
