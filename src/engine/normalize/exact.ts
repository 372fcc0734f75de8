/**
 * Is a reset's number the one that the near end's kernel acts on (RFC 5961 §3.2, and what Linux
 * makes of it)? Reads the far half. Owns nothing.
 */
import { type Core, farHalf } from '../core.ts';
import { HALF_FIN_SEEN, HALF_FLAGS, SND_CONT, SND_NXT, SND_UNA } from '../flow/layout.ts';
import { seqAdd, seqLeq, seqLt } from '../wire/seq.ts';

/**
 * Would the near end's kernel act on it? At RCV.NXT, at the right-most SACK edge it holds, and one
 * below after a FIN.
 */
export function isExact(core: Core, flow: number, seq: number): boolean {
  const halves = core.flows.halves;
  const far = farHalf(core, flow);
  const cont = halves[far + SND_CONT]!;
  if (seq === cont) return true;
  if (seqLt(cont, halves[far + SND_NXT]!) && seq === halves[far + SND_NXT]) return true;
  return (halves[far + HALF_FLAGS]! & HALF_FIN_SEEN) !== 0 && seq === seqAdd(cont, -1);
}

/**
 * RCV.NXT lies between what the near end has acknowledged and what we saw arrive without a gap: a
 * segment may have been lost behind us.
 */
export function maybeExact(core: Core, flow: number, seq: number): boolean {
  const halves = core.flows.halves;
  const far = farHalf(core, flow);
  return seqLeq(halves[far + SND_UNA]!, seq) && seqLt(seq, halves[far + SND_CONT]!);
}
