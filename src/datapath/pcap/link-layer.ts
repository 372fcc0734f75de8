/**
 * Finds the IP packet in a captured frame: Ethernet with VLAN tags (IEEE 802.1Q, 802.1ad), Linux
 * cooked v1 and v2, raw IP, BSD loopback. https://www.tcpdump.org/linktypes.html
 *
 * Owns nothing. Reads bytes[off, end). Offsets are in bytes, absolute.
 */
import { type FrameView, read16, read32, SIDE_IN, SIDE_OUT, SIDE_UNKNOWN } from './capture.ts';

export const LINKTYPE_NULL = 0;
export const LINKTYPE_ETHERNET = 1;
/** Historical numbers of raw IP, written where DLT_RAW was not mapped. */
const DLT_RAW = 12;
const DLT_RAW_OPENBSD = 14;
export const LINKTYPE_RAW = 101;
export const LINKTYPE_LOOP = 108;
export const LINKTYPE_LINUX_SLL = 113;
export const LINKTYPE_IPV4 = 228;
export const LINKTYPE_IPV6 = 229;
export const LINKTYPE_LINUX_SLL2 = 276;

/** Packet types of cooked captures (linux/if_packet.h): to us, broadcast, multicast; from us. */
const PACKET_MULTICAST = 2;
const PACKET_OUTGOING = 4;
const MAC_BYTES = 6;

const ETHERTYPE_IP4 = 0x0800;
const ETHERTYPE_IP6 = 0x86dd;
const TAG_COUNT_MAX = 4;

/** AF_INET is 2 everywhere; AF_INET6 differs between the systems that write these files. */
const FAMILY_IP4 = 2;
const FAMILIES_IP6 = [10, 24, 28, 30];

/** Sets what a record tells of its frame; what the frame's bytes tell is for `placeIp`. */
export function placeLink(
  frame: FrameView,
  bytes: Uint8Array,
  linkOff: number,
  linkBytes: number,
  linkType: number,
): void {
  frame.bytes = bytes;
  frame.linkOff = linkOff;
  frame.linkBytes = linkBytes;
  frame.linkType = linkType;
  frame.side = SIDE_UNKNOWN;
}

/** Sets the place of the IP packet, and the direction where the record did not tell it. */
export function placeIp(frame: FrameView): void {
  const { bytes, linkOff, linkBytes, linkType } = frame;
  const end = linkOff + linkBytes;
  const ip = findIp(bytes, linkOff, end, linkType);
  frame.off = ip < 0 ? linkOff : ip;
  frame.len = ip < 0 ? 0 : end - ip;
  if (ip >= 0 && frame.side === SIDE_UNKNOWN) frame.side = sideOf(bytes, linkOff, linkType);
}

/** Cooked captures say whether the machine itself sent the packet. */
function sideOf(bytes: Uint8Array, off: number, linkType: number): number {
  let type = -1;
  if (linkType === LINKTYPE_LINUX_SLL) type = read16(bytes, off, false);
  else if (linkType === LINKTYPE_LINUX_SLL2) type = bytes[off + 10] ?? 0;
  else return SIDE_UNKNOWN;
  if (type === PACKET_OUTGOING) return SIDE_OUT;
  return type <= PACKET_MULTICAST ? SIDE_IN : SIDE_UNKNOWN;
}

/** Offset of the sender's MAC address in a frame that holds IP, or -1. */
export function findSender(bytes: Uint8Array, off: number, linkType: number): number {
  switch (linkType) {
    case LINKTYPE_ETHERNET:
      return off + MAC_BYTES;
    case LINKTYPE_LINUX_SLL:
      return read16(bytes, off + 4, false) === MAC_BYTES ? off + 6 : -1;
    case LINKTYPE_LINUX_SLL2:
      return bytes[off + 11] === MAC_BYTES ? off + 12 : -1;
    default:
      return -1;
  }
}

/** Offset of the IP header, or -1 when the frame holds none. */
export function findIp(bytes: Uint8Array, off: number, end: number, linkType: number): number {
  const at = findPayload(bytes, off, end, linkType);
  if (at < 0 || at >= end) return -1;
  const version = (bytes[at] ?? 0) >> 4;
  return version === 4 || version === 6 ? at : -1;
}

function findPayload(bytes: Uint8Array, off: number, end: number, linkType: number): number {
  switch (linkType) {
    case LINKTYPE_ETHERNET:
      return off + 14 > end ? -1 : skipTags(bytes, off + 12, off + 14, end);
    case LINKTYPE_LINUX_SLL:
      return off + 16 > end ? -1 : skipTags(bytes, off + 14, off + 16, end);
    case LINKTYPE_LINUX_SLL2:
      return off + 20 > end ? -1 : skipTags(bytes, off, off + 20, end);
    case LINKTYPE_NULL:
    case LINKTYPE_LOOP:
      return off + 4 > end || !isIpFamily(bytes, off) ? -1 : off + 4;
    case LINKTYPE_RAW:
    case LINKTYPE_IPV4:
    case LINKTYPE_IPV6:
    case DLT_RAW:
    case DLT_RAW_OPENBSD:
      return off;
    default:
      return -1;
  }
}

/**
 * From the EtherType at `typeOff`, whose payload starts at `payloadOff`, over 802.1Q and QinQ tags.
 */
function skipTags(bytes: Uint8Array, typeOff: number, payloadOff: number, end: number): number {
  let type = read16(bytes, typeOff, false);
  let at = payloadOff;
  for (let count = 0; count < TAG_COUNT_MAX && isTag(type); count++) {
    if (at + 4 > end) return -1;
    type = read16(bytes, at + 2, false);
    at += 4;
  }
  return type === ETHERTYPE_IP4 || type === ETHERTYPE_IP6 ? at : -1;
}

function isTag(type: number): boolean {
  return type === 0x8100 || type === 0x88a8 || type === 0x9100;
}

/** The family is in the byte order of whoever captured, which the file may not share. */
function isIpFamily(bytes: Uint8Array, off: number): boolean {
  const family = Math.min(read32(bytes, off, true), read32(bytes, off, false));
  return family === FAMILY_IP4 || FAMILIES_IP6.includes(family);
}
