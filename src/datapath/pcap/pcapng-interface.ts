/**
 * An interface as a pcapng file describes it: link type, snapshot length, and what its time stamps
 * count (draft-ietf-opsawg-pcapng §4.2). Owns nothing. Times in microseconds.
 */
import { read16, read32 } from './capture.ts';

export const OPTION_END = 0;
const OPTION_NAME = 2;
const OPTION_TSRESOL = 9;
const OPTION_TSOFFSET = 14;

/** The interfaces of an evidence file (`seqshim run`), of which on the second nothing arrived. */
export const ARRIVED_NAME = 'as it arrived';
export const DELIVERED_NAME = 'as it was delivered';
const NAME_BYTES_MAX = 64;
/** Coarser than a microsecond, as everybody else writes it. */
const COARSE_US = 1;

export interface CaptureInterface {
  readonly linkType: number;
  readonly snapBytes: number;
  /** What one unit of its time stamps is, and where they start. */
  readonly tickUs: number;
  readonly epochUs: number;
  readonly isTimeCoarse: boolean;
  /** Empty: not said, or longer than any that means something here. */
  readonly name: string;
}

export function readInterface(
  bytes: Uint8Array,
  body: number,
  end: number,
  little: boolean,
): CaptureInterface {
  let tickUs = 1;
  let epochUs = 0;
  let name = '';
  let at = body + 8;
  while (at + 4 <= end) {
    const code = read16(bytes, at, little);
    const length = read16(bytes, at + 2, little);
    if (code === OPTION_END || at + 4 + length > end) break;
    if (code === OPTION_NAME && length <= NAME_BYTES_MAX) {
      name = new TextDecoder().decode(bytes.subarray(at + 4, at + 4 + length));
    }
    if (code === OPTION_TSRESOL && length === 1) tickUs = tickOf(bytes[at + 4] ?? 6);
    if (code === OPTION_TSOFFSET && length === 8) {
      const low = read32(bytes, at + (little ? 4 : 8), little);
      const high = read32(bytes, at + (little ? 8 : 4), little) | 0;
      epochUs = (high * 2 ** 32 + low) * 1e6;
    }
    at += 4 + ((length + 3) & ~3);
  }
  const snapBytes = read32(bytes, body + 4, little);
  const linkType = read16(bytes, body, little);
  const isTimeCoarse = tickUs > COARSE_US;
  return { linkType, snapBytes, tickUs, epochUs, isTimeCoarse, name };
}

/** if_tsresol: a negative power of ten, or of two when the top bit is set. In microseconds. */
function tickOf(resolution: number): number {
  const power = resolution & 0x7f;
  return (resolution & 0x80) !== 0 ? 1e6 / 2 ** power : 10 ** (6 - power);
}
