/**
 * Two end points answer one SYN: the fault of the original trace and its variants (scenarios 1 to
 * 4). One client port; starts again with each new ISS. Times: microseconds.
 */
import { cancel, type Timer } from './event-queue.ts';
import { resetFrom } from './forgery-fault.ts';
import type { Fault, Wires } from './middlebox.ts';
import { ACK, type Packet, RST, SYN, segLenOf } from './packet.ts';

const REPEAT_AFTER_US = [1_000_000, 3_000_000, 7_000_000, 15_000_000, 31_000_000];

const PROVOKED_US = 100_000;

export type BurstItem = 'synack' | 'rst' | 'data';

export interface ConflictPlan {
  readonly clientPort: number;
  readonly otherIsn: number;
  /** From SYN-ACK A to the burst. */
  readonly afterUs: number;
  /** What comes in the burst, and in which order. */
  readonly burst: readonly BurstItem[];
  readonly gapUs: number;
  /** Which ACKs the other end point answers with a reset at SEG.ACK. */
  readonly resets: 'first-ack' | 'challenge' | 'every';
  readonly repeats: boolean;
  /** -1: as the server's. */
  readonly otherTtl: number;
}

/** Two end points answer one SYN; the client has the real one's SYN-ACK (scenarios 1 to 4). */
export class ConflictFault implements Fault {
  private readonly plan: ConflictPlan;
  private synack: Packet | null = null;
  private burstDone = false;
  private rstDue = false;
  private held: Packet[] = [];
  private ackCount = 0;
  /** Until when a repeated ACK counts as provoked by the SYN-ACK just sent. */
  private provokedUntilUs = -1;
  private lastEnd = 0;
  private lastAck = 0;
  private timers: Timer[] = [];

  constructor(plan: ConflictPlan) {
    this.plan = plan;
  }

  fromClient(packet: Packet, wires: Wires): boolean {
    const { plan, synack } = this;
    if (packet.srcPort !== plan.clientPort) return false;
    if ((packet.flags & SYN) !== 0) {
      if (synack === null || synack.ack !== ((packet.seq + 1) | 0)) this.restart();
      return false;
    }
    if (synack === null || (packet.flags & (ACK | RST)) !== ACK) return false;
    this.ackCount++;
    const repeats =
      segLenOf(packet) === 0 && packet.seq === this.lastEnd && packet.ack === this.lastAck;
    this.lastEnd = (packet.seq + segLenOf(packet)) | 0;
    this.lastAck = packet.ack;
    if (plan.resets === 'first-ack') {
      if (this.ackCount === 1) this.rstDue = true;
      if (this.burstDone && this.ackCount === 1) this.reset(packet.ack, wires);
    } else if (plan.resets === 'challenge') {
      if (repeats && wires.queue.nowUs < this.provokedUntilUs) this.reset(packet.ack, wires);
    } else {
      this.reset(packet.ack, wires);
    }
    return false;
  }

  fromServer(packet: Packet, wires: Wires): boolean {
    const { plan } = this;
    if (packet.dstPort !== plan.clientPort) return false;
    if ((packet.flags & (SYN | ACK)) === (SYN | ACK)) {
      if (this.synack === null) this.begin(packet, wires);
      return false;
    }
    const holds = plan.burst.includes('data') && this.synack !== null && !this.burstDone;
    if (holds && (packet.flags & RST) === 0) {
      this.held.push(packet);
      return true;
    }
    return false;
  }

  private begin(synack: Packet, wires: Wires): void {
    this.synack = synack;
    this.timers.push(wires.queue.after(this.plan.afterUs, () => this.fire(wires)));
    if (!this.plan.repeats) return;
    for (const us of REPEAT_AFTER_US) {
      this.timers.push(wires.queue.after(this.plan.afterUs + us, () => this.rival(wires)));
    }
  }

  private fire(wires: Wires): void {
    let atUs = 0;
    for (const item of this.plan.burst) {
      this.timers.push(wires.queue.after(atUs, () => this.send(item, wires)));
      atUs += this.plan.gapUs;
    }
    this.timers.push(
      wires.queue.after(atUs, () => {
        this.burstDone = true;
        this.send('data', wires);
      }),
    );
    if (!this.plan.burst.includes('data')) this.burstDone = true;
  }

  private send(item: BurstItem, wires: Wires): void {
    if (item === 'synack') this.rival(wires);
    else if (item === 'rst') {
      if (this.rstDue && this.synack !== null) this.reset((this.synack.seq + 1) | 0, wires);
    } else {
      for (const packet of this.held.splice(0)) wires.toClient(packet);
    }
  }

  private rival(wires: Wires): void {
    if (this.synack === null) return;
    const { otherIsn, otherTtl } = this.plan;
    const ttl = otherTtl < 0 ? this.synack.ttl : otherTtl;
    this.provokedUntilUs = wires.queue.nowUs + PROVOKED_US;
    wires.toClient({ ...this.synack, seq: otherIsn, ttl });
  }

  private reset(seq: number, wires: Wires): void {
    if (this.synack === null) return;
    wires.toClient(resetFrom(this.synack, seq, this.plan.otherTtl));
  }

  private restart(): void {
    for (const timer of this.timers) cancel(timer);
    this.timers = [];
    this.synack = null;
    this.burstDone = false;
    this.rstDue = false;
    this.held = [];
    this.ackCount = 0;
    this.provokedUntilUs = -1;
  }
}
