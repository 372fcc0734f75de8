// @pathology duplicate-address | RFC 5227 §1.1, RFC 2992 | reports; exact resets are checked | always
/**
 * Segments of one far address that keep coming from two link-layer sources, or with two TTLs.
 *
 * What it proves: two ways lead here from that address, at the same time. What it does not: that
 * two hosts stand at their ends. Routes of equal cost, a router pair that shares an address and a
 * failover change MAC and TTL legally; so a change alone says nothing, the first source has to come
 * back twice within a minute, and even then nothing is dropped for it: an exact reset to such an
 * address is asked about, which costs a genuine one a tenth of a second, as in reset.ts. Resets do
 * not count here (a forged one says nothing about the address), nor does a SYN-ACK that
 * acknowledges nothing of ours. Of settled connections (bypass.ts) only what is not plain is seen.
 *
 * Reads TTL and MAC. Writes the origin table. Times: ms.
 */
import { DUPLICATE_ADDRESS } from '../codes.ts';
import type { Core } from '../core.ts';
import { found } from '../emit.ts';
import { MAC_HASH, TTL_SET } from '../flow/layout.ts';
import { ORIGIN_MAC } from '../flow/origin-table.ts';
import { knowsTtl } from '../flow/track.ts';

/** A SYN-ACK that answers our SYN, or a later segment of the flow, came from the far address. */
export function noteOrigin(core: Core, flow: number): void {
  const ttl = core.seg.ttl;
  const mac = core.macHash;
  if (core.origins.isLikeLast(flow, mac, ttl)) return;
  const at = originOf(core, flow);
  const proven = core.origins.see(at, mac, ttl, core.nowMs);
  if (proven === 0) return;
  const macs = (proven & ORIGIN_MAC) !== 0 ? 2 : 1;
  const turns = core.origins.turns(at);
  found(core, flow, DUPLICATE_ADDRESS, ttl, core.origins.ttlBefore(at), macs, turns, 0);
}

/** Have two sources of the flow's far address lately taken turns? */
export function isDuplicate(core: Core, flow: number): boolean {
  return core.origins.isDuplicate(originOf(core, flow), core.nowMs);
}

/** Does the segment in hand come from elsewhere than all that the far half has sent? */
export function isForeign(core: Core, far: number): boolean {
  const halves = core.flows.halves;
  if ((halves[far + TTL_SET]! & 0xff) === 0) return false; // nothing is known yet
  const mac = halves[far + MAC_HASH]!;
  const otherMac = mac !== 0 && core.macHash !== 0 && mac !== core.macHash;
  return otherMac || !knowsTtl(halves, far, core.seg.ttl);
}

export function originOf(core: Core, flow: number): number {
  core.flows.keyOf(flow);
  return core.origins.row(core.flows.key);
}
