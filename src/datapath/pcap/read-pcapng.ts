/**
 * Reads pcapng files: section headers, interface descriptions, enhanced, simple and the obsolete
 * packet blocks; everything else is stepped over (draft-ietf-opsawg-pcapng §4).
 *
 * Owns the reader's walk; reads the file's bytes, copies none.
 */
import { type Capture, type Frame, read16, read32 } from './capture.ts';
import { findIp } from './link-layer.ts';

const SECTION_HEADER = 0x0a0d0d0a;
const INTERFACE_DESCRIPTION = 1;
const PACKET = 2;
const SIMPLE_PACKET = 3;
const ENHANCED_PACKET = 6;
const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
const BLOCK_BYTES_MIN = 12;

const OPTION_END = 0;
const OPTION_TSRESOL = 9;
const OPTION_TSOFFSET = 14;

interface Interface {
  readonly linkType: number;
  readonly snapBytes: number;
  /** What one unit of its time stamps is, and where they start. */
  readonly tickUs: number;
  readonly epochUs: number;
}

/** One section: its byte order and its interfaces so far. */
interface Section {
  readonly little: boolean;
  readonly interfaces: Interface[];
}

export function isPcapng(bytes: Uint8Array): boolean {
  return bytes.length >= 28 && read32(bytes, 0, false) === SECTION_HEADER;
}

export function readPcapng(bytes: Uint8Array): Capture {
  const frames: Frame[] = [];
  let section: Section = { little: true, interfaces: [] };
  let at = 0;
  while (at + BLOCK_BYTES_MIN <= bytes.length) {
    // The section header's type reads the same in both orders; its length does not.
    if (read32(bytes, at, false) === SECTION_HEADER) {
      const little = read32(bytes, at + 8, true) === BYTE_ORDER_MAGIC;
      if (!little && read32(bytes, at + 8, false) !== BYTE_ORDER_MAGIC) break;
      section = { little, interfaces: [] };
    }
    const blockBytes = read32(bytes, at + 4, section.little);
    if (blockBytes < BLOCK_BYTES_MIN || at + blockBytes > bytes.length) break;
    readBlock(bytes, at, at + blockBytes - 4, section, frames);
    at += (blockBytes + 3) & ~3;
  }
  return { frames, cutShort: at < bytes.length };
}

/** `end` is where the block's trailing length stands. */
function readBlock(
  bytes: Uint8Array,
  at: number,
  end: number,
  section: Section,
  frames: Frame[],
): void {
  const { little, interfaces } = section;
  const type = read32(bytes, at, little);
  const body = at + 8;
  if (type === INTERFACE_DESCRIPTION && body + 8 <= end) {
    interfaces.push(readInterface(bytes, body, end, little));
  } else if (type === SIMPLE_PACKET && body + 4 <= end) {
    const from = interfaces[0];
    if (from === undefined) return;
    const wireBytes = read32(bytes, body, little);
    const cut = from.snapBytes === 0 ? wireBytes : Math.min(wireBytes, from.snapBytes);
    push(frames, bytes, body + 4, cut, end, wireBytes, from, 0);
  } else if ((type === ENHANCED_PACKET || type === PACKET) && body + 20 <= end) {
    const id = type === PACKET ? read16(bytes, body, little) : read32(bytes, body, little);
    const from = interfaces[id];
    if (from === undefined) return;
    const ticks = read32(bytes, body + 4, little) * 2 ** 32 + read32(bytes, body + 8, little);
    const linkBytes = read32(bytes, body + 12, little);
    const wireBytes = read32(bytes, body + 16, little);
    const timeUs = from.epochUs + ticks * from.tickUs;
    push(frames, bytes, body + 20, linkBytes, end, wireBytes, from, timeUs);
  }
}

function push(
  frames: Frame[],
  bytes: Uint8Array,
  linkOff: number,
  linkBytes: number,
  end: number,
  wireBytes: number,
  from: Interface,
  timeUs: number,
): void {
  if (linkOff + linkBytes > end) return;
  const ip = findIp(bytes, linkOff, linkOff + linkBytes, from.linkType);
  frames.push({
    frame: frames.length + 1,
    timeUs,
    bytes,
    off: ip < 0 ? linkOff : ip,
    len: ip < 0 ? 0 : linkOff + linkBytes - ip,
    linkOff,
    linkBytes,
    linkType: from.linkType,
    wireBytes,
  });
}

function readInterface(bytes: Uint8Array, body: number, end: number, little: boolean): Interface {
  let tickUs = 1;
  let epochUs = 0;
  let at = body + 8;
  while (at + 4 <= end) {
    const code = read16(bytes, at, little);
    const length = read16(bytes, at + 2, little);
    if (code === OPTION_END || at + 4 + length > end) break;
    if (code === OPTION_TSRESOL && length === 1) tickUs = tickOf(bytes[at + 4] ?? 6);
    if (code === OPTION_TSOFFSET && length === 8) {
      const low = read32(bytes, at + (little ? 4 : 8), little);
      const high = read32(bytes, at + (little ? 8 : 4), little) | 0;
      epochUs = (high * 2 ** 32 + low) * 1e6;
    }
    at += 4 + ((length + 3) & ~3);
  }
  const snapBytes = read32(bytes, body + 4, little);
  return { linkType: read16(bytes, body, little), snapBytes, tickUs, epochUs };
}

/** if_tsresol: a negative power of ten, or of two when the top bit is set. In microseconds. */
function tickOf(resolution: number): number {
  const power = resolution & 0x7f;
  return (resolution & 0x80) !== 0 ? 1e6 / 2 ** power : 10 ** (6 - power);
}
