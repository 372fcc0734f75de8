/**
 * What connection tracking does to a connection that was left to it: what arrives gets lower
 * numbers, what leaves acknowledges higher ones, SACK edges with it (nf_ct_seq_adjust). Nothing
 * else is changed.
 *
 * Owns the differences, one per client port. Units: octets.
 */
import { ACK, decodePacket, encodePacket, RST, renumbered } from './packet.ts';

export class KernelShift {
  /** far numbering minus near numbering, by (near port << 16 | far port). */
  private readonly deltas = new Map<number, number>();
  count = 0;

  add(ports: number, delta: number): void {
    this.deltas.set(ports, delta);
    this.count++;
  }

  has(ports: number): boolean {
    return this.deltas.has(ports);
  }

  remove(ports: number): void {
    this.deltas.delete(ports);
  }

  /** Towards the client. */
  arriving(bytes: Uint8Array): Uint8Array {
    const packet = decodePacket(bytes);
    if (packet === null) return bytes;
    const delta = this.deltas.get((packet.dstPort << 16) | packet.srcPort);
    if (delta === undefined) return bytes;
    return encodePacket(renumbered(packet, (packet.seq - delta) | 0, packet.ack, packet.sack));
  }

  /** Towards the network. A bare reset acknowledges nothing. */
  leaving(bytes: Uint8Array): Uint8Array {
    const packet = decodePacket(bytes);
    if (packet === null || (packet.flags & (ACK | RST)) === RST) return bytes;
    const delta = this.deltas.get((packet.srcPort << 16) | packet.dstPort);
    if (delta === undefined) return bytes;
    const sack = packet.sack.map((edge) => (edge + delta) | 0);
    return encodePacket(renumbered(packet, packet.seq, (packet.ack + delta) | 0, sack));
  }
}
