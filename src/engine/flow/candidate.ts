/**
 * One SYN-ACK candidate: the ISN it offers and what its options would mean for the near end.
 *
 * Owns the packing of CAND_OPTIONS: TTL, window scale (0xff: none), timestamps present, SACK
 * permitted, delivered to the near end. Layout of a candidate: four words, ISN, TSval, options,
 * times seen. RFC 9293 §3.10.7.3, RFC 7323 §2.
 */
import type { Segment } from '../wire/segment.ts';

export const CANDIDATE_WORDS = 4;
export const C_ISN = 0;
export const C_TS_VAL = 1;
export const C_OPTIONS = 2;
export const C_SEEN = 3;

const SCALE_SHIFT = 8;
const NO_SCALE = 0xff;
const HAS_TIMESTAMPS = 1 << 16;
const SACK_PERMITTED = 1 << 17;
const DELIVERED = 1 << 18;

export function packCandidate(seg: Segment, delivered: boolean): number {
  const scale = seg.wndScale < 0 ? NO_SCALE : seg.wndScale;
  return (
    (seg.ttl & 0xff) |
    (scale << SCALE_SHIFT) |
    (seg.tsOff !== 0 ? HAS_TIMESTAMPS : 0) |
    (seg.sackPermitted !== 0 ? SACK_PERMITTED : 0) |
    (delivered ? DELIVERED : 0)
  );
}

export function candidateTtl(options: number): number {
  return options & 0xff;
}

/** Shift count, or -1 when the candidate offered none. */
export function candidateScale(options: number): number {
  const scale = (options >>> SCALE_SHIFT) & 0xff;
  return scale === NO_SCALE ? -1 : scale;
}

export function candidateTimestamps(options: number): boolean {
  return (options & HAS_TIMESTAMPS) !== 0;
}

export function candidateSack(options: number): boolean {
  return (options & SACK_PERMITTED) !== 0;
}

export function candidateDelivered(options: number): boolean {
  return (options & DELIVERED) !== 0;
}

export function asDelivered(options: number): number {
  return options | DELIVERED;
}
