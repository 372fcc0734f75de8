/**
 * Loss with intent: the probe that must not get through, the end point that falls silent.
 */
import type { Fault, Wires } from './middlebox.ts';
import type { Packet } from './packet.ts';

/** Drops what `match` says: an end point that went away, a probe that is lost. */
export class DropFault implements Fault {
  dropped = 0;
  private readonly match: (packet: Packet, toServer: boolean, nowUs: number) => boolean;

  constructor(match: (packet: Packet, toServer: boolean, nowUs: number) => boolean) {
    this.match = match;
  }

  fromClient(packet: Packet, wires: Wires): boolean {
    return this.drop(packet, true, wires);
  }

  fromServer(packet: Packet, wires: Wires): boolean {
    return this.drop(packet, false, wires);
  }

  private drop(packet: Packet, toServer: boolean, wires: Wires): boolean {
    const hit = this.match(packet, toServer, wires.queue.nowUs);
    if (hit) this.dropped++;
    return hit;
  }
}
