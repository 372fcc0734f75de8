/**
 * The engine on the client's machine, with everything around it that the live shim has: hooks,
 * queue, injection, rules that take a few milliseconds, ticks.
 *
 * Owns the arena and the memory of one engine. Ingress control packets, and everything of a flow
 * with a rule of its own, are seen at PREROUTING, other data at INPUT, in half of the worlds at
 * FORWARD, as on a gateway; egress at POSTROUTING. It holds the engine to its contract: ACCEPT
 * leaves bytes alone. In a quarter of the worlds conntrack translates what it can. Times: virtual
 * microseconds; the engine's ms start at a seeded number so that they wrap in some runs.
 */
import { Engine } from '../../engine/engine.ts';
import {
  EVENT_SLOT_COUNT,
  EVENT_WORDS,
  FLOW_COUNT_DEFAULT,
  INBOX_SLOT_BYTES,
  INBOX_SLOT_COUNT,
  OUTBOX_SLOT_BYTES,
  OUTBOX_SLOT_COUNT,
} from '../../engine/limits.ts';
import { createEngineMemory, type EngineMemory } from '../../engine/memory.ts';
import {
  IN_FLOW,
  IN_GENERATION,
  IN_KIND,
  IN_KIND_KERNEL,
  IN_KIND_RULE_DONE,
  IN_KIND_RULE_GONE,
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
  HOOK_FORWARD,
  HOOK_INPUT,
  HOOK_POSTROUTING,
  HOOK_PREROUTING,
  INJECT_FAR,
  INJECT_FAR_HOOKED,
  INJECT_FAR_WAKE,
  TO_FAR,
  TO_NEAR,
  VERDICT_ACCEPT,
  VERDICT_DROP,
  WORD_READY,
  WORD_SETTLED,
  WORD_WAKES,
} from '../../engine/verdict.ts';
import { isInvalid, type SocketTold, writeTold } from './client-socket.ts';
import { cancel, type EventQueue, type Timer } from './event-queue.ts';
import { KernelShift } from './kernel-shift.ts';
import { decodePacket, FIN, type Packet, RST, SYN } from './packet.ts';
import { mix, Random } from './random.ts';
import { writeShimPolicy } from './shim-policy.ts';

const ARENA_BYTES = 1 << 17;
const ROUTER_MAC_HASH = 0x5eed;
const SIM_FLOW_COUNT = 64;

export interface ShimPlan {
  readonly seed: number;
  readonly observe: boolean;
  /** Codes switched off. */
  readonly off: readonly number[];
  /** Settled connections stay in the kernel, which conntrack marks; else all is inspected. */
  readonly settles?: boolean;
  /** IDLE_* and behind how long a silence, ms (0: as learned); else idle flows are forgotten. */
  readonly idle?: { readonly action: number; readonly afterMs: number };
}

export class ShimHost {
  readonly memory: EngineMemory;
  readonly engine: Engine;
  readonly events: Ring;
  /** Bytes changed although the verdict was ACCEPT, or size changed: must stay 0. */
  contractBroken = 0;
  injectedFar = 0;
  injectedNear = 0;
  /** Packets that came from the network, and that were handed to the client. */
  arrived = 0;
  delivered = 0;
  rewritten = 0;
  ruleCount = 0;
  private readonly queue: EventQueue;
  private readonly random: Random;
  private readonly arena = new Uint8Array(ARENA_BYTES);
  private readonly outbox: Ring;
  private readonly inbox: Ring;
  private readonly startMs: number;
  private readonly plainHook: number;
  private readonly ruled = new Set<number>();
  /** Connections that carry our mark: near port << 16 | far port. */
  private readonly marked = new Set<number>();
  /** nf_conntrack_tcp_be_liberal: nothing is INVALID. */
  private readonly liberal: boolean;
  readonly kernel = new KernelShift();
  private readonly toNetwork: (bytes: Uint8Array) => void;
  private readonly toClient: (bytes: Uint8Array) => void;
  private readonly socketOf: (nearPort: number, farPort: number) => SocketTold | null;
  private tickTimer: Timer | null = null;
  private drainTimer: Timer | null = null;

  constructor(
    queue: EventQueue,
    plan: ShimPlan,
    toNetwork: (bytes: Uint8Array) => void,
    toClient: (bytes: Uint8Array) => void,
    socketOf: (nearPort: number, farPort: number) => SocketTold | null,
  ) {
    this.socketOf = socketOf;
    this.queue = queue;
    this.random = new Random(plan.seed, 0x5417);
    this.memory = createEngineMemory(
      Math.min(SIM_FLOW_COUNT, FLOW_COUNT_DEFAULT),
      (bytes) => new ArrayBuffer(bytes),
    );
    writeShimPolicy(this.memory, plan);
    const settles = plan.settles === true;
    this.plainHook = settles || (plan.seed & 1) === 0 ? HOOK_INPUT : HOOK_FORWARD;
    this.liberal = (plan.seed & 4) !== 0;
    this.engine = new Engine(this.memory, plan.seed);
    this.engine.attach(this.arena);
    this.outbox = new Ring(this.memory.outbox, OUTBOX_SLOT_COUNT, OUTBOX_SLOT_BYTES);
    this.inbox = new Ring(this.memory.inbox, INBOX_SLOT_COUNT, INBOX_SLOT_BYTES);
    this.events = new Ring(this.memory.events, EVENT_SLOT_COUNT, EVENT_WORDS * 4);
    this.startMs = mix(plan.seed, 0x7157);
    this.toNetwork = toNetwork;
    this.toClient = toClient;
    this.tick();
  }

  nowMs(): number {
    return (this.startMs + Math.floor(this.queue.nowUs / 1000)) | 0;
  }

  fromClient(bytes: Uint8Array): void {
    const packet = decodePacket(bytes);
    const ports = packet === null ? 0 : (packet.srcPort << 16) | packet.dstPort;
    if (packet !== null && this.staysInKernel(packet, ports)) {
      this.toNetwork(bytes);
      return;
    }
    const out = this.pass(bytes, TO_FAR, HOOK_POSTROUTING);
    this.hearWord(ports);
    if (out !== null) this.toNetwork(this.kernel.leaving(out));
    this.tick();
  }

  fromNetwork(bytes: Uint8Array): void {
    this.arrived++;
    const packet = decodePacket(bytes);
    const ports = packet === null ? 0 : (packet.dstPort << 16) | packet.srcPort;
    const told = this.marked.has(ports) ? this.socketOf(ports >>> 16, ports & 0xffff) : null;
    const invalid = !this.liberal && isInvalid(told, packet);
    if (packet !== null && !invalid && this.staysInKernel(packet, ports)) {
      this.delivered++;
      this.toClient(bytes);
      return;
    }
    const hook = this.ingressHook(bytes);
    const out = this.pass(bytes, TO_NEAR, hook);
    if (!invalid && hook !== HOOK_PREROUTING) this.hearWord(ports);
    if (out !== null) {
      this.delivered++;
      this.toClient(this.kernel.arriving(out));
    }
    this.tick();
  }

  /** SYN, FIN and RST take the mark away on their way; they and SACK are looked at. */
  private staysInKernel(packet: Packet, ports: number): boolean {
    const control = (packet.flags & (SYN | FIN | RST)) !== 0;
    if (control) this.marked.delete(ports);
    return this.marked.has(ports) && packet.sack.length === 0;
  }

  /** The engine's word on the connection of the packet in hand; most are alone in their batch. */
  private hearWord(ports: number): void {
    const { engine } = this;
    if (engine.word === WORD_READY && this.random.chance(0.7)) engine.settle();
    if (engine.word === WORD_SETTLED) this.marked.add(ports);
    else if (engine.word === WORD_WAKES) this.marked.delete(ports);
  }

  private ingressHook(bytes: Uint8Array): number {
    const packet = decodePacket(bytes);
    if (packet === null) return this.plainHook;
    const control = (packet.flags & (SYN | FIN | RST)) !== 0 || packet.sack.length > 0;
    const ports = (packet.dstPort << 16) | packet.srcPort;
    return control || this.ruled.has(ports) ? HOOK_PREROUTING : this.plainHook;
  }

  /** One packet through the engine; what goes on, or null. */
  private pass(bytes: Uint8Array, dir: number, hook: number): Uint8Array | null {
    const off = 64 + 4 * this.random.between(0, 15);
    const arena = this.arena;
    arena.set(bytes, off);
    const verdict = this.engine.step(
      off,
      bytes.length,
      dir,
      hook,
      0,
      dir === TO_NEAR ? ROUTER_MAC_HASH : 0,
      this.nowMs(),
    );
    if (verdict === VERDICT_DROP) return null;
    if (verdict === VERDICT_ACCEPT) {
      for (let i = 0; i < bytes.length; i++) {
        if (arena[off + i] !== bytes[i]) {
          this.contractBroken++;
          break;
        }
      }
      return bytes;
    }
    this.rewritten++;
    return arena.slice(off, off + bytes.length);
  }

  /** The worker ticks behind every batch; the main thread drains a little later. */
  private tick(): void {
    const dueMs = this.engine.tick(this.nowMs());
    this.tickTimer = cancel(this.tickTimer);
    this.tickTimer = this.queue.after(Math.min(100, Math.max(1, dueMs)) * 1000, () => this.tick());
    if (this.drainTimer !== null || this.outbox.peek() < 0) return;
    this.drainTimer = this.queue.after(this.random.between(5, 400), () => {
      this.drainTimer = null;
      this.drain();
    });
  }

  private drain(): void {
    for (let at = this.outbox.peek(); at >= 0; at = this.outbox.peek()) {
      const words = this.outbox.words;
      const kind = words[at + OUT_KIND];
      if (kind === OUT_KIND_INJECT) {
        const from = (at + OUT_PACKET) * 4;
        const path = words[at + OUT_PATH] as number;
        const ports = words[at + OUT_PORTS] as number;
        const bytes = this.outbox.bytes.slice(from, from + (words[at + OUT_BYTES] as number));
        this.outbox.release();
        this.inject(bytes, path, ports);
        continue;
      }
      const ports = words[at + OUT_PORTS] as number;
      const flow = words[at + OUT_FLOW] as number;
      const generation = words[at + OUT_GENERATION] as number;
      if (kind === OUT_KIND_RULE_ADD) {
        this.addRule(ports, flow, generation);
      } else if (kind === OUT_KIND_KERNEL_ADD) {
        this.moveToKernel(ports, words[at + OUT_DELTA] as number, flow, generation);
      } else if (kind === OUT_KIND_KERNEL_DEL) {
        this.kernel.remove(ports);
      } else if (kind === OUT_KIND_SOCKET) {
        this.answerSocket(ports, flow, generation);
      } else {
        this.ruled.delete(ports);
        this.answer(IN_KIND_RULE_GONE, flow, generation, 1, 0);
      }
      this.outbox.release();
    }
  }

  private inject(bytes: Uint8Array, path: number, ports: number): void {
    if (path === INJECT_FAR || path === INJECT_FAR_WAKE) {
      if (path === INJECT_FAR_WAKE) this.marked.delete(ports);
      this.injectedFar++;
      this.toNetwork(this.kernel.leaving(bytes));
    } else if (path === INJECT_FAR_HOOKED) {
      this.injectedFar++;
      this.fromClient(bytes);
    } else {
      this.injectedNear++;
      this.toClient(this.kernel.arriving(bytes)); // in POSTROUTING, on its way
    }
  }

  /** One in four is refused. */
  private moveToKernel(ports: number, delta: number, flow: number, generation: number): void {
    const refused = this.random.between(0, 3) === 0 ? 1 : 0;
    if (refused === 0) this.kernel.add(ports, delta);
    this.answer(IN_KIND_KERNEL, flow, generation, 1 - refused, refused);
  }

  private addRule(ports: number, flow: number, generation: number): void {
    this.ruleCount++;
    this.queue.after(this.random.between(1000, 10_000), () => {
      this.ruled.add(ports);
      this.answer(IN_KIND_RULE_DONE, flow, generation, 1, 0);
    });
  }

  private answerSocket(ports: number, flow: number, generation: number): void {
    const told = this.socketOf(ports >>> 16, ports & 0xffff);
    const at = this.inbox.reserve();
    if (at < 0) return;
    const { words } = this.inbox;
    words[at + IN_FLOW] = flow;
    words[at + IN_GENERATION] = generation;
    writeTold(words, at, told, this.nowMs());
    this.inbox.commit();
  }

  private answer(
    kind: number,
    flow: number,
    generation: number,
    ok: number,
    refused: number,
  ): void {
    const at = this.inbox.reserve();
    if (at < 0) return;
    this.inbox.words[at + IN_KIND] = kind;
    this.inbox.words[at + IN_FLOW] = flow;
    this.inbox.words[at + IN_GENERATION] = generation;
    this.inbox.words[at + IN_OK] = ok;
    this.inbox.words[at + IN_REFUSED] = refused;
    this.inbox.commit();
  }
}
