/**
 * Connections that the kernel translates, found in connection tracking itself: those of this run,
 * and those that an older one has left. One whose socket is gone is over; its entry, whose timeout
 * is fixed, has to be taken away by somebody.
 *
 * Owns nothing. Needs no running shim.
 */
import * as out from '../../engine/outbox.ts';
import { addressWords, type FlowAddress } from '../../telemetry/flow-address.ts';
import { SockDiag } from '../sock-diag.ts';
import { Ctnetlink } from './ctnetlink.ts';
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

/** Has the near end's socket gone? Where the kernel does not say it has not. */
export function isGone(sockets: SockDiag, flow: FlowAddress): boolean {
  const words = new Int32Array(out.OUT_PORTS + 1);
  words[out.OUT_FAMILY] = flow.family;
  words.set(addressWords(flow.nearAddr), out.OUT_NEAR_ADDR);
  words.set(addressWords(flow.farAddr), out.OUT_FAR_ADDR);
  words[out.OUT_PORTS] = (flow.nearPort << 16) | flow.farPort;
  return sockets.ask(words, 0).state === out.SOCKET_GONE;
}

/** Tidies up behind those that are over; how many live. Without any the keep rule may go too. */
export function tidySurvivors(dropRule: boolean): number {
  const conntrack = new Ctnetlink();
  const sockets = new SockDiag();
  try {
    let live = 0;
    for (const { flow, entry } of findSurvivors(conntrack)) {
      if (isGone(sockets, flow)) conntrack.delete(flow, entry);
      else live++;
    }
    if (live === 0 && dropRule && keepRuleStands()) dropKeepRule();
    return live;
  } finally {
    conntrack.close();
    sockets.close();
  }
}
