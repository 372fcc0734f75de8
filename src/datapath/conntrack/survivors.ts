/**
 * Connections that the kernel translates, found in connection tracking itself: those of this run,
 * those that an older one has left, and those of a gateway that this one takes over from. The entry
 * of one that is over, whose timeout is fixed, has to be taken away by somebody.
 *
 * Owns nothing. Needs no running shim.
 */
import type { FlowAddress } from '../../telemetry/flow-address.ts';
import { SockDiag } from '../sock-diag.ts';
import { Ctnetlink } from './ctnetlink.ts';
import { isEnded, isLocal } from './ended.ts';
import { type Entry, flowOf, isOurs } from './entry.ts';
import { dropKeepRule, keepRuleStands } from './keep-rule.ts';

/** IPS_SEQ_ADJUST and IPS_FIXED_TIMEOUT. */
const STATUS = (1 << 6) | (1 << 10);

export interface Survivor {
  readonly flow: FlowAddress;
  readonly entry: Entry;
}

export function findSurvivors(conntrack: Ctnetlink): Survivor[] {
  const entries = ([4, 6] as const).flatMap((family) => conntrack.dump(family, STATUS));
  return entries.filter(isOurs).map((entry) => ({ flow: flowOf(entry), entry }));
}

/** Tidies up behind those that are over; how many live. Without any the keep rule may go too. */
export function tidySurvivors(dropRule: boolean): number {
  const conntrack = new Ctnetlink();
  const sockets = new SockDiag();
  try {
    let live = 0;
    for (const { flow, entry } of findSurvivors(conntrack)) {
      if (isEnded(conntrack, sockets, flow, isLocal(flow.nearAddr))) conntrack.delete(flow, entry);
      else live++;
    }
    if (live === 0 && dropRule && keepRuleStands()) dropKeepRule();
    return live;
  } finally {
    conntrack.close();
    sockets.close();
  }
}
