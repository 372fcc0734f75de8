// @pathology sack-blind-path | RFC 2018 §2 | takes SACK-permitted out of new SYNs | known paths, `--sack`
/**
 * The far end's view of our own SACK blocks cannot be learned from this end. On a path that is
 * known to leave them in other numbers neither end is to use SACK: NewReno (RFC 6582) loses less
 * than blocks that mean nothing.
 *
 * Reads POLICY_SACK and the path's facts. Writes the SYN: two NOPs in the option's place.
 */
import { SACK_OUT_OF_WINDOW, SACK_STRIPPED } from '../codes.ts';
import { type Core, enforce, farHalf, flagsOf, nearHalf, pathHolds } from '../core.ts';
import { event } from '../emit.ts';
import { FLOW_UNTOUCHED, HALF_FLAGS, HALF_SACK_OFFERED } from '../flow/layout.ts';
import { FACT_SACK_BLIND } from '../flow/path-table.ts';
import { POLICY_SACK, SACK_AUTO, SACK_STRIP } from '../memory.ts';
import { INFO_TRUNCATED } from '../verdict.ts';
import { KIND_SACK_PERMITTED, optionAt, overwriteOption } from '../wire/options.ts';
import { ACK, SYN } from '../wire/segment.ts';

/** A SYN that leaves or arrives; true when it was changed. */
export function stripSackPermitted(core: Core, flow: number, toFar: boolean): boolean {
  const seg = core.seg;
  const policy = core.policy[POLICY_SACK]!;
  if ((seg.flags & (SYN | ACK)) !== SYN || seg.sackPermitted === 0) return false;
  if (policy !== SACK_STRIP && policy !== SACK_AUTO) return false;
  const rewritable = (core.info & INFO_TRUNCATED) === 0 && seg.foreign === 0;
  if (!rewritable || (flagsOf(core, flow) & FLOW_UNTOUCHED) !== 0) return false;
  if (policy === SACK_AUTO && !pathHolds(core, flow, FACT_SACK_BLIND)) return false;
  const at = optionAt(core.buf, seg, KIND_SACK_PERMITTED);
  if (at < 0 || !enforce(core, SACK_STRIPPED)) return false;
  event(core, flow, SACK_STRIPPED, SACK_OUT_OF_WINDOW, 0, 0, 0, 0, 0);
  overwriteOption(core.buf, at);
  seg.sackPermitted = 0;
  const half = toFar ? nearHalf(core, flow) : farHalf(core, flow);
  const halves = core.flows.halves;
  halves[half + HALF_FLAGS] = halves[half + HALF_FLAGS]! & ~HALF_SACK_OFFERED;
  core.changed = 1;
  return true;
}
