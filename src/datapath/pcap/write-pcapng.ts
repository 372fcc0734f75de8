/**
 * Writes pcapng, little-endian: section header, interface description, enhanced packet with
 * comments (draft-ietf-opsawg-pcapng §4). Owns nothing; each call returns one block, new bytes, to
 * be appended to a file as packets come. Times are microseconds since 1970.
 */
const SECTION_HEADER = 0x0a0d0d0a;
const INTERFACE_DESCRIPTION = 1;
const INTERFACE_STATISTICS = 5;
const ENHANCED_PACKET = 6;
const BYTE_ORDER_MAGIC = 0x1a2b3c4d;

const OPTION_END = 0;
const OPTION_COMMENT = 1;
const OPTION_USER_APPLICATION = 4;
const OPTION_INTERFACE_NAME = 2;
const OPTION_PACKET_FLAGS = 2;
const OPTION_INTERFACE_DROPS = 5;
const OPTION_TSRESOL = 9;

/** An option's length is 16 bits; what a person reads in Wireshark is shorter. */
const COMMENT_BYTES_MAX = 4096;

export interface PacketBlock {
  readonly interfaceId: number;
  readonly timeUs: number;
  /** Link-layer header included: [off, off + len). */
  readonly bytes: Uint8Array;
  readonly off: number;
  readonly len: number;
  /** Length on the wire; more than `len` when the packet is cut. */
  readonly wireBytes: number;
  readonly comments: readonly string[];
  /** Seen from the machine that writes; absent: not said. */
  readonly direction?: 'in' | 'out';
}

/** How fine an interface's clock is, in digits behind the second. */
export type TimeDigits = 3 | 6 | 9;

/** The start of every file. */
export function sectionBlock(application: string, comment: string): Uint8Array {
  const body = new Uint8Array(16);
  const view = new DataView(body.buffer);
  view.setUint32(0, BYTE_ORDER_MAGIC, true);
  view.setUint16(4, 1, true);
  view.setInt32(8, -1, true); // the section's length is not known
  view.setInt32(12, -1, true);
  const options = [textOption(OPTION_COMMENT, comment)];
  options.push(textOption(OPTION_USER_APPLICATION, application));
  return block(SECTION_HEADER, [body, ...options, endOfOptions()]);
}

/** Interfaces are numbered in the order in which they are written, from 0. */
export function interfaceBlock(
  linkType: number,
  snapBytes: number,
  digits: TimeDigits,
  name?: string,
): Uint8Array {
  const body = new Uint8Array(8);
  const view = new DataView(body.buffer);
  view.setUint16(0, linkType, true);
  view.setUint32(4, snapBytes, true);
  const resolution = option(OPTION_TSRESOL, Uint8Array.of(digits));
  const named = name === undefined ? [] : [textOption(OPTION_INTERFACE_NAME, name)];
  return block(INTERFACE_DESCRIPTION, [body, ...named, resolution, endOfOptions()]);
}

/** How many packets of an interface are not in the section so far. */
export function lostBlock(
  interfaceId: number,
  timeUs: number,
  digits: TimeDigits,
  packets: number,
): Uint8Array {
  const body = new Uint8Array(12);
  const view = new DataView(body.buffer);
  view.setUint32(0, interfaceId, true);
  writeTicks(view, 4, timeUs, digits);
  const count = new Uint8Array(8);
  new DataView(count.buffer).setBigUint64(0, BigInt(packets), true);
  return block(INTERFACE_STATISTICS, [body, option(OPTION_INTERFACE_DROPS, count), endOfOptions()]);
}

export function packetBlock(packet: PacketBlock, digits: TimeDigits): Uint8Array {
  const head = new Uint8Array(20);
  const view = new DataView(head.buffer);
  view.setUint32(0, packet.interfaceId, true);
  writeTicks(view, 4, packet.timeUs, digits);
  view.setUint32(12, packet.len, true);
  view.setUint32(16, packet.wireBytes, true);
  const data = new Uint8Array((packet.len + 3) & ~3);
  data.set(packet.bytes.subarray(packet.off, packet.off + packet.len));
  const options = packet.comments.map((comment) => textOption(OPTION_COMMENT, comment));
  if (packet.direction !== undefined) {
    const flags = Uint8Array.of(packet.direction === 'in' ? 1 : 2, 0, 0, 0);
    options.push(option(OPTION_PACKET_FLAGS, flags));
  }
  if (options.length > 0) options.push(endOfOptions());
  return block(ENHANCED_PACKET, [head, data, ...options]);
}

function writeTicks(view: DataView, at: number, timeUs: number, digits: TimeDigits): void {
  const ticks = ticksOf(timeUs, digits);
  view.setUint32(at, Number((ticks >> 32n) & 0xffffffffn), true);
  view.setUint32(at + 4, Number(ticks & 0xffffffffn), true);
}

/** A double holds whole microseconds of this century, and a fraction of a quarter of one. */
function ticksOf(timeUs: number, digits: TimeDigits): bigint {
  const wholeUs = Math.max(0, Math.floor(timeUs));
  if (digits === 6) return BigInt(wholeUs);
  if (digits === 3) return BigInt(Math.floor(wholeUs / 1000));
  const restNs = Math.max(0, Math.round((timeUs - wholeUs) * 1000));
  return BigInt(wholeUs) * 1000n + BigInt(restNs);
}

function block(type: number, parts: readonly Uint8Array[]): Uint8Array {
  const bytes = 12 + parts.reduce((sum, part) => sum + part.length, 0);
  const out = new Uint8Array(bytes);
  const view = new DataView(out.buffer);
  view.setUint32(0, type, true);
  view.setUint32(4, bytes, true);
  let at = 8;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  view.setUint32(bytes - 4, bytes, true);
  return out;
}

function textOption(code: number, text: string): Uint8Array {
  const whole = new TextEncoder().encode(text);
  if (whole.length <= COMMENT_BYTES_MAX) return option(code, whole);
  let end = COMMENT_BYTES_MAX;
  while (((whole[end] ?? 0) & 0xc0) === 0x80) end--; // not within a character
  return option(code, whole.subarray(0, end));
}

function option(code: number, value: Uint8Array): Uint8Array {
  const out = new Uint8Array(4 + ((value.length + 3) & ~3));
  const view = new DataView(out.buffer);
  view.setUint16(0, code, true);
  view.setUint16(2, value.length, true);
  out.set(value, 4);
  return out;
}

function endOfOptions(): Uint8Array {
  return option(OPTION_END, new Uint8Array(0));
}
