/**
 * The far ends of all scripts that run at one time: their segments leave from a namespace of their
 * own, in which nobody has their addresses, and what reaches it is told. Owns both sockets.
 */
import { KoffiTransmitter } from '../../datapath/nfqueue/inject-koffi.ts';
import { portFilter } from '../../datapath/probe/packet-filter.ts';
import { PacketSocket } from '../../datapath/probe/packet-socket.ts';
import { decodePacket, encodePacket, type Packet } from '../../datapath/sim/packet.ts';
import { inNamespace } from './namespace-door.ts';
import { SERVER_PORT } from './ports.ts';

export class FarWire {
  /** Why the kernel took a segment for none that can be sent. */
  failure = '';
  private readonly catcher: PacketSocket;
  private readonly transmitter: KoffiTransmitter;

  constructor(namespacePath: string) {
    this.transmitter = new KoffiTransmitter((errno) => {
      this.failure = errno;
    });
    this.catcher = inNamespace(namespacePath, () => {
      // Sockets are opened at the first packet; those of this transmitter must be opened here.
      for (const family of [4, 6] as const) this.transmitter.send(family, 0, new Uint8Array(60));
      return new PacketSocket(portFilter(SERVER_PORT));
    });
    this.failure = '';
  }

  send(packet: Packet): void {
    this.transmitter.send(packet.family, 0, encodePacket(packet));
  }

  /** What has come since, but for what we sent ourselves: that is told as well. */
  drain(take: (packet: Packet, atMs: number) => void): void {
    this.catcher.drain(({ bytes, record }) => {
      const packet = decodePacket(bytes);
      if (packet !== null) take(packet, stampOf(record));
    });
  }

  close(): void {
    this.catcher.close();
    this.transmitter.close();
  }
}

/** When the kernel saw it, on the clock of `performance.now()`: we may look much later. */
function stampOf(record: Uint8Array): number {
  const view = new DataView(record.buffer, record.byteOffset, 8);
  const epochMs = view.getUint32(0, true) * 1000 + view.getUint32(4, true) / 1000;
  return epochMs - performance.timeOrigin;
}
