/**
 * Reads a capture, whichever of the two formats it is in, gzip or not. Owns the choice only.
 */
import { gunzipSync } from 'node:zlib';
import { type Capture, CaptureError } from './capture.ts';
import { isPcap, readPcap } from './read-pcap.ts';
import { isPcapng, readPcapng } from './read-pcapng.ts';

/** A capture of a few failing logins is kilobytes; a gzip bomb must not take the machine. */
const UNPACKED_BYTES_MAX = 2 ** 30;

/** Whether `readCapture` would try: magic numbers only, so that text is not mistaken for one. */
export function isCapture(bytes: Uint8Array): boolean {
  return isGzip(bytes) || isPcapng(bytes) || isPcap(bytes);
}

/** Throws CaptureError for what is no capture. */
export function readCapture(bytes: Uint8Array): Capture {
  const plain = isGzip(bytes) ? unpack(bytes) : bytes;
  if (isPcapng(plain)) return readPcapng(plain);
  if (isPcap(plain)) return readPcap(plain);
  throw new CaptureError('Cannot read capture: it is neither pcap nor pcapng');
}

function isGzip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b;
}

function unpack(bytes: Uint8Array): Uint8Array {
  try {
    return gunzipSync(bytes, { maxOutputLength: UNPACKED_BYTES_MAX });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CaptureError(`Cannot unpack gzip capture: ${reason}`);
  }
}
