/**
 * Reads a whole capture that is in memory, whichever of the two formats it is in, gzip or not.
 * Owns the frames it gives back, each with bytes of its own.
 */
import { gunzipSync } from 'node:zlib';
import { type Capture, CaptureError, type Frame } from './capture.ts';
import { CaptureReader } from './capture-reader.ts';
import { isPcap } from './read-pcap.ts';
import { isPcapng } from './read-pcapng.ts';

/** A gzip bomb must not take the machine. */
const UNPACKED_BYTES_MAX = 2 ** 30;

/** Whether `readCapture` would try: magic numbers only, so that text is not mistaken for one. */
export function isCapture(bytes: Uint8Array): boolean {
  return isGzip(bytes) || isPcapng(bytes) || isPcap(bytes);
}

/** Throws CaptureError for what is no capture. */
export function readCapture(bytes: Uint8Array): Capture {
  const frames: Frame[] = [];
  const reader = new CaptureReader((frame) => frames.push(ownFrame(frame)));
  reader.push(isGzip(bytes) ? unpack(bytes) : bytes);
  reader.end();
  return { frames, cutShort: reader.cutShort };
}

export function isGzip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b;
}

function ownFrame(frame: Frame): Frame {
  const { linkOff, linkBytes } = frame;
  return {
    frame: frame.frame,
    timeUs: frame.timeUs,
    bytes: frame.bytes.slice(linkOff, linkOff + linkBytes),
    off: frame.off - linkOff,
    len: frame.len,
    linkOff: 0,
    linkBytes,
    linkType: frame.linkType,
    wireBytes: frame.wireBytes,
    side: frame.side,
    comment: frame.comment,
    isReplacement: frame.isReplacement,
    isExcerpt: frame.isExcerpt,
    isTimeCoarse: frame.isTimeCoarse,
  };
}

function unpack(bytes: Uint8Array): Uint8Array {
  try {
    return gunzipSync(bytes, { maxOutputLength: UNPACKED_BYTES_MAX });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CaptureError(`Cannot unpack gzip capture: ${reason}`);
  }
}
