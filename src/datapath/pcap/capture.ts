/**
 * What a capture file is to the rest of seqshim: frames in the order they were written, each with
 * the place of its IP packet. Owns the shapes only. Times are microseconds since 1970, with a
 * fraction where the file has nanoseconds; everything else is bytes.
 */
export interface Frame {
  /** 1-based, as tshark and tcpdump count them. */
  readonly frame: number;
  readonly timeUs: number;
  /** The file, or the part of it that was read: never copied. */
  readonly bytes: Uint8Array;
  /** The IP packet. `len` is 0 where the frame carries none (ARP, an unknown link type). */
  readonly off: number;
  readonly len: number;
  /** The whole captured frame, link-layer header included. */
  readonly linkOff: number;
  readonly linkBytes: number;
  /** LINKTYPE_* number. */
  readonly linkType: number;
  /** The frame's length on the wire; more than `linkBytes` when the capture cut it. */
  readonly wireBytes: number;
  /** SIDE_*: what the capturing machine says about the direction. */
  readonly side: number;
  /** What somebody wrote at the packet, a line each; pcapng only. */
  readonly comment: string;
  /** `seqshim run` delivered it in place of another, or made it: it never arrived. */
  readonly isReplacement: boolean;
  /** `seqshim run` wrote it, and not all that came before or comes behind it. */
  readonly isExcerpt: boolean;
  /** Its time is too coarse to compare it with a round trip. */
  readonly isTimeCoarse: boolean;
}

export const SIDE_UNKNOWN = 0;
export const SIDE_IN = 1;
export const SIDE_OUT = 2;

/** The one frame that a reader fills again and again: its bytes are the reader's. */
export class FrameView implements Frame {
  frame = 0;
  timeUs = 0;
  bytes: Uint8Array = new Uint8Array(0);
  off = 0;
  len = 0;
  linkOff = 0;
  linkBytes = 0;
  linkType = 0;
  wireBytes = 0;
  side = SIDE_UNKNOWN;
  comment = '';
  isReplacement = false;
  isExcerpt = false;
  isTimeCoarse = false;
}

export interface Capture {
  readonly frames: Frame[];
  /** The file ends within a record, as it does when the capturing process was killed. */
  readonly cutShort: boolean;
}

/** The input is not something that can be read. The message is one for the operator. */
export class CaptureError extends Error {
  override readonly name = 'CaptureError';
}

/**
 * What a walk over one record returns besides its length in bytes: more of the file is needed, or
 * the file cannot be one from here on.
 */
export const RECORD_UNFINISHED = 0;
export const RECORD_BROKEN = -1;

/** The most that libpcap captures of one frame (its MAXIMUM_SNAPLEN); more is damage. */
export const FRAME_BYTES_MAX = 262_144;

/** One of the two formats. Reads bytes[at, end). */
export interface RecordWalk {
  /**
   * The bytes to step over, possibly beyond `end`; or RECORD_*. Sets `frame` and `isFrame` when
   * the record is a frame.
   */
  next(bytes: Uint8Array, at: number, end: number, frame: FrameView): number;
  readonly isFrame: boolean;
  /** Packets that the capturing machine says it lost. */
  readonly lostPackets: number;
}

/** Reads of either byte order; the caller has checked the length. */
export function read16(bytes: Uint8Array, off: number, little: boolean): number {
  const a = bytes[off] ?? 0;
  const b = bytes[off + 1] ?? 0;
  return little ? a | (b << 8) : (a << 8) | b;
}

/** Unsigned. */
export function read32(bytes: Uint8Array, off: number, little: boolean): number {
  const first = read16(bytes, off, little);
  const second = read16(bytes, off + 2, little);
  return little ? second * 0x10000 + first : first * 0x10000 + second;
}

/** Unsigned; exact below 2^53. */
export function read64(bytes: Uint8Array, off: number, little: boolean): number {
  const low = read32(bytes, off + (little ? 0 : 4), little);
  return read32(bytes, off + (little ? 4 : 0), little) * 2 ** 32 + low;
}
