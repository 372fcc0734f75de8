/**
 * The simulated shim's main thread: takes what the engine asks for out of the outbox (injections,
 * rules, translation by the kernel, questions to sockets) and answers a little later.
 *
 * Owns both rings, the rules in place and what was injected. One translation in four is refused.
 * Times: virtual microseconds.
 */
import { FLOW_MOVING } from '../../engine/flow/layout.ts';
import {
  INBOX_SLOT_BYTES,
  INBOX_SLOT_COUNT,
  OUTBOX_SLOT_BYTES,
  OUTBOX_SLOT_COUNT,
} from '../../engine/limits.ts';
import type { EngineMemory } from '../../engine/memory.ts';
import {
  beginAnswer,
  IN_FLOW,
  IN_GENERATION,
  IN_KIND,
  IN_KIND_KERNEL,
  IN_KIND_RULE_DONE,
  IN_KIND_RULE_GONE,
  IN_KIND_SOCKET,
  IN_OK,
  IN_REFUSED,
  OUT_BYTES,
  OUT_DELTA,
  OUT_FLOW,
  OUT_GENERATION,
  OUT_KIND,
  OUT_KIND_INJECT,
  OUT_KIND_KERNEL_ADD,
  OUT_KIND_KERNEL_DEL,
  OUT_KIND_RULE_ADD,
  OUT_KIND_SOCKET,
  OUT_PACKET,
  OUT_PATH,
  OUT_PORTS,
} from '../../engine/outbox.ts';
import { Ring } from '../../engine/ring.ts';
import {
  INJECT_FAR,
  INJECT_FAR_HOOKED,
  INJECT_FAR_WAKE,
  INJECT_NEAR,
} from '../../engine/verdict.ts';
import type { LeftFlow } from '../left-flows.ts';
import { type SocketTold, writeTold } from './client-socket.ts';
import type { EventQueue } from './event-queue.ts';
import type { KernelShift } from './kernel-shift.ts';
import { copyOctets } from './packet-memory.ts';
import type { Random } from './random.ts';

/** What it needs of the machine around it. */
export interface SimMachine {
  nowMs(): number;
  /** Through our own egress hook. */
  fromClient(bytes: Uint8Array): void;
  toNetwork(bytes: Uint8Array): void;
  toClient(bytes: Uint8Array): void;
  socketOf(nearPort: number, farPort: number): SocketTold | null;
  readonly kernel: KernelShift;
  /** Connections that carry our mark: near port << 16 | far port. */
  readonly marked: Set<number>;
}

export class SimMainThread {
  readonly outbox: Ring;
  readonly inbox: Ring;
  /** Connections with rules of their own. */
  readonly ruled = new Set<number>();
  injectedFar = 0;
  injectedNear = 0;
  /** When the last of them left for the far end: of each connection. */
  readonly askedUs = new Map<number, number>();
  /** Of those towards the far end: bare ACKs that bring a settled connection back. */
  wakes = 0;
  ruleCount = 0;
  private readonly queue: EventQueue;
  private readonly random: Random;
  private readonly machine: SimMachine;

  constructor(queue: EventQueue, random: Random, memory: EngineMemory, machine: SimMachine) {
    this.queue = queue;
    this.random = random;
    this.machine = machine;
    this.outbox = new Ring(memory.outbox, OUTBOX_SLOT_COUNT, OUTBOX_SLOT_BYTES);
    this.inbox = new Ring(memory.inbox, INBOX_SLOT_COUNT, INBOX_SLOT_BYTES);
  }

  drain(): void {
    for (let at = this.outbox.peek(); at >= 0; at = this.outbox.peek()) {
      const words = this.outbox.words;
      const kind = words[at + OUT_KIND];
      const ports = words[at + OUT_PORTS] as number;
      if (kind === OUT_KIND_INJECT) {
        const from = (at + OUT_PACKET) * 4;
        const path = words[at + OUT_PATH] as number;
        const bytes = copyOctets(this.outbox.bytes, from, words[at + OUT_BYTES] as number);
        this.outbox.release();
        this.inject(bytes, path, ports);
        continue;
      }
      const flow = words[at + OUT_FLOW] as number;
      const generation = words[at + OUT_GENERATION] as number;
      if (kind === OUT_KIND_RULE_ADD) {
        this.addRule(ports, flow, generation);
      } else if (kind === OUT_KIND_KERNEL_ADD) {
        this.moveToKernel(ports, words[at + OUT_DELTA] as number, flow, generation);
      } else if (kind === OUT_KIND_KERNEL_DEL) {
        this.machine.kernel.remove(ports);
      } else if (kind === OUT_KIND_SOCKET) {
        this.answerSocket(at);
      } else {
        this.ruled.delete(ports);
        this.answer(IN_KIND_RULE_GONE, flow, generation, 1, 0);
      }
      this.outbox.release();
    }
  }

  /** Behind an outage: flows that wait for an answer which is lost. */
  takeUp(left: readonly LeftFlow[]): void {
    for (const { flow, row, generation, flags, delta } of left) {
      const ports = (flow.nearPort << 16) | flow.farPort;
      const waits = (flags & FLOW_MOVING) !== 0;
      if (!waits) this.addRule(ports, row, generation);
      else if (this.machine.kernel.has(ports)) this.answer(IN_KIND_KERNEL, row, generation, 1, 0);
      else this.moveToKernel(ports, delta, row, generation);
    }
  }

  private inject(bytes: Uint8Array, path: number, ports: number): void {
    const { machine } = this;
    if (path !== INJECT_NEAR) this.askedUs.set(ports, this.queue.nowUs);
    if (path === INJECT_FAR || path === INJECT_FAR_WAKE) {
      if (path === INJECT_FAR_WAKE) {
        machine.marked.delete(ports);
        this.wakes++;
      }
      this.injectedFar++;
      machine.toNetwork(machine.kernel.leaving(bytes));
    } else if (path === INJECT_FAR_HOOKED) {
      this.injectedFar++;
      machine.fromClient(bytes);
    } else {
      this.injectedNear++;
      machine.toClient(machine.kernel.arriving(bytes)); // in POSTROUTING, on its way
    }
  }

  private moveToKernel(ports: number, delta: number, flow: number, generation: number): void {
    const refused = this.random.between(0, 3) === 0 ? 1 : 0;
    if (refused === 0) this.machine.kernel.add(ports, delta);
    this.answer(IN_KIND_KERNEL, flow, generation, 1 - refused, refused);
  }

  private addRule(ports: number, flow: number, generation: number): void {
    this.ruleCount++;
    this.queue.after(this.random.between(1000, 10_000), () => {
      this.ruled.add(ports);
      this.answer(IN_KIND_RULE_DONE, flow, generation, 1, 0);
    });
  }

  private answerSocket(at: number): void {
    const ports = this.outbox.words[at + OUT_PORTS] as number;
    const to = this.inbox.reserve();
    if (to < 0) return;
    const { words } = this.inbox;
    beginAnswer(words, to, IN_KIND_SOCKET, this.outbox.words, at);
    writeTold(words, to, this.machine.socketOf(ports >>> 16, ports & 0xffff));
    this.inbox.commit();
  }

  private answer(kind: number, flow: number, generation: number, ok: number, why: number): void {
    const at = this.inbox.reserve();
    if (at < 0) return;
    const { words } = this.inbox;
    words[at + IN_KIND] = kind;
    words[at + IN_FLOW] = flow;
    words[at + IN_GENERATION] = generation;
    words[at + IN_OK] = ok;
    words[at + IN_REFUSED] = why;
    this.inbox.commit();
  }
}
