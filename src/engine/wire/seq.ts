/**
 * Serial arithmetic on TCP sequence numbers (RFC 9293 §3.4).
 *
 * Owns nothing. A sequence number is a canonical int32: every operation ends in `| 0`, so that V8
 * never boxes one. Unsigned exists only in `formatSeq`, for people and JSON. Units: octets.
 */
export type Seq = number;

/** a < b in serial order. Coercing first keeps V8 on one integer subtraction. */
export function seqLt(a: Seq, b: Seq): boolean {
  return (((a | 0) - (b | 0)) | 0) < 0;
}

/** a <= b in serial order. */
export function seqLeq(a: Seq, b: Seq): boolean {
  return (((a | 0) - (b | 0)) | 0) <= 0;
}

/** The number `octets` behind a. */
export function seqAdd(a: Seq, octets: number): Seq {
  return ((a | 0) + (octets | 0)) | 0;
}

/** Octets from b to a: positive when a is newer. */
export function seqDiff(a: Seq, b: Seq): number {
  return ((a | 0) - (b | 0)) | 0;
}

/** The newer of two. */
export function seqMax(a: Seq, b: Seq): Seq {
  return seqLt(a, b) ? b | 0 : a | 0;
}

/** As people and JSON write it: unsigned. */
export function formatSeq(seq: Seq): number {
  return seq >>> 0;
}
