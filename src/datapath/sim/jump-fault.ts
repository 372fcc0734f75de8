/**
 * A firewall that re-makes its translation in mid-flow: from a moment on, the numbers of one or
 * both directions are shifted by another constant; what is under way on either side of it is not.
 * One client port. Times: microseconds. SACK is shifted with the ACK.
 */
import type { Fault, Wires } from './middlebox.ts';
import { ACK, type Packet, SYN } from './packet.ts';

export interface Jump {
  /** From the client's SYN. */
  readonly atUs: number;
  /** From then on added to the client's, and to the server's numbers, on the way through. */
  readonly client: number;
  readonly server: number;
}

export class JumpFault implements Fault {
  private readonly clientPort: number;
  private readonly jumps: readonly Jump[];
  private startUs = -1;

  constructor(clientPort: number, jumps: readonly Jump[]) {
    this.clientPort = clientPort;
    this.jumps = jumps;
  }

  fromClient(packet: Packet, wires: Wires): boolean {
    if (packet.srcPort !== this.clientPort) return false;
    if ((packet.flags & SYN) !== 0 && this.startUs < 0) this.startUs = wires.queue.nowUs;
    const jump = this.now(wires);
    if (jump === undefined) return false;
    wires.toServer(shifted(packet, jump.client, -jump.server));
    return true;
  }

  fromServer(packet: Packet, wires: Wires): boolean {
    if (packet.dstPort !== this.clientPort) return false;
    const jump = this.now(wires);
    if (jump === undefined) return false;
    wires.toClient(shifted(packet, jump.server, -jump.client));
    return true;
  }

  private now(wires: Wires): Jump | undefined {
    const sinceUs = wires.queue.nowUs - this.startUs;
    return this.jumps.findLast((jump) => this.startUs >= 0 && jump.atUs <= sinceUs);
  }
}

function shifted(packet: Packet, seqBy: number, ackBy: number): Packet {
  const copy = { ...packet, seq: (packet.seq + seqBy) | 0 };
  if ((packet.flags & ACK) === 0) return copy;
  copy.ack = (packet.ack + ackBy) | 0;
  copy.sack = packet.sack.map((edge) => (edge + ackBy) | 0);
  return copy;
}
