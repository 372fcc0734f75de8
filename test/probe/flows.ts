/** Connections made of a few packets, as the watch of a probe would have them. */

import type { Flow } from '../../src/diagnose/flow.ts';
import { FlowBook } from '../../src/diagnose/flow-book.ts';
import { PacketCopy } from '../../src/diagnose/packet-copy.ts';
import { ACK } from '../../src/engine/wire/segment.ts';

export interface Given {
  readonly fromClient: boolean;
  readonly flags: number;
  readonly layout: string;
  readonly ttl: number;
  readonly atUs: number;
}

export function bookOf(packets: readonly Given[]): readonly Flow[] {
  const book = new FlowBook();
  packets.forEach((given, at) => {
    const packet = new PacketCopy();
    const [client, server] = [
      { address: '10.0.0.1', port: '40000' },
      { address: '10.0.0.7', port: '22' },
    ];
    const [from, to] = given.fromClient ? [client, server] : [server, client];
    packet.frame = at + 1;
    packet.timeUs = given.atUs;
    packet.src = from.address;
    packet.srcPort = from.port;
    packet.dst = to.address;
    packet.dstPort = to.port;
    packet.flags = given.flags;
    packet.segSeq = given.fromClient ? 1000 : 5000;
    packet.segAck = (given.flags & ACK) === 0 ? null : given.fromClient ? 5001 : 1001;
    packet.options.layout = given.layout;
    packet.ttl = given.ttl;
    packet.srcMac = given.fromClient ? '02:00:00:00:00:02' : '02:00:00:00:00:01';
    book.add(packet, 0);
  });
  return book.flows;
}
