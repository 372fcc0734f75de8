/**
 * Reads classic pcap files: both byte orders, microseconds and nanoseconds
 * (draft-ietf-opsawg-pcap). Owns nothing; reads the file's bytes, copies none.
 */
import { type Capture, type Frame, read16, read32 } from './capture.ts';
import { findIp } from './link-layer.ts';

const MAGIC_MICROS = 0xa1b2c3d4;
const MAGIC_NANOS = 0xa1b23c4d;
const FILE_HEADER_BYTES = 24;
const RECORD_HEADER_BYTES = 16;

/** Whether the file starts with one of the four magic numbers and a whole header. */
export function isPcap(bytes: Uint8Array): boolean {
  if (bytes.length < FILE_HEADER_BYTES) return false;
  return isMagic(read32(bytes, 0, true)) || isMagic(read32(bytes, 0, false));
}

function isMagic(magic: number): boolean {
  return magic === MAGIC_MICROS || magic === MAGIC_NANOS;
}

export function readPcap(bytes: Uint8Array): Capture {
  const little = isMagic(read32(bytes, 0, true));
  const divisor = read32(bytes, 0, little) === MAGIC_NANOS ? 1000 : 1;
  // The upper half of the field holds the length of a frame check sequence.
  const linkType = read16(bytes, little ? 20 : 22, little);
  const frames: Frame[] = [];
  let at = FILE_HEADER_BYTES;
  while (at + RECORD_HEADER_BYTES <= bytes.length) {
    const linkBytes = read32(bytes, at + 8, little);
    const linkOff = at + RECORD_HEADER_BYTES;
    const end = linkOff + linkBytes;
    if (end > bytes.length) break;
    const timeUs = read32(bytes, at, little) * 1e6 + read32(bytes, at + 4, little) / divisor;
    const wireBytes = read32(bytes, at + 12, little);
    const ip = findIp(bytes, linkOff, end, linkType);
    frames.push({
      frame: frames.length + 1,
      timeUs,
      bytes,
      off: ip < 0 ? linkOff : ip,
      len: ip < 0 ? 0 : end - ip,
      linkOff,
      linkBytes,
      linkType,
      wireBytes,
    });
    at = end;
  }
  return { frames, cutShort: at < bytes.length };
}
