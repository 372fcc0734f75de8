/**
 * The engine on the client's machine, with everything around it that the live shim has: hooks,
 * queue, injection, rules that take a few milliseconds, ticks.
 *
 * Owns one engine and what it is held to. Ingress control packets, and everything of a flow
 * with a rule of its own, are seen at PREROUTING, other data at INPUT, in half of the worlds at
 * FORWARD, as on a gateway; egress at POSTROUTING. ACCEPT leaves bytes alone, no packet is
 * translated twice, and the tables agree behind every step. In a quarter of the worlds conntrack
 * translates what it can. Times: virtual microseconds; the engine's ms start at a seeded number so
 * that they wrap in some runs.
 */
import { Engine } from '../../engine/engine.ts';
import { EVENT_SLOT_COUNT, EVENT_WORDS } from '../../engine/limits.ts';
import type { EngineMemory } from '../../engine/memory.ts';
import { Ring } from '../../engine/ring.ts';
import {
  HOOK_FORWARD,
  HOOK_INPUT,
  HOOK_POSTROUTING,
  HOOK_PREROUTING,
  TO_FAR,
  TO_NEAR,
  VERDICT_ACCEPT,
  VERDICT_DROP,
  WORD_READY,
  WORD_SETTLED,
  WORD_WAKES,
} from '../../engine/verdict.ts';
import type { LeftFlow } from '../left-flows.ts';
import { isInvalid, type SocketTold } from './client-socket.ts';
import { EngineInvariants } from './engine-invariants.ts';
import type { EventQueue, Timer } from './event-queue.ts';
import { KernelShift } from './kernel-shift.ts';
import { decodePacket, FIN, type Packet, RST, SYN } from './packet.ts';
import { copyOctets } from './packet-memory.ts';
import { mix, Random } from './random.ts';
import { ShimOutage } from './shim-outage.ts';
import { type ShimPlan, writeSimPolicy } from './shim-plan.ts';
import { SimMainThread } from './sim-main-thread.ts';
import { createSimMemory, type SimMemory } from './sim-memory.ts';

const ROUTER_MAC_HASH = 0x5eed;
const TICK_MS_MAX = 100;
/** With sparse ticks: how much longer a pause is, and behind how many of them without a packet. */
const SPARSE = 5;
const QUIET_US_PER_MS = 10_000;
/** So long after a probe a reset may be somebody's answer to it. */
const ANSWER_US = 500_000;

export class ShimHost {
  readonly memory: EngineMemory;
  engine: Engine;
  readonly events: Ring;
  readonly invariants: EngineInvariants;
  readonly mainThread: SimMainThread;
  /** Bytes changed although the verdict was ACCEPT, or size changed: must stay 0. */
  contractBroken = 0;
  /** Packets that we translated and conntrack did too: must stay 0. */
  translatedTwice = 0;
  /** Packets that came from the network, and that were handed to the client. */
  arrived = 0;
  delivered = 0;
  /** Packets of the client, and those that went on, while somebody listened. */
  sent = 0;
  forwarded = 0;
  /** Packets with another verdict than to go on, resets aside. */
  dropped = 0;
  rewritten = 0;
  /** Near ports to which a reset came, unjudged, that may answer a probe sent before a kill. */
  readonly strayAnswers = new Set<number>();
  /** Near ports of which packets were held off by their rules while nobody listened. */
  readonly heldOff = new Set<number>();
  private readonly queue: EventQueue;
  private readonly random: Random;
  private readonly arena: Buffer;
  private readonly startMs: number;
  private readonly plainHook: number;
  private readonly marked = new Set<number>();
  /** nf_conntrack_tcp_be_liberal: nothing is INVALID. */
  private readonly liberal: boolean;
  readonly kernel = new KernelShift();
  readonly outage: ShimOutage;
  private readonly toNetwork: (bytes: Uint8Array) => void;
  private readonly toClient: (bytes: Uint8Array) => void;
  private readonly socketOf: (nearPort: number, farPort: number) => SocketTold | null;
  private readonly sparse: boolean;
  private packetUs = 0;
  private tickTimer: Timer | null = null;
  private readonly onTick = () => this.tick();
  private drainTimer: Timer | null = null;

  constructor(
    queue: EventQueue,
    plan: ShimPlan,
    toNetwork: (bytes: Uint8Array) => void,
    toClient: (bytes: Uint8Array) => void,
    socketOf: (nearPort: number, farPort: number) => SocketTold | null,
    { engine: memory, arena }: SimMemory = createSimMemory(),
  ) {
    this.socketOf = socketOf;
    this.queue = queue;
    this.random = new Random(plan.seed, 0x5417);
    this.memory = memory;
    this.arena = Buffer.from(arena.buffer);
    this.startMs = mix(plan.seed, 0x7157);
    this.toNetwork = toNetwork;
    this.toClient = toClient;
    writeSimPolicy(memory, plan);
    this.plainHook = plan.settles === true || (plan.seed & 1) === 0 ? HOOK_INPUT : HOOK_FORWARD;
    this.liberal = (plan.seed & 4) !== 0;
    this.sparse = plan.ticks === 'sparse';
    this.engine = new Engine(memory, plan.seed);
    this.engine.attach(this.arena);
    this.events = new Ring(memory.events, EVENT_SLOT_COUNT, EVENT_WORDS * 4);
    this.invariants = new EngineInvariants(memory, this.kernel);
    this.mainThread = new SimMainThread(queue, this.random, memory, {
      nowMs: () => this.nowMs(),
      fromClient: (bytes) => this.fromClient(bytes),
      toNetwork,
      toClient,
      socketOf,
      kernel: this.kernel,
      marked: this.marked,
    });
    const { outbox, inbox } = this.mainThread;
    this.outage = new ShimOutage(plan, memory, (engineSeed, left) => this.begin(engineSeed, left));
    this.outage.schedule(queue, [outbox, inbox]);
    this.tick();
  }

  nowMs(): number {
    return (this.startMs + Math.floor(this.queue.nowUs / 1000)) | 0;
  }

  /** Engine time as ms since the world began. */
  worldMs(engineMs: number): number {
    return (engineMs - this.startMs) | 0;
  }

  fromClient(bytes: Uint8Array): void {
    const packet = decodePacket(bytes);
    const ports = packet === null ? 0 : (packet.srcPort << 16) | packet.dstPort;
    if (packet !== null && this.staysInKernel(packet, ports, TO_FAR)) {
      this.toNetwork(bytes);
      return;
    }
    if (this.outage.isOn) {
      if (this.mainThread.ruled.has(ports)) this.heldOff.add(ports >>> 16);
      else this.toNetwork(this.kernel.leaving(bytes));
      return;
    }
    this.sent++;
    const out = this.pass(bytes, TO_FAR, HOOK_POSTROUTING);
    this.countDropped(out, packet);
    this.hearWord(ports);
    if (out !== null) {
      this.forwarded++;
      this.countTranslations(out, ports, packet);
      this.toNetwork(this.kernel.leaving(out));
    }
    this.tick();
  }

  fromNetwork(bytes: Uint8Array): void {
    const packet = decodePacket(bytes);
    const ports = packet === null ? 0 : (packet.dstPort << 16) | packet.srcPort;
    const told = this.marked.has(ports) ? this.socketOf(ports >>> 16, ports & 0xffff) : null;
    const invalid = !this.liberal && isInvalid(told, packet);
    if (packet !== null && !invalid && this.staysInKernel(packet, ports, TO_NEAR)) {
      this.toClient(bytes);
      return;
    }
    if (this.outage.isOn) {
      if (this.mainThread.ruled.has(ports)) {
        this.heldOff.add(ports >>> 16);
        return;
      }
      const askedUs = this.mainThread.askedUs.get(ports);
      const asked = askedUs !== undefined && this.queue.nowUs - askedUs < ANSWER_US;
      if (asked && ((packet?.flags ?? 0) & RST) !== 0) this.strayAnswers.add(ports >>> 16);
      this.toClient(this.kernel.arriving(bytes));
      return;
    }
    this.arrived++;
    const hook = this.ingressHook(packet, ports);
    const out = this.pass(bytes, TO_NEAR, hook);
    this.countDropped(out, packet);
    if (!invalid && hook !== HOOK_PREROUTING) this.hearWord(ports);
    if (out !== null) {
      this.delivered++;
      this.countTranslations(out, ports, packet);
      this.toClient(this.kernel.arriving(out));
    }
    this.tick();
  }

  /** SYN, FIN and RST take the mark away on their way; they and arriving SACKs are looked at. */
  private staysInKernel(packet: Packet, ports: number, dir: number): boolean {
    const control = (packet.flags & (SYN | FIN | RST)) !== 0;
    if (control) this.marked.delete(ports);
    return this.marked.has(ports) && (dir === TO_FAR || packet.sack.length === 0);
  }

  /** The engine's word on the connection of the packet in hand; most are alone in their batch. */
  private hearWord(ports: number): void {
    const { engine } = this;
    if (engine.word === WORD_READY && this.random.chance(0.7)) engine.settle();
    if (engine.word === WORD_SETTLED) this.marked.add(ports);
    else if (engine.word === WORD_WAKES) this.marked.delete(ports);
  }

  private ingressHook(packet: Packet | null, ports: number): number {
    if (packet === null) return this.plainHook;
    const control = (packet.flags & (SYN | FIN | RST)) !== 0 || packet.sack.length > 0;
    return control || this.mainThread.ruled.has(ports) ? HOOK_PREROUTING : this.plainHook;
  }

  /** conntrack is about to translate it: then it must still be as it came. */
  private countTranslations(out: Uint8Array, ports: number, before: Packet | null): void {
    if (before === null || !this.kernel.has(ports)) return;
    const after = decodePacket(out);
    if (after?.seq !== before.seq || after.ack !== before.ack) this.translatedTwice++;
  }

  private countDropped(out: Uint8Array | null, packet: Packet | null): void {
    if (out === null && packet !== null && (packet.flags & RST) === 0) this.dropped++;
  }

  /** One packet through the engine; what goes on, or null. */
  private pass(bytes: Uint8Array, dir: number, hook: number): Uint8Array | null {
    this.outage.mayReload();
    this.packetUs = this.queue.nowUs;
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
    this.invariants.look(this.nowMs(), this.outage.gapCount);
    if (verdict === VERDICT_DROP) return null;
    if (verdict === VERDICT_ACCEPT) {
      if (!isSame(arena, off, bytes)) this.contractBroken++;
      return bytes;
    }
    this.rewritten++;
    return copyOctets(arena, off, bytes.length);
  }

  /** The worker ticks behind every batch; the main thread drains a little later. */
  private tick(): void {
    if (this.outage.isOn) return;
    const dueMs = this.engine.tick(this.nowMs());
    this.invariants.look(this.nowMs(), this.outage.gapCount);
    this.tickTimer = this.queue.again(this.tickTimer, this.pauseMs(dueMs) * 1000, this.onTick);
    if (this.drainTimer !== null || this.mainThread.outbox.peek() < 0) return;
    this.drainTimer = this.queue.after(this.random.between(5, 400), () => {
      this.drainTimer = null;
      if (!this.outage.isOn) this.mainThread.drain();
    });
  }

  private pauseMs(dueMs: number): number {
    const pauseMs = Math.min(TICK_MS_MAX, Math.max(1, dueMs));
    if (!this.sparse) return pauseMs;
    const quietUs = this.queue.nowUs - this.packetUs;
    return quietUs > pauseMs * QUIET_US_PER_MS ? pauseMs * SPARSE : pauseMs;
  }

  /** `left`: behind an outage. */
  private begin(seed: number, left: readonly LeftFlow[] | null): void {
    this.engine = new Engine(this.memory, seed);
    this.engine.attach(this.arena);
    if (left === null) return;
    this.mainThread.takeUp(left);
    this.tick();
  }
}

function isSame(arena: Buffer, at: number, bytes: Uint8Array): boolean {
  return arena.compare(bytes, 0, bytes.length, at, at + bytes.length) === 0;
}
