/**
 * A randomizing firewall that leaves SACK blocks as they were: what the offsets of the middlebox
 * moved with the ACK is moved back. Keeps what the far end truly said, for the oracle. One client
 * port; units: octets.
 */
import type { Fault, Offsets, Wires } from './middlebox.ts';
import type { Packet } from './packet.ts';

export class SackBlindFault implements Fault {
  /** `left right` of every block that the server told, in the client's numbers. */
  readonly meant = new Set<string>();
  private readonly clientPort: number;
  private readonly offsets: Offsets;

  constructor(clientPort: number, offsets: Offsets) {
    this.clientPort = clientPort;
    this.offsets = offsets;
  }

  fromClient(packet: Packet, wires: Wires): boolean {
    if (packet.srcPort !== this.clientPort || packet.sack.length === 0) return false;
    wires.toServer(moved(packet, this.offsets.server));
    return true;
  }

  fromServer(packet: Packet, wires: Wires): boolean {
    if (packet.dstPort !== this.clientPort || packet.sack.length === 0) return false;
    const { sack } = packet;
    for (let i = 0; i + 1 < sack.length; i += 2) this.meant.add(`${sack[i]} ${sack[i + 1]}`);
    wires.toClient(moved(packet, this.offsets.client));
    return true;
  }
}

function moved(packet: Packet, by: number): Packet {
  return { ...packet, sack: packet.sack.map((edge) => (edge + by) | 0) };
}
