/**
 * Resets that no end point of the connection sent (scenario 6, and exact ones on demand). Times:
 * microseconds after the client's first ACK.
 */
import type { Fault, Wires } from './middlebox.ts';
import { ACK, NO_BYTES, type Packet, RST } from './packet.ts';

export interface ForgedReset {
  readonly atUs: number;
  /** From what the client last acknowledged; 0 is exact. */
  readonly offBy: number;
  /** -1: as the server's. */
  readonly ttl: number;
}

/** Somebody in the path, or somebody blind, forges resets. */
export class ForgeryFault implements Fault {
  private readonly clientPort: number;
  private readonly resets: readonly ForgedReset[];
  private last: Packet | null = null;
  private ack = 0;
  private started = false;

  constructor(clientPort: number, resets: readonly ForgedReset[]) {
    this.clientPort = clientPort;
    this.resets = resets;
  }

  fromClient(packet: Packet, wires: Wires): boolean {
    if (packet.srcPort !== this.clientPort || (packet.flags & ACK) === 0) return false;
    this.ack = packet.ack;
    if (this.started) return false;
    this.started = true;
    // Another fault may make anew all that the server says at first.
    const unheard = mirrored(packet);
    for (const reset of this.resets) {
      wires.queue.after(reset.atUs, () => {
        wires.toClient(resetFrom(this.last ?? unheard, (this.ack + reset.offBy) | 0, reset.ttl));
      });
    }
    return false;
  }

  fromServer(packet: Packet): boolean {
    if (packet.dstPort === this.clientPort) this.last = packet;
    return false;
  }
}

/** From whom it went to, to whom it came from. */
function mirrored(packet: Packet): Packet {
  const { src, dst, srcPort, dstPort } = packet;
  return { ...packet, src: dst, dst: src, srcPort: dstPort, dstPort: srcPort };
}

/** A bare reset in the name of whoever sent `like`. */
export function resetFrom(like: Packet, seq: number, ttl: number): Packet {
  return {
    ...like,
    seq,
    ack: 0,
    flags: RST,
    wnd: 0,
    ttl: ttl < 0 ? like.ttl : ttl,
    ipId: 0,
    mss: -1,
    wndScale: -1,
    sackPermitted: false,
    timestamps: false,
    tsVal: 0,
    tsEcr: 0,
    sack: [],
    payload: NO_BYTES,
  };
}
