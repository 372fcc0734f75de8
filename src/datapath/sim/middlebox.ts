/**
 * The box in the middle, between the client's link and the server's. Owns the order of its faults;
 * what each one does is in `faults.ts`. Faults see and speak the client's numbering; the sequence
 * offsets of a randomizing firewall are applied on the server's side of them, SACK included.
 */
import type { EventQueue } from './event-queue.ts';
import { ACK, decodePacket, encodePacket, type Packet, renumbered } from './packet.ts';

export interface Wires {
  readonly queue: EventQueue;
  /** Sends at once, in the client's numbering. */
  toClient(packet: Packet): void;
  toServer(packet: Packet): void;
}

/** A fault handles a packet (true: it goes no further by itself) or lets it pass (false). */
export interface Fault {
  fromClient(packet: Packet, wires: Wires): boolean;
  fromServer(packet: Packet, wires: Wires): boolean;
}

/** Added to the client's, and to the server's numbers, on the way through. */
export interface Offsets {
  readonly client: number;
  readonly server: number;
}

export class Middlebox implements Wires {
  readonly queue: EventQueue;
  private readonly faults: readonly Fault[];
  private readonly offsets: Offsets;
  private readonly moves: boolean;
  private readonly sendClient: (bytes: Uint8Array) => void;
  private readonly sendServer: (bytes: Uint8Array) => void;

  constructor(
    queue: EventQueue,
    faults: readonly Fault[],
    offsets: Offsets,
    sendClient: (bytes: Uint8Array) => void,
    sendServer: (bytes: Uint8Array) => void,
  ) {
    this.queue = queue;
    this.faults = faults;
    this.offsets = offsets;
    this.moves = (offsets.client | offsets.server) !== 0;
    this.sendClient = sendClient;
    this.sendServer = sendServer;
  }

  receiveClient(bytes: Uint8Array): void {
    const packet = decodePacket(bytes);
    if (packet === null) return;
    for (const fault of this.faults) if (fault.fromClient(packet, this)) return;
    if (this.moves) this.toServer(packet);
    else this.sendServer(bytes);
  }

  receiveServer(bytes: Uint8Array): void {
    const sent = decodePacket(bytes);
    if (sent === null) return;
    const { client, server } = this.offsets;
    const packet = this.moves ? shifted(sent, server, -client) : sent;
    for (const fault of this.faults) if (fault.fromServer(packet, this)) return;
    if (this.moves) this.toClient(packet);
    else this.sendClient(bytes);
  }

  toClient(packet: Packet): void {
    this.sendClient(encodePacket(packet));
  }

  toServer(packet: Packet): void {
    const { client, server } = this.offsets;
    this.sendServer(encodePacket(this.moves ? shifted(packet, client, -server) : packet));
  }
}

function shifted(packet: Packet, seqBy: number, ackBy: number): Packet {
  const { sack } = packet;
  const ack = (packet.flags & ACK) !== 0 ? (packet.ack + ackBy) | 0 : packet.ack;
  const edges = sack.length > 0 ? sack.map((edge) => (edge + ackBy) | 0) : sack;
  return renumbered(packet, (packet.seq + seqBy) | 0, ack, edges);
}
