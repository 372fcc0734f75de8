/**
 * Walks the records of classic pcap files: both byte orders, microseconds and nanoseconds
 * (draft-ietf-opsawg-pcap). Owns the file's byte order, unit and link type; copies nothing.
 */
import {
  FRAME_BYTES_MAX,
  type FrameView,
  RECORD_BROKEN,
  RECORD_UNFINISHED,
  type RecordWalk,
  read16,
  read32,
} from './capture.ts';
import { placeLink } from './link-layer.ts';

const MAGIC_MICROS = 0xa1b2c3d4;
const MAGIC_NANOS = 0xa1b23c4d;
export const PCAP_HEADER_BYTES = 24;
const RECORD_HEADER_BYTES = 16;

/** Whether the file starts with one of the four magic numbers. */
export function isPcap(bytes: Uint8Array): boolean {
  if (bytes.length < 4) return false;
  return isMagic(read32(bytes, 0, true)) || isMagic(read32(bytes, 0, false));
}

function isMagic(magic: number): boolean {
  return magic === MAGIC_MICROS || magic === MAGIC_NANOS;
}

export class PcapWalk implements RecordWalk {
  isFrame = false;
  /** The format has no place for it. */
  readonly lostPackets = 0;
  private readonly little: boolean;
  private readonly fractionUs: number;
  private readonly linkType: number;
  private bytes: Uint8Array | undefined;
  private data: DataView = new DataView(new ArrayBuffer(0));

  /** `header` is the file's first PCAP_HEADER_BYTES. */
  constructor(header: Uint8Array) {
    this.little = isMagic(read32(header, 0, true));
    this.fractionUs = read32(header, 0, this.little) === MAGIC_NANOS ? 0.001 : 1;
    // The upper half of the field holds the length of a frame check sequence.
    this.linkType = read16(header, this.little ? 20 : 22, this.little);
  }

  next(bytes: Uint8Array, at: number, end: number, frame: FrameView): number {
    this.isFrame = false;
    if (at + RECORD_HEADER_BYTES > end) return RECORD_UNFINISHED;
    if (bytes !== this.bytes) this.look(bytes);
    const { little, data } = this;
    const linkBytes = data.getUint32(at + 8, little);
    if (linkBytes > FRAME_BYTES_MAX) return RECORD_BROKEN;
    const linkOff = at + RECORD_HEADER_BYTES;
    if (linkOff + linkBytes > end) return RECORD_UNFINISHED;
    frame.timeUs =
      data.getUint32(at, little) * 1e6 + data.getUint32(at + 4, little) * this.fractionUs;
    frame.wireBytes = data.getUint32(at + 12, little);
    placeLink(frame, bytes, linkOff, linkBytes, this.linkType);
    this.isFrame = true;
    return RECORD_HEADER_BYTES + linkBytes;
  }

  /** Once, where the records lie in one window. */
  private look(bytes: Uint8Array): void {
    this.bytes = bytes;
    this.data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }
}
