/**
 * Whether a connection that the kernel translates is over. One of this machine's own is when its
 * socket has gone. A forwarded one has no socket here: conntrack says it, once it has seen both
 * FINs; that it calls one closed proves nothing, because behind its be-liberal entries any reset
 * does that. Of resets the engine knows (`release` in `kernel-translation.ts`).
 *
 * Owns nothing. Writes nothing.
 */
import { networkInterfaces } from 'node:os';
import * as out from '../../engine/outbox.ts';
import { addressWords, type FlowAddress } from '../../telemetry/flow-address.ts';
import type { SockDiag } from '../sock-diag.ts';
import type { Ctnetlink } from './ctnetlink.ts';
import { type Entry, TCP_CONNTRACK_TIME_WAIT } from './entry.ts';

/** What is not known to be over is not. `local`: see `isLocal`. */
export function isEnded(
  conntrack: Ctnetlink,
  sockets: SockDiag,
  flow: FlowAddress,
  local: boolean,
): boolean {
  return local ? hasNoSocket(sockets, flow) : isClosed(conntrack.get(flow));
}

/** A forwarded connection, by its entry. */
export function isClosed(entry: Entry | undefined): boolean {
  return entry === undefined || entry.tcpState === TCP_CONNTRACK_TIME_WAIT;
}

/** Is it one of this machine's addresses? Asks the system. */
export function isLocal(address: string): boolean {
  const wanted = addressWords(address).join();
  const all = Object.values(networkInterfaces()).flatMap((known) => known ?? []);
  return all.some((known) => addressWords(known.address).join() === wanted);
}

export function hasNoSocket(sockets: SockDiag, flow: FlowAddress): boolean {
  const words = new Int32Array(out.OUT_PORTS + 1);
  words[out.OUT_FAMILY] = flow.family;
  words.set(addressWords(flow.nearAddr), out.OUT_NEAR_ADDR);
  words.set(addressWords(flow.farAddr), out.OUT_FAR_ADDR);
  words[out.OUT_PORTS] = (flow.nearPort << 16) | flow.farPort;
  return sockets.ask(words, 0).state === out.SOCKET_GONE;
}
