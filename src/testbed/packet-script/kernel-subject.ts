/** A script's near end as sockets of this kernel, and its far end on the wire. Owns one socket. */
import type { Packet } from '../../datapath/sim/packet.ts';
import { formatAddressAt } from '../../telemetry/flow-address.ts';
import type { Sides } from './conversation.ts';
import type { FarWire } from './far-wire.ts';
import { KernelSocket } from './kernel-socket.ts';
import { type Call, octetsFrom } from './script.ts';
import type { SocketStates } from './socket-states.ts';
import type { Heard, Subject } from './subject.ts';

export class KernelSubject implements Subject {
  private readonly sides: Sides;
  private readonly wire: FarWire;
  private readonly states: SocketStates;
  private readonly socket: KernelSocket;
  private written = 0;

  constructor(sides: Sides, wire: FarWire, states: SocketStates) {
    this.sides = sides;
    this.wire = wire;
    this.states = states;
    const address = formatAddressAt(sides.nearAddr, 0, sides.family);
    this.socket = new KernelSocket({ family: sides.family, address, port: sides.nearPort });
  }

  inject(packet: Packet): void {
    this.wire.send(packet);
  }

  call(call: Call): boolean {
    const { socket, sides } = this;
    switch (call.name) {
      case 'listen':
        socket.listen();
        return true;
      case 'connect':
        socket.connect(formatAddressAt(sides.farAddr, 0, sides.family), sides.farPort);
        return true;
      case 'accept':
        return socket.accept();
      case 'shutdown':
        socket.shutdown();
        return true;
      case 'close':
        socket.close();
        return true;
      case 'abort':
        socket.abort();
        return true;
      case 'receive-buffer':
        socket.limitReceiveBuffer(call.octets);
        return true;
      case 'write':
        socket.write(octetsFrom(this.written, call.octets));
        this.written += call.octets;
        return true;
      default:
        throw new Error(`no call ${call.name}`);
    }
  }

  hear(octets: number): Heard {
    return this.socket.hear(octets);
  }

  state(): string {
    const { nearAddr, nearPort, farAddr, farPort } = this.sides;
    return this.states.of(nearAddr, nearPort, farAddr, farPort);
  }

  leave(): void {
    this.socket.leave();
  }
}
