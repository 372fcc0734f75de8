/**
 * A SYN-ACK without a server behind it (scenario 5). One client port; starts again with each new
 * ISS. Times: microseconds.
 */
import type { Fault, Wires } from './middlebox.ts';
import { ACK, type Packet, RST, reversed, SYN } from './packet.ts';

export interface PhantomPlan {
  readonly clientPort: number;
  readonly isn: number;
  readonly wndScale: number;
  readonly timestamps: boolean;
  readonly tsVal: number;
  readonly wnd: number;
  /** How much later the SYN goes on to the server, and what follows it not before. */
  readonly lateUs: number;
  readonly ttl: number;
}

/** The firewall answers the SYN itself and then lets the server's own SYN-ACK through. */
export class PhantomFault implements Fault {
  private readonly plan: PhantomPlan;
  private iss = 0;
  private onwardUs = -1;

  constructor(plan: PhantomPlan) {
    this.plan = plan;
  }

  fromClient(packet: Packet, wires: Wires): boolean {
    const { plan } = this;
    if (packet.srcPort !== plan.clientPort) return false;
    if ((packet.flags & (SYN | ACK | RST)) !== SYN) return this.isLate(packet, wires);
    if (this.onwardUs < 0 || this.iss !== packet.seq) {
      this.iss = packet.seq;
      this.onwardUs = wires.queue.nowUs + plan.lateUs;
    }
    wires.toClient({
      ...reversed(packet),
      seq: plan.isn,
      ack: (packet.seq + 1) | 0,
      flags: SYN | ACK,
      wnd: plan.wnd,
      ttl: plan.ttl,
      wndScale: packet.wndScale < 0 ? -1 : plan.wndScale,
      timestamps: plan.timestamps && packet.timestamps,
      tsVal: plan.tsVal,
      tsEcr: packet.tsVal,
    });
    return this.isLate(packet, wires);
  }

  fromServer(): boolean {
    return false;
  }

  private isLate(packet: Packet, wires: Wires): boolean {
    if (wires.queue.nowUs >= this.onwardUs) return false;
    wires.queue.at(this.onwardUs, () => wires.toServer(packet));
    return true;
  }
}
