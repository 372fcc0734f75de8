/** Where source and destination of a parsed segment stand, one behind the other. Owns nothing. */
import type { Segment } from '../engine/wire/segment.ts';

const IP4_ADDRESSES = 12;
const IP6_ADDRESSES = 8;

export function addressesOf(seg: Segment): number {
  return seg.ipOff + (seg.family === 4 ? IP4_ADDRESSES : IP6_ADDRESSES);
}
