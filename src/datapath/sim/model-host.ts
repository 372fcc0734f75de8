/**
 * A machine with an address: hands segments to its connections, accepts on its ports, and answers
 * what belongs to no connection with a reset (RFC 9293 §3.10.7.1). Owns its connections.
 */
import { seqLt } from '../../engine/wire/seq.ts';
import type { EventQueue } from './event-queue.ts';
import type { Application, EndpointConfig } from './model-endpoint.ts';
import { ModelEndpoint } from './model-endpoint.ts';
import { ACK, decodePacket, encodePacket, type Packet, RST, SYN, strayReset } from './packet.ts';

/** What a listener needs to take a SYN; null refuses it. */
export type Accept = (syn: Packet) => { config: EndpointConfig; app: Application } | null;

export class ModelHost {
  /** Packets whose checksums or lengths were wrong on arrival. */
  badPackets = 0;
  resetsSent = 0;
  readonly connections = new Map<number, ModelEndpoint>();
  private readonly queue: EventQueue;
  private readonly ttl: number;
  private readonly accept: Accept;
  private readonly transmit: (bytes: Uint8Array) => void;

  constructor(
    queue: EventQueue,
    ttl: number,
    accept: Accept,
    transmit: (bytes: Uint8Array) => void,
  ) {
    this.queue = queue;
    this.ttl = ttl;
    this.accept = accept;
    this.transmit = transmit;
  }

  /** Opens a connection; one that still stands on the same ports is forgotten, not reset. */
  connect(config: EndpointConfig, app: Application): ModelEndpoint {
    const endpoint = this.create(config, app);
    endpoint.connect();
    return endpoint;
  }

  receive(bytes: Uint8Array): void {
    const packet = decodePacket(bytes);
    if (packet === null) {
      this.badPackets++;
      return;
    }
    const key = packet.dstPort * 65_536 + packet.srcPort;
    const known = this.connections.get(key);
    const opening = (packet.flags & (SYN | ACK | RST)) === SYN;
    if (known !== undefined && known.state !== 'closed') {
      const reused = known.state === 'time-wait' && opening && seqLt(known.rcvNxt, packet.seq);
      const again = reused ? this.accept(packet) : null;
      // Where nobody listens TIME-WAIT answers (tcp_v4_rcv, TCP_TW_SYN).
      if (again === null) known.receive(packet);
      else this.create(again.config, again.app).accept(packet);
      return;
    }
    const accepted = opening ? this.accept(packet) : null;
    if (accepted !== null) this.create(accepted.config, accepted.app).accept(packet);
    else this.refuse(packet);
  }

  private create(config: EndpointConfig, app: Application): ModelEndpoint {
    const endpoint = new ModelEndpoint(this.queue, config, app, (packet) => {
      this.transmit(encodePacket(packet));
    });
    app.attach(endpoint);
    const key = config.localPort * 65_536 + config.remotePort;
    const before = this.connections.get(key);
    if (before !== undefined) before.end('aborted');
    this.connections.set(key, endpoint);
    return endpoint;
  }

  private refuse(packet: Packet): void {
    if ((packet.flags & RST) !== 0) return;
    this.resetsSent++;
    this.transmit(encodePacket(strayReset(packet, this.ttl)));
  }
}
