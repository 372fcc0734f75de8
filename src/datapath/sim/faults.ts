/**
 * What faulty middleboxes were seen to do to a connection, one class each. Every fault belongs to
 * one client port and starts again with each new ISS. Times: microseconds.
 */
import { cancel, type Timer } from './event-queue.ts';
import type { Fault, Wires } from './middlebox.ts';
import { ACK, NO_BYTES, type Packet, RST, SYN, segLenOf } from './packet.ts';

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

export interface ForgedReset {
  readonly atUs: number;
  /** From what the client last acknowledged; 0 is exact. */
  readonly offBy: number;
  /** -1: as the server's. */
  readonly ttl: number;
}

/** Somebody in the path, or somebody blind, forges resets. */
export class ForgeryFault implements Fault {
  private readonly clientPort: number;
  private readonly resets: readonly ForgedReset[];
  private last: Packet | null = null;
  private ack = 0;
  private started = false;

  constructor(clientPort: number, resets: readonly ForgedReset[]) {
    this.clientPort = clientPort;
    this.resets = resets;
  }

  fromClient(packet: Packet, wires: Wires): boolean {
    if (packet.srcPort !== this.clientPort || (packet.flags & ACK) === 0) return false;
    this.ack = packet.ack;
    if (this.started) return false;
    this.started = true;
    for (const reset of this.resets) {
      wires.queue.after(reset.atUs, () => {
        if (this.last === null) return;
        wires.toClient(resetFrom(this.last, (this.ack + reset.offBy) | 0, reset.ttl));
      });
    }
    return false;
  }

  fromServer(packet: Packet): boolean {
    if (packet.dstPort === this.clientPort) this.last = packet;
    return false;
  }
}

/** Drops what `match` says: an end point that went away, a probe that is lost. */
export class DropFault implements Fault {
  dropped = 0;
  private readonly match: (packet: Packet, toServer: boolean, nowUs: number) => boolean;

  constructor(match: (packet: Packet, toServer: boolean, nowUs: number) => boolean) {
    this.match = match;
  }

  fromClient(packet: Packet, wires: Wires): boolean {
    return this.drop(packet, true, wires);
  }

  fromServer(packet: Packet, wires: Wires): boolean {
    return this.drop(packet, false, wires);
  }

  private drop(packet: Packet, toServer: boolean, wires: Wires): boolean {
    const hit = this.match(packet, toServer, wires.queue.nowUs);
    if (hit) this.dropped++;
    return hit;
  }
}

function reversed(packet: Packet): Packet {
  return {
    ...packet,
    src: packet.dst,
    dst: packet.src,
    srcPort: packet.dstPort,
    dstPort: packet.srcPort,
    payload: NO_BYTES,
  };
}

/** A bare reset in the name of whoever sent `like`. */
function resetFrom(like: Packet, seq: number, ttl: number): Packet {
  return {
    ...like,
    seq,
    ack: 0,
    flags: RST,
    wnd: 0,
    ttl: ttl < 0 ? like.ttl : ttl,
    ipId: 0,
    mss: -1,
    wndScale: -1,
    sackPermitted: false,
    timestamps: false,
    tsVal: 0,
    tsEcr: 0,
    sack: [],
    payload: NO_BYTES,
  };
}
