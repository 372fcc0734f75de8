/**
 * A captured packet as long as it was on the wire. Of one that the capture cut (`tcpdump -s 96`)
 * the headers are there, which is all that its readers need. Owns nothing. Lengths in bytes.
 */
import { get16 } from '../../engine/wire/bytes.ts';
import type { Frame } from './capture.ts';

const IP4_HEADER_BYTES = 20;
const IP6_HEADER_BYTES = 40;

/** 0 where there is no packet, or one longer than `bytesMax`. */
export function wirePacketBytes(frame: Frame, bytesMax: number): number {
  if (frame.len < IP4_HEADER_BYTES || frame.len > bytesMax) return 0;
  const { bytes, off } = frame;
  const isIp4 = (bytes[off] ?? 0) >> 4 === 4;
  const wireBytes = isIp4 ? get16(bytes, off + 2) : get16(bytes, off + 4) + IP6_HEADER_BYTES;
  return wireBytes <= frame.len || wireBytes > bytesMax ? frame.len : wireBytes;
}

/** To the start of the arena, zeros for what the capture cut off; its length, as above. */
export function placePacket(frame: Frame, arena: Uint8Array, bytesMax: number): number {
  const wireBytes = wirePacketBytes(frame, bytesMax);
  if (wireBytes === 0) return 0;
  arena.set(frame.bytes.subarray(frame.off, frame.off + frame.len));
  arena.fill(0, frame.len, wireBytes);
  return wireBytes;
}
