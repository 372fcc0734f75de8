/**
 * One direction of a path: delay, loss, duplication, reordering.
 *
 * The fate of a packet depends on the seed, on what the packet is (flags, numbers, size) and on how
 * often it was sent before, never on what else passed: with and without the shim the same packet
 * fares the same. After `healUs` nothing is lost. Times: microseconds.
 */
import type { EventQueue } from './event-queue.ts';
import { decodePacket, type Packet } from './packet.ts';
import { mix, Random } from './random.ts';

export interface LinkPlan {
  readonly delayUs: number;
  readonly loss: number;
  readonly duplication: number;
  readonly reordering: number;
  /** How much later a reordered or duplicated packet comes, at most. */
  readonly spreadUs: number;
  readonly healUs: number;
}

export class Link {
  readonly lost: Uint8Array[] = [];
  private readonly queue: EventQueue;
  private readonly plan: LinkPlan;
  private readonly seed: number;
  private readonly deliver: (bytes: Uint8Array) => void;
  private readonly sent = new Map<number, number>();

  constructor(
    queue: EventQueue,
    plan: LinkPlan,
    seed: number,
    deliver: (bytes: Uint8Array) => void,
  ) {
    this.queue = queue;
    this.plan = plan;
    this.seed = seed;
    this.deliver = deliver;
  }

  send(bytes: Uint8Array): void {
    const plan = this.plan;
    const faulty = plan.loss + plan.duplication + plan.reordering > 0;
    if (!faulty || this.queue.nowUs >= plan.healUs) {
      this.arrive(bytes, plan.delayUs);
      return;
    }
    const packet = decodePacket(bytes);
    const identity = packet === null ? 0 : identify(packet);
    const before = this.sent.get(identity) ?? 0;
    this.sent.set(identity, before + 1);
    const fate = new Random(this.seed, mix(identity, before));
    if (fate.chance(plan.loss)) {
      this.lost.push(bytes);
      return;
    }
    const late = fate.chance(plan.reordering) ? fate.between(1, plan.spreadUs) : 0;
    this.arrive(bytes, plan.delayUs + late);
    if (fate.chance(plan.duplication)) {
      this.arrive(bytes, plan.delayUs + fate.between(1, plan.spreadUs));
    }
  }

  private arrive(bytes: Uint8Array, delayUs: number): void {
    this.queue.after(delayUs, () => this.deliver(bytes));
  }
}

function identify(packet: Packet): number {
  let id = mix(packet.seq, packet.ack);
  id = mix(id, (packet.flags << 16) | packet.payload.length);
  return mix(id, (packet.srcPort << 16) | packet.dstPort);
}
