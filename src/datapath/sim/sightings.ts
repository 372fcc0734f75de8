/**
 * What passed in a run, on both sides of the shim, for whoever judges it: one run tells all of it,
 * and no world has to be run again for a question of packets. Owns nothing. Times: virtual
 * microseconds.
 */
import { decodePacket, type Packet } from './packet.ts';
import type { Tap, TapPoint } from './world.ts';

export interface Sighting {
  readonly point: TapPoint;
  readonly atUs: number;
  readonly packet: Packet;
}

/** Notes what the client sends, and what leaves for the path and comes off it, in order. */
export function noting(seen: Sighting[]): Tap {
  return (point, atUs, bytes) => {
    if (point === 'client-in') return;
    const packet = decodePacket(bytes);
    if (packet !== null) seen.push({ point, atUs, packet });
  };
}
