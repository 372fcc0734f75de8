/**
 * A firewall that takes one option out of the server's SYN-ACKs and says nothing of it. One client
 * port. Reads and writes packets only.
 */
import type { Fault, Wires } from './middlebox.ts';
import { ACK, type Packet, SYN } from './packet.ts';

export type SynOption = 'timestamps' | 'window-scale' | 'sack-permitted';

export class StrippedOptionFault implements Fault {
  private readonly clientPort: number;
  private readonly option: SynOption;

  constructor(clientPort: number, option: SynOption) {
    this.clientPort = clientPort;
    this.option = option;
  }

  fromClient(): boolean {
    return false;
  }

  fromServer(packet: Packet, wires: Wires): boolean {
    if (packet.dstPort !== this.clientPort) return false;
    if ((packet.flags & (SYN | ACK)) !== (SYN | ACK)) return false;
    const copy = { ...packet };
    if (this.option === 'timestamps') copy.timestamps = false;
    else if (this.option === 'window-scale') copy.wndScale = -1;
    else copy.sackPermitted = false;
    wires.toClient(copy);
    return true;
  }
}
