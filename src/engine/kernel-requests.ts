/**
 * What the engine asks of connection tracking: to translate a flow, and to let go of it. Writes the
 * outbox. Units: octets.
 */
import { type Core, flagsOf } from './core.ts';
import { openRequest } from './emit.ts';
import { FLOW_OVER } from './flow/layout.ts';
import { OUT_DELTA, OUT_ENDED, OUT_KIND_KERNEL_ADD, OUT_KIND_KERNEL_DEL } from './outbox.ts';

/** The answer comes through the inbox; false: the outbox is full. */
export function askKernel(core: Core, flow: number, delta: number): boolean {
  const at = openRequest(core, flow, OUT_KIND_KERNEL_ADD);
  if (at < 0) return false;
  core.outbox.words[at + OUT_DELTA] = delta;
  core.outbox.commit();
  return true;
}

export function releaseKernel(core: Core, flow: number): void {
  const at = openRequest(core, flow, OUT_KIND_KERNEL_DEL);
  if (at < 0) return;
  core.outbox.words[at + OUT_ENDED] = (flagsOf(core, flow) & FLOW_OVER) !== 0 ? 1 : 0;
  core.outbox.commit();
}
