/**
 * A capture through the engine as if live, in the capture's own time: each frame is judged as it
 * would have been by a shim on the near end's machine, timers run between frames.
 *
 * Owns the engine and its memory. Rules are granted at once; nobody answers questions (sockets say
 * that they do not know, probes are met by silence). The engine's milliseconds start at START_MS
 * with the first frame, and never go back. The same frames give the same calls, always.
 */
import type { Config } from '../../config/config.ts';
import { Engine } from '../../engine/engine.ts';
import {
  EVENT_SLOT_COUNT,
  EVENT_WORDS,
  INBOX_SLOT_BYTES,
  INBOX_SLOT_COUNT,
  OUTBOX_SLOT_BYTES,
  OUTBOX_SLOT_COUNT,
} from '../../engine/limits.ts';
import { createEngineMemory } from '../../engine/memory.ts';
import * as box from '../../engine/outbox.ts';
import { Ring } from '../../engine/ring.ts';
import {
  HOOK_INPUT,
  HOOK_POSTROUTING,
  HOOK_PREROUTING,
  INJECT_FAR_HOOKED,
  INJECT_NEAR,
  TO_FAR,
  TO_NEAR,
  VERDICT_ACCEPT,
  VERDICT_DROP,
} from '../../engine/verdict.ts';
import { parseSegment, WIRE_OK } from '../../engine/wire/parse.ts';
import { FIN, RST, Segment, SYN } from '../../engine/wire/segment.ts';
import { type EventRecord, readEvent } from '../../telemetry/event-log.ts';
import type { Frame } from '../pcap/capture.ts';
import { writePolicy } from '../policy.ts';
import { type Connection, Connections, type Ports } from './connections.ts';
import { FramePacket, macHashOf } from './frame-packet.ts';
import { type Tally, tallyOf } from './tally.ts';
import { VirtualClock } from './virtual-clock.ts';

const FLOW_COUNT = 65_536;
/** Of the flow table's hash: any number, always the same. */
const SEED = 1;
const START_MS = 1000;
/** In the arena, behind the packet in hand. */
const INJECTED_OFF = 1 << 16;

export interface Injected {
  readonly dir: number;
  readonly connection: Connection | undefined;
  readonly bytes: Uint8Array;
}

/** What one frame, or a timer between two, came to. */
export interface Step {
  /** Undefined: a timer. */
  readonly frame: Frame | undefined;
  readonly timeUs: number;
  readonly connection: Connection | undefined;
  readonly dir: number;
  readonly verdict: number;
  /** The IP packet that goes on, where it was rewritten. */
  readonly rewritten: Uint8Array | undefined;
  readonly injected: readonly Injected[];
  readonly events: readonly EventRecord[];
  /** What the counters say was found and done; more than has events. */
  readonly counted: Tally;
}

export interface Judged {
  frames: number;
  packets: number;
  selected: number;
  cut: number;
  /** Questions that a capture cannot answer. */
  socketsAsked: number;
  backwards: number;
}

export class Replayer {
  readonly judged: Judged = {
    ...{ frames: 0, packets: 0, selected: 0, cut: 0, socketsAsked: 0, backwards: 0 },
  };
  readonly connections: Connections;
  private readonly memory = createEngineMemory(FLOW_COUNT, (bytes) => new ArrayBuffer(bytes));
  private readonly engine = new Engine(this.memory, SEED);
  private readonly packet = new FramePacket();
  private readonly outbox = new Ring(this.memory.outbox, OUTBOX_SLOT_COUNT, OUTBOX_SLOT_BYTES);
  private readonly inbox = new Ring(this.memory.inbox, INBOX_SLOT_COUNT, INBOX_SLOT_BYTES);
  private readonly events = new Ring(this.memory.events, EVENT_SLOT_COUNT, EVENT_WORDS * 4);
  private readonly counters = new Float64Array(this.memory.counters);
  private readonly before = new Float64Array(this.counters.length);
  private readonly view = new Segment();
  private readonly clock = new VirtualClock();
  private readonly tell: (step: Step) => void;

  /** `tell` hears of every frame, in order, and of every timer that came to something. */
  constructor(config: Config, ports: Ports, tell: (step: Step) => void) {
    writePolicy(this.memory, config);
    this.connections = new Connections(config, ports);
    this.tell = tell;
    this.engine.attach(this.packet.arena);
  }

  /** What the counters have come to. */
  get totals(): Tally {
    return tallyOf(this.counters, new Float64Array(this.counters.length));
  }

  feed(frame: Frame): void {
    const { judged, packet } = this;
    judged.frames++;
    if (this.clock.advance(frame.timeUs, (atMs) => this.tick(atMs)) < 0) judged.backwards++;
    const isTcp = packet.place(frame);
    if (isTcp) judged.packets++;
    const found = isTcp ? this.connections.find(packet.arena, packet.seg) : undefined;
    if (found?.connection.isSelected === true) {
      judged.selected++;
      if (packet.isCut) judged.cut++;
      this.judge(frame, found.connection, found.dir);
    } else {
      this.pass(frame);
    }
  }

  /** Timers that are armed still run out, within `ms`. */
  end(ms: number): void {
    this.clock.advance(this.clock.timeUs + ms * 1000, (atMs) => this.tick(atMs));
  }

  private judge(frame: Frame, connection: Connection, dir: number): void {
    const { packet } = this;
    packet.judgeChecksum(dir);
    connection.last[dir === TO_FAR ? 0 : 1] = frame;
    const hook = dir === TO_FAR ? HOOK_POSTROUTING : this.ingressHook(connection);
    const macHash = dir === TO_NEAR ? macHashOf(frame) : 0;
    const { bytes, info } = packet;
    const verdict = this.engine.step(0, bytes, dir, hook, info, macHash, this.nowMs);
    const goesOn = verdict === VERDICT_ACCEPT || verdict === VERDICT_DROP;
    const rewritten = goesOn ? undefined : packet.rewritten();
    this.report(frame, connection, dir, verdict, rewritten);
    // As the packet thread does behind a batch: a question that was raised is asked at once.
    this.clock.dueIn(this.tick(this.clock.elapsedMs));
  }

  /** None of the shim's business: it goes on as it came. */
  private pass(frame: Frame): void {
    this.tell({
      ...{ frame, timeUs: frame.timeUs, connection: undefined, dir: TO_NEAR },
      ...{ verdict: VERDICT_ACCEPT, rewritten: undefined, injected: [], events: [] },
      counted: { done: [], would: [] },
    });
  }

  private get nowMs(): number {
    return (START_MS + this.clock.elapsedMs) | 0;
  }

  /** Control packets, SACK, and whatever has rules of its own come before conntrack. */
  private ingressHook({ isRuled }: Connection): number {
    const { flags, sackCount } = this.packet.seg;
    const early = isRuled || sackCount > 0 || (flags & (SYN | FIN | RST)) !== 0;
    return early ? HOOK_PREROUTING : HOOK_INPUT;
  }

  /** Returns ms until it wants to run again. */
  private tick(atMs: number): number {
    const dueMs = this.engine.tick((START_MS + atMs) | 0);
    this.report(undefined, undefined, TO_NEAR, VERDICT_ACCEPT, undefined);
    return dueMs;
  }

  private report(
    frame: Frame | undefined,
    connection: Connection | undefined,
    dir: number,
    verdict: number,
    rewritten: Uint8Array | undefined,
  ): void {
    const injected = this.drainOutbox();
    const events = this.drainEvents();
    const counted = tallyOf(this.counters, this.before);
    const nothing = counted.done.length + counted.would.length + injected.length + events.length;
    if (frame === undefined && nothing === 0) return;
    this.before.set(this.counters);
    const timeUs = frame?.timeUs ?? this.clock.timeUs;
    this.tell({ frame, timeUs, connection, dir, verdict, rewritten, injected, events, counted });
  }

  private drainEvents(): EventRecord[] {
    const events: EventRecord[] = [];
    for (let at = this.events.peek(); at >= 0; at = this.events.peek()) {
      const record = readEvent(this.events.words, at);
      if (record !== undefined) events.push(record);
      this.events.release();
    }
    return events;
  }

  private drainOutbox(): Injected[] {
    const injected: Injected[] = [];
    const { words, bytes } = this.outbox;
    for (let at = this.outbox.peek(); at >= 0; at = this.outbox.peek()) {
      const kind = words[at + box.OUT_KIND];
      if (kind === box.OUT_KIND_INJECT) {
        const from = (at + box.OUT_PACKET) * 4;
        const copy = bytes.slice(from, from + (words[at + box.OUT_BYTES] ?? 0));
        const path = words[at + box.OUT_PATH] ?? 0;
        this.outbox.release();
        const sent = this.inject(copy, path);
        if (sent !== undefined) injected.push(sent);
        continue;
      }
      if (kind === box.OUT_KIND_SOCKET) this.answerSocket(at);
      else if (kind === box.OUT_KIND_RULE_ADD || kind === box.OUT_KIND_RULE_DEL) {
        this.answerRule(at, kind === box.OUT_KIND_RULE_ADD);
      }
      this.outbox.release();
    }
    return injected;
  }

  /** What is in the near end's numbers passes the egress hook, which translates it. */
  private inject(bytes: Uint8Array, path: number): Injected | undefined {
    const dir = path === INJECT_NEAR ? TO_NEAR : TO_FAR;
    const connection = this.connectionOf(bytes);
    if (path !== INJECT_FAR_HOOKED) return { dir, connection, bytes };
    const { arena } = this.packet;
    arena.set(bytes, INJECTED_OFF);
    const length = bytes.length;
    const verdict = this.engine.step(
      INJECTED_OFF,
      length,
      TO_FAR,
      HOOK_POSTROUTING,
      0,
      0,
      this.nowMs,
    );
    if (verdict === VERDICT_DROP) return undefined;
    return { dir, connection, bytes: arena.slice(INJECTED_OFF, INJECTED_OFF + length) };
  }

  private connectionOf(bytes: Uint8Array): Connection | undefined {
    if (parseSegment(bytes, 0, bytes.length, this.view) !== WIRE_OK) return undefined;
    return this.connections.find(bytes, this.view)?.connection;
  }

  private answerSocket(at: number): void {
    this.judged.socketsAsked++;
    this.answer(at, box.IN_KIND_SOCKET, box.SOCKET_UNKNOWN);
  }

  private answerRule(at: number, add: boolean): void {
    const connection = this.connections.ofOutbox(this.outbox.words, at);
    if (connection !== undefined) connection.isRuled = add;
    this.answer(at, add ? box.IN_KIND_RULE_DONE : box.IN_KIND_RULE_GONE, 1);
  }

  private answer(at: number, kind: number, ok: number): void {
    const to = this.inbox.reserve();
    if (to < 0) return;
    const { words } = this.inbox;
    words.fill(0, to, to + INBOX_SLOT_BYTES / 4);
    box.beginAnswer(words, to, kind, this.outbox.words, at);
    words[to + box.IN_OK] = ok;
    this.inbox.commit();
  }
}
