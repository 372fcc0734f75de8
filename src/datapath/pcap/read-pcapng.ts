/**
 * Walks the blocks of pcapng files: section headers, interface descriptions and statistics,
 * enhanced, simple and the obsolete packet blocks; everything else, comments too, is stepped over
 * (draft-ietf-opsawg-pcapng §4).
 *
 * Owns the section's byte order, its interfaces, and what they lost; copies nothing.
 */
import {
  FRAME_BYTES_MAX,
  type FrameView,
  RECORD_BROKEN,
  RECORD_UNFINISHED,
  type RecordWalk,
  read16,
  read32,
  read64,
  SIDE_IN,
  SIDE_OUT,
} from './capture.ts';
import { placeLink } from './link-layer.ts';
import { LostPackets } from './lost-packets.ts';
import {
  ARRIVED_NAME,
  type CaptureInterface,
  DELIVERED_NAME,
  OPTION_END,
  readInterface,
} from './pcapng-interface.ts';

const SECTION_HEADER = 0x0a0d0d0a;
const INTERFACE_DESCRIPTION = 1;
const PACKET = 2;
const SIMPLE_PACKET = 3;
const INTERFACE_STATISTICS = 5;
const ENHANCED_PACKET = 6;
const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
const BLOCK_BYTES_MIN = 12;
const SECTION_HEADER_BYTES_MIN = 28;
/** A frame, and as much again for its options and comments. */
const BLOCK_BYTES_MAX = 2 * FRAME_BYTES_MAX;
/** A file that describes one interface after the other must not fill the memory. */
const INTERFACE_COUNT_MAX = 65_536;

const OPTION_COMMENT = 1;
const OPTION_FLAGS = 2;
const OPTION_DROP_COUNT = 4;
const COMMENT_CHARACTERS_MAX = 2048;
const OPTION_INTERFACE_DROPS = 5;
const OPTION_SYSTEM_DROPS = 7;

export function isPcapng(bytes: Uint8Array): boolean {
  return bytes.length >= 4 && read32(bytes, 0, false) === SECTION_HEADER;
}

export class PcapngWalk implements RecordWalk {
  isFrame = false;
  private little = true;
  private interfaces: CaptureInterface[] = [];
  private readonly lost = new LostPackets();

  get lostPackets(): number {
    return this.lost.total();
  }

  next(bytes: Uint8Array, at: number, end: number, frame: FrameView): number {
    this.isFrame = false;
    if (at + BLOCK_BYTES_MIN > end) return RECORD_UNFINISHED;
    // The section header's type reads the same in both orders; its length does not.
    if (read32(bytes, at, false) === SECTION_HEADER) return this.beginSection(bytes, at, end);
    const blockBytes = read32(bytes, at + 4, this.little);
    if (blockBytes < BLOCK_BYTES_MIN) return RECORD_BROKEN;
    const type = read32(bytes, at, this.little);
    const wanted = type === INTERFACE_DESCRIPTION || (type >= PACKET && type <= ENHANCED_PACKET);
    if (wanted && type !== 4) {
      if (blockBytes > BLOCK_BYTES_MAX) return RECORD_BROKEN;
      if (at + blockBytes > end) return RECORD_UNFINISHED;
      this.readBlock(type, bytes, at + 8, at + blockBytes - 4, frame);
    }
    return padded(blockBytes);
  }

  private beginSection(bytes: Uint8Array, at: number, end: number): number {
    if (at + SECTION_HEADER_BYTES_MIN > end) return RECORD_UNFINISHED;
    const little = read32(bytes, at + 8, true) === BYTE_ORDER_MAGIC;
    if (!little && read32(bytes, at + 8, false) !== BYTE_ORDER_MAGIC) return RECORD_BROKEN;
    this.little = little;
    this.interfaces = [];
    this.lost.beginSection();
    const blockBytes = read32(bytes, at + 4, little);
    return blockBytes < SECTION_HEADER_BYTES_MIN ? RECORD_BROKEN : padded(blockBytes);
  }

  /** `end` is where the block's trailing length stands. */
  private readBlock(
    type: number,
    bytes: Uint8Array,
    body: number,
    end: number,
    frame: FrameView,
  ): void {
    const { little, interfaces } = this;
    if (type === ENHANCED_PACKET || type === PACKET) {
      if (body + 20 > end) return;
      const id = type === PACKET ? read16(bytes, body, little) : read32(bytes, body, little);
      const from = interfaces[id];
      if (from === undefined) return;
      const ticks = read32(bytes, body + 4, little) * 2 ** 32 + read32(bytes, body + 8, little);
      const linkBytes = read32(bytes, body + 12, little);
      if (linkBytes > end - body - 20) return;
      frame.timeUs = from.epochUs + ticks * from.tickUs;
      frame.wireBytes = read32(bytes, body + 16, little);
      frame.comment = '';
      frame.isReplacement = from.name === DELIVERED_NAME;
      frame.isExcerpt = from.name === ARRIVED_NAME;
      frame.isTimeCoarse = from.isTimeCoarse;
      placeLink(frame, bytes, body + 20, linkBytes, from.linkType);
      this.isFrame = true;
      const options = body + 20 + padded(linkBytes);
      if (options + 4 <= end) this.readPacketOptions(id, bytes, options, end, frame);
    } else if (type === SIMPLE_PACKET) this.readSimple(bytes, body, end, frame);
    else if (type === INTERFACE_STATISTICS) this.readStatistics(bytes, body, end);
    else if (body + 8 <= end && interfaces.length < INTERFACE_COUNT_MAX) {
      interfaces.push(readInterface(bytes, body, end, little));
    }
  }

  private readSimple(bytes: Uint8Array, body: number, end: number, frame: FrameView): void {
    const from = this.interfaces[0];
    if (from === undefined || body + 4 > end) return;
    const wireBytes = read32(bytes, body, this.little);
    const cut = from.snapBytes === 0 ? wireBytes : Math.min(wireBytes, from.snapBytes);
    if (cut > end - body - 4) return;
    frame.timeUs = 0;
    frame.comment = '';
    frame.wireBytes = wireBytes;
    placeLink(frame, bytes, body + 4, cut, from.linkType);
    this.isFrame = true;
  }

  private readPacketOptions(
    id: number,
    bytes: Uint8Array,
    from: number,
    end: number,
    frame: FrameView,
  ): void {
    const { little } = this;
    let at = from;
    while (at + 4 <= end) {
      const code = read16(bytes, at, little);
      const length = read16(bytes, at + 2, little);
      if (code === OPTION_END || at + 4 + length > end) return;
      if (code === OPTION_COMMENT) addComment(frame, bytes.subarray(at + 4, at + 4 + length));
      if (code === OPTION_FLAGS && length === 4) {
        const direction = read32(bytes, at + 4, little) % 4;
        if (direction === 1) frame.side = SIDE_IN;
        else if (direction === 2) frame.side = SIDE_OUT;
      } else if (code === OPTION_DROP_COUNT && length === 8) {
        this.lost.add(id, read64(bytes, at + 4, little));
      }
      at += 4 + padded(length);
    }
  }

  private readStatistics(bytes: Uint8Array, body: number, end: number): void {
    const { little } = this;
    if (body + 12 > end) return;
    let drops = 0;
    let at = body + 12;
    while (at + 4 <= end) {
      const code = read16(bytes, at, little);
      const length = read16(bytes, at + 2, little);
      if (code === OPTION_END || at + 4 + length > end) break;
      const counts = code === OPTION_INTERFACE_DROPS || code === OPTION_SYSTEM_DROPS;
      if (counts && length === 8) drops += read64(bytes, at + 4, little);
      at += 4 + padded(length);
    }
    const id = read32(bytes, body, little);
    if (id < this.interfaces.length) this.lost.state(id, drops);
  }
}

/** What nobody reads of it is not kept. */
function addComment(frame: FrameView, text: Uint8Array): void {
  if (frame.comment.length >= COMMENT_CHARACTERS_MAX) return;
  const more = new TextDecoder().decode(text.subarray(0, COMMENT_CHARACTERS_MAX));
  frame.comment = frame.comment === '' ? more : `${frame.comment}\n${more}`;
}

/** To the next multiple of four, as blocks and options are; also beyond 2^31. */
function padded(bytes: number): number {
  return Math.ceil(bytes / 4) * 4;
}
