/**
 * One engine with its memory and an arena, fed whole packets as the datapath would: directions from
 * who opened the flow, hooks from the rules of DESIGN §3, rings drained, rules granted. Times: ms.
 */
import { Engine } from '../../src/engine/engine.ts';
import {
  COUNTER_COUNT,
  EVENT_SLOT_COUNT,
  EVENT_WORDS,
  INBOX_SLOT_BYTES,
  INBOX_SLOT_COUNT,
  OUTBOX_SLOT_BYTES,
  OUTBOX_SLOT_COUNT,
} from '../../src/engine/limits.ts';
import { createEngineMemory, type EngineMemory } from '../../src/engine/memory.ts';
import {
  IN_FLOW,
  IN_GENERATION,
  IN_KIND,
  IN_KIND_RULE_DONE,
  IN_OK,
  OUT_BYTES,
  OUT_FLOW,
  OUT_GENERATION,
  OUT_KIND,
  OUT_KIND_INJECT,
  OUT_KIND_RULE_ADD,
  OUT_PACKET,
} from '../../src/engine/outbox.ts';
import { Ring } from '../../src/engine/ring.ts';
import {
  HOOK_INPUT,
  HOOK_POSTROUTING,
  HOOK_PREROUTING,
  TO_FAR,
  TO_NEAR,
} from '../../src/engine/verdict.ts';
import { parseSegment, WIRE_OK } from '../../src/engine/wire/parse.ts';
import { ACK, FIN, RST, Segment, SYN } from '../../src/engine/wire/segment.ts';

/** Where packets are put: not the start, so that reads before it would show. */
export const ARENA_OFF = 64;
const ARENA_BYTES = 1 << 18;

export class EngineRun {
  readonly memory: EngineMemory;
  readonly engine: Engine;
  readonly arena = new Uint8Array(ARENA_BYTES);
  readonly counters: Float64Array;
  /** Packets that the engine asked to inject, copied. */
  readonly injected: Uint8Array[] = [];
  injectedCount = 0;
  private readonly keep: boolean;
  private readonly outbox: Ring;
  private readonly inbox: Ring;
  private readonly events: Ring;
  private readonly view = new Segment();
  private readonly nearEnds = new Map<string, boolean>();

  /** `keep` collects injections; without it they are checked by whoever calls `drain` and gone. */
  constructor(flowCountMax: number, seed: number, keep = true) {
    this.memory = createEngineMemory(flowCountMax, (bytes) => new ArrayBuffer(bytes));
    this.engine = new Engine(this.memory, seed);
    this.engine.attach(this.arena);
    this.counters = new Float64Array(this.memory.counters, 0, COUNTER_COUNT);
    this.outbox = new Ring(this.memory.outbox, OUTBOX_SLOT_COUNT, OUTBOX_SLOT_BYTES);
    this.inbox = new Ring(this.memory.inbox, INBOX_SLOT_COUNT, INBOX_SLOT_BYTES);
    this.events = new Ring(this.memory.events, EVENT_SLOT_COUNT, EVENT_WORDS * 4);
    this.keep = keep;
  }

  /** Puts a packet in the arena and steps it; the packet is at ARENA_OFF afterwards. */
  feed(packet: Uint8Array, dir: number, info: number, nowMs: number): number {
    this.arena.set(packet, ARENA_OFF);
    return this.stepAt(packet.length, dir, info, nowMs);
  }

  /** Steps what lies at ARENA_OFF already. */
  stepAt(len: number, dir: number, info: number, nowMs: number): number {
    const hook = dir === TO_FAR ? HOOK_POSTROUTING : this.ingressHook(len);
    return this.engine.step(ARENA_OFF, len, dir, hook, info, 0, nowMs);
  }

  /** SYN, FIN, RST and SACK are queued before conntrack, other data behind it. */
  private ingressHook(len: number): number {
    if (parseSegment(this.arena, ARENA_OFF, len, this.view) !== WIRE_OK) return HOOK_PREROUTING;
    const control = (this.view.flags & (SYN | FIN | RST)) !== 0 || this.view.sackCount > 0;
    return control ? HOOK_PREROUTING : HOOK_INPUT;
  }

  /** The side that sent the first SYN is near; without a SYN, the higher port is. */
  direction(packet: Uint8Array): number {
    const view = this.view;
    if (parseSegment(packet, 0, packet.length, view) !== WIRE_OK) return TO_NEAR;
    const [from, to] = view.family === 4 ? [12, 16] : [8, 24];
    const bytes = to - from;
    const src = Buffer.from(packet.subarray(from, to)).toString('hex');
    const dst = Buffer.from(packet.subarray(to, to + bytes)).toString('hex');
    const there = `${src}.${view.srcPort}>${dst}.${view.dstPort}`;
    const back = `${dst}.${view.dstPort}>${src}.${view.srcPort}`;
    const known = this.nearEnds.get(there);
    const opens = (view.flags & (SYN | ACK)) === SYN;
    if (known !== undefined) return known ? TO_FAR : TO_NEAR;
    const isSynAck = (view.flags & (SYN | ACK)) === (SYN | ACK);
    const near = opens || (!isSynAck && view.srcPort > view.dstPort);
    this.nearEnds.set(there, near);
    this.nearEnds.set(back, !near);
    return near ? TO_FAR : TO_NEAR;
  }

  /** Reads both rings, grants every rule, and calls `onInject` for each packet to inject. */
  drain(onInject?: (packet: Uint8Array) => void): void {
    for (let at = this.outbox.peek(); at >= 0; at = this.outbox.peek()) {
      this.answer(at, onInject);
      this.outbox.release();
    }
    while (this.events.peek() >= 0) this.events.release();
  }

  private answer(at: number, onInject?: (packet: Uint8Array) => void): void {
    const words = this.outbox.words;
    if (words[at + OUT_KIND] === OUT_KIND_INJECT) {
      const from = (at + OUT_PACKET) * 4;
      const packet = this.outbox.bytes.slice(from, from + (words[at + OUT_BYTES] ?? 0));
      this.injectedCount++;
      if (this.keep) this.injected.push(packet);
      onInject?.(packet);
    } else if (words[at + OUT_KIND] === OUT_KIND_RULE_ADD) {
      const slot = this.inbox.reserve();
      if (slot < 0) return;
      this.inbox.words[slot + IN_KIND] = IN_KIND_RULE_DONE;
      this.inbox.words[slot + IN_FLOW] = words[at + OUT_FLOW] ?? 0;
      this.inbox.words[slot + IN_GENERATION] = words[at + OUT_GENERATION] ?? 0;
      this.inbox.words[slot + IN_OK] = 1;
      this.inbox.commit();
    }
  }
}
