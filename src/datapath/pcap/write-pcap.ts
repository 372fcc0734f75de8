/**
 * Writes classic pcap, little-endian, microseconds (draft-ietf-opsawg-pcap). Owns nothing; returns
 * new bytes. Times are microseconds since 1970; a fraction is rounded down.
 */
const FILE_HEADER_BYTES = 24;
const RECORD_HEADER_BYTES = 16;
const SNAP_BYTES = 262_144;

/** What is written of a packet. A frame as read fits, and then its IP packet alone is written. */
export interface PacketBytes {
  readonly timeUs: number;
  readonly bytes: Uint8Array;
  readonly off: number;
  readonly len: number;
}

/** The start of every file. */
export function pcapHeader(linkType: number): Uint8Array {
  const header = new Uint8Array(FILE_HEADER_BYTES);
  const view = new DataView(header.buffer);
  view.setUint32(0, 0xa1b2c3d4, true);
  view.setUint16(4, 2, true);
  view.setUint16(6, 4, true);
  view.setUint32(16, SNAP_BYTES, true);
  view.setUint32(20, linkType, true);
  return header;
}

/** One record, header and bytes; appended to a file as packets come. */
export function pcapRecord(packet: PacketBytes): Uint8Array {
  const record = new Uint8Array(RECORD_HEADER_BYTES + packet.len);
  const view = new DataView(record.buffer);
  const wholeUs = Math.floor(packet.timeUs);
  view.setUint32(0, Math.floor(wholeUs / 1e6), true);
  view.setUint32(4, wholeUs % 1e6, true);
  view.setUint32(8, packet.len, true);
  view.setUint32(12, packet.len, true);
  record.set(packet.bytes.subarray(packet.off, packet.off + packet.len), RECORD_HEADER_BYTES);
  return record;
}

/** A whole file. */
export function writePcap(packets: readonly PacketBytes[], linkType: number): Uint8Array {
  const parts = [pcapHeader(linkType)];
  for (const packet of packets) parts.push(pcapRecord(packet));
  const file = new Uint8Array(parts.reduce((bytes, part) => bytes + part.length, 0));
  let at = 0;
  for (const part of parts) {
    file.set(part, at);
    at += part.length;
  }
  return file;
}
