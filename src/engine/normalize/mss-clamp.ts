// @pathology oversized-mss | RFC 9293 §3.7.1, RFC 2923 §2.1 | lowers MSS of SYN and SYN-ACK | `--mss-clamp`
/**
 * A path that carries less than both ends believe, and says so to nobody: large segments vanish,
 * small ones do not. With a clamp both ends offer at most so much, in both directions; never more
 * than they offered themselves.
 *
 * Reads POLICY_MSS_CLAMP (octets, 0: off). Writes the MSS option: one below what its sender could
 * take is always allowed.
 */
import { MSS_CLAMPED } from '../codes.ts';
import { type Core, enforce, farHalf, flagsOf, nearHalf } from '../core.ts';
import { event } from '../emit.ts';
import { FLOW_UNTOUCHED, MSS } from '../flow/layout.ts';
import { POLICY_MSS_CLAMP } from '../memory.ts';
import { INFO_TRUNCATED } from '../verdict.ts';
import { put16 } from '../wire/bytes.ts';
import { KIND_MAXIMUM_SEGMENT_SIZE, optionAt } from '../wire/options.ts';

/** A SYN or SYN-ACK that leaves or arrives; true when it was changed. */
export function clampMss(core: Core, flow: number, toFar: boolean): boolean {
  const clamp = core.policy[POLICY_MSS_CLAMP]!;
  const seg = core.seg;
  if (clamp === 0 || seg.mss <= clamp || seg.foreign !== 0) return false;
  const rewritable = (core.info & INFO_TRUNCATED) === 0;
  if (!rewritable || (flagsOf(core, flow) & FLOW_UNTOUCHED) !== 0) return false;
  const at = optionAt(core.buf, seg, KIND_MAXIMUM_SEGMENT_SIZE);
  if (at < 0 || !enforce(core, MSS_CLAMPED)) return false;
  event(core, flow, MSS_CLAMPED, 0, seg.mss, clamp, 0, 0, 0);
  put16(core.buf, at + 2, clamp);
  seg.mss = clamp;
  const half = toFar ? nearHalf(core, flow) : farHalf(core, flow);
  if (core.flows.halves[half + MSS]! > clamp) core.flows.halves[half + MSS] = clamp;
  core.changed = 1;
  return true;
}
