/**
 * Invariants. Owns nothing; a leaf. On in production: a broken invariant is our bug, and going on
 * with a corrupt table would make connections worse (DESIGN rule one). The packet path never throws
 * for what a packet contains.
 */
export function assert(claim: boolean, message: string): asserts claim {
  if (!claim) throw new Error(message);
}
