/**
 * The first words to the real server behind a re-anchor: the near end's ACK, which completes its
 * handshake, and the first data, which the phantom had swallowed. Near numbers: whoever translates
 * the flow, our egress hook or conntrack behind it, sees them on their way.
 *
 * Owns nothing. DESIGN §4.1.
 */
import { FIRST_DATA_RESENT, PHANTOM_SYNACK } from '../codes.ts';
import { type Core, enforce, flagsOf, generationOf } from '../core.ts';
import { acknowledgeAgain, event, injectCopy } from '../emit.ts';
import { FLOW_KERNEL } from '../flow/layout.ts';
import { INJECT_FAR, INJECT_FAR_HOOKED } from '../verdict.ts';

export function completeHandshake(core: Core, flow: number): void {
  acknowledgeAgain(core, flow);
  resendFirstData(core, flow);
}

export function resendFirstData(core: Core, flow: number): void {
  const kept = core.firstData.find(flow, generationOf(core, flow));
  if (kept < 0 || !enforce(core, FIRST_DATA_RESENT)) return;
  const bytes = core.firstData.size(kept);
  const from = core.firstData.offset(kept);
  const path = (flagsOf(core, flow) & FLOW_KERNEL) !== 0 ? INJECT_FAR : INJECT_FAR_HOOKED;
  injectCopy(core, flow, path, core.firstData.bytes, from, bytes);
  event(core, flow, FIRST_DATA_RESENT, PHANTOM_SYNACK, bytes, 0, 0, 0, 0);
}
