/**
 * A firewall that forgets connections which say nothing: from then on it lets nothing of them
 * through, or answers the client with a reset. A new SYN is a new connection. All client ports.
 * Times: virtual microseconds.
 */
import { resetFrom } from './forgery-fault.ts';
import type { Fault, Wires } from './middlebox.ts';
import { ACK, type Packet, RST, reversed, SYN } from './packet.ts';

const SERVER_TTL = 61;

export interface IdlePlan {
  /** So long a silence is forgotten. */
  readonly afterUs: number;
  readonly answers: 'nothing' | 'reset';
}

export class IdleFault implements Fault {
  /** Connections forgotten while packets of theirs still came. */
  forgottenCount = 0;
  private readonly plan: IdlePlan;
  private readonly lastUs = new Map<number, number>();
  private readonly forgotten = new Set<number>();

  constructor(plan: IdlePlan) {
    this.plan = plan;
  }

  fromClient(packet: Packet, wires: Wires): boolean {
    if ((packet.flags & (SYN | ACK)) === SYN) this.begin(packet.srcPort);
    if (!this.isForgotten(packet.srcPort, wires.queue.nowUs)) return false;
    if (this.plan.answers === 'reset' && (packet.flags & RST) === 0) {
      wires.toClient(resetFrom(reversed(packet), packet.ack, SERVER_TTL));
    }
    return true;
  }

  fromServer(packet: Packet, wires: Wires): boolean {
    return this.isForgotten(packet.dstPort, wires.queue.nowUs);
  }

  private begin(port: number): void {
    this.lastUs.delete(port);
    this.forgotten.delete(port);
  }

  private isForgotten(port: number, nowUs: number): boolean {
    if (this.forgotten.has(port)) return true;
    const lastUs = this.lastUs.get(port);
    this.lastUs.set(port, nowUs);
    if (lastUs === undefined || nowUs - lastUs < this.plan.afterUs) return false;
    this.forgotten.add(port);
    this.forgottenCount++;
    return true;
  }
}
