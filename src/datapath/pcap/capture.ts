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
