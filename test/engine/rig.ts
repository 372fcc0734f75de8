/**
 * A bench for the engine: a client, a far side, and hand-written segments between them.
 * Owns one engine with its memory and arena; reads verdicts, injections and events. Times: ms.
 */

import { Engine } from '../../src/engine/engine.ts';
import { EV_ARG, EV_CAUSE, EV_CODE } from '../../src/engine/events.ts';
import { FLOW_ROW_WORDS } from '../../src/engine/flow/layout.ts';
import { P_FLAGS, P_HAS, PATH_WORDS } from '../../src/engine/flow/path-table.ts';
import {
  COUNTER_COUNT,
  EVENT_SLOT_COUNT,
  EVENT_WORDS,
  INBOX_SLOT_BYTES,
  INBOX_SLOT_COUNT,
  OUTBOX_SLOT_BYTES,
  OUTBOX_SLOT_COUNT,
} from '../../src/engine/limits.ts';
import { createEngineMemory } from '../../src/engine/memory.ts';
import {
  beginAnswer,
  IN_ACKED,
  IN_ADDR,
  IN_BUSY_MS,
  IN_DATA_MS,
  IN_DATA_SEGMENTS,
  IN_DELTA,
  IN_FAMILY,
  IN_FAR_ADDR,
  IN_FLOW,
  IN_GENERATION,
  IN_KIND,
  IN_KIND_ADOPT,
  IN_KIND_END_ALL,
  IN_KIND_FORGET,
  IN_KIND_KERNEL,
  IN_KIND_RULE_DONE,
  IN_KIND_RULE_GONE,
  IN_KIND_SOCKET,
  IN_MARKED,
  IN_NEAR_ADDR,
  IN_OK,
  IN_PORT,
  IN_PORTS,
  IN_QUIET_MS,
  IN_RECEIVED,
  IN_REFUSED,
  IN_RETRANSMITS,
  IN_SENT,
  OUT_BYTES,
  OUT_DELTA,
  OUT_ENDED,
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
  SOCKET_UNKNOWN,
} from '../../src/engine/outbox.ts';
import { Recovery } from '../../src/engine/recovery.ts';
import { Ring } from '../../src/engine/ring.ts';
import {
  HOOK_INPUT,
  HOOK_POSTROUTING,
  HOOK_PREROUTING,
  INFO_CSUM_NOT_VERIFIED,
  TO_FAR,
  TO_NEAR,
} from '../../src/engine/verdict.ts';
import { get32, put16, put32 } from '../../src/engine/wire/bytes.ts';
import {
  arenaWords,
  sumShort,
  tcpChecksumOk,
  tcpPseudoSum,
} from '../../src/engine/wire/checksum.ts';
import { parseSegment } from '../../src/engine/wire/parse.ts';
import { ACK, FIN, RST, Segment, SYN } from '../../src/engine/wire/segment.ts';

export interface Sent {
  flags: number;
  seq: number;
  ack?: number;
  wnd?: number;
  ttl?: number;
  mac?: number;
  /** IP identification, and whether DF is set (it is). */
  id?: number;
  df?: boolean;
  /** The checksum is left as the bare pseudo-header sum, and nobody has looked at it. */
  partial?: boolean;
  payload?: number;
  /** What the payload consists of. */
  fill?: number;
  options?: readonly number[];
}

export interface Injected {
  path: number;
  flags: number;
  seq: number;
  ack: number;
  payload: number;
  /** The first octet of the payload, -1: none. */
  octet: number;
}

/** What a socket says of itself: state, octets, counts, ms. */
export interface SocketAnswer {
  state: number;
  acked: number;
  sent: number;
  received: number;
  retransmits?: number;
  dataSegments?: number;
  busyMs?: number;
  dataMs?: number;
  quietMs?: number;
}

export interface SeenEvent {
  code: number;
  cause: number;
  args: number[];
}

const CLIENT = 0x0a000001;
const SERVER = 0x0a000002;
const ROUTER = 0x0a0000fe;
const OFF = 64;

export class Rig {
  readonly memory = createEngineMemory(1024, (bytes) => new ArrayBuffer(bytes));
  engine = new Engine(this.memory, 7);
  readonly arena = new Uint8Array(4096);
  readonly injected: Injected[] = [];
  readonly events: SeenEvent[] = [];
  readonly rules: string[] = [];
  /** Where plain data is seen; and how the queue describes every packet. */
  plainHook: number = HOOK_INPUT;
  info = 0;
  nowMs = 1000;
  ports = (40270 << 16) | 22;
  /** Flows whose rule is in place send everything through PREROUTING. */
  ruled = false;
  /** The main thread is away: nothing is taken out of the outbox. */
  stalled = false;
  /** What the near end's socket says, in octets, and how often it was asked. */
  socket: SocketAnswer = { state: SOCKET_UNKNOWN, acked: 0, sent: 0, received: 0 };
  asked = 0;
  /** Whether rules that are asked for can be put in. */
  rulesWork = true;
  /** What the kernel is asked: `add DELTA`, `del`. */
  readonly kernel: string[] = [];
  /** Of each `del`: 1, the engine has seen the end. */
  readonly ended: number[] = [];
  /** REFUSED_*, 0: it translates; undefined: it has not answered yet. */
  refused: number | undefined = 0;
  private readonly seg = new Segment();
  private readonly outbox = new Ring(this.memory.outbox, OUTBOX_SLOT_COUNT, OUTBOX_SLOT_BYTES);
  private readonly inbox = new Ring(this.memory.inbox, INBOX_SLOT_COUNT, INBOX_SLOT_BYTES);
  private readonly ring = new Ring(this.memory.events, EVENT_SLOT_COUNT, EVENT_WORDS * 4);

  constructor() {
    this.engine.attach(this.arena);
  }

  /** Another engine over the same memory, behind a gap; rows that were set aside. */
  restart(): number {
    const recovery = new Recovery(this.memory, 99);
    recovery.bridgeGap();
    this.engine = new Engine(this.memory, 99);
    this.engine.attach(this.arena);
    return recovery.tornCount;
  }

  /** A handshake that nothing is wrong with, in a millisecond. */
  connect(iss: number, irs: number): void {
    this.out({ flags: SYN, seq: iss });
    this.nowMs += 1;
    this.in({ flags: SYN, seq: irs, ack: iss + 1 });
    this.out({ flags: ACK, seq: iss + 1, ack: irs + 1 });
  }

  /** The client sends. */
  out(sent: Sent): number {
    return this.step(sent, TO_FAR, HOOK_POSTROUTING);
  }

  /** The far side's segment arrives. */
  in(sent: Sent): number {
    const control = (sent.flags & (SYN | FIN | RST)) !== 0;
    return this.step(sent, TO_NEAR, control || this.ruled ? HOOK_PREROUTING : this.plainHook);
  }

  /**
   * A router says that a segment was too big: to the server (`toFar`) of one of its own, or to the
   * client. IPv4.
   */
  tooBig(seq: number, toFar: boolean): number {
    const buf = this.arena;
    const quoted = this.write({ flags: ACK, seq, ack: 1 }, !toFar);
    const bytes = quoted + 28;
    buf.copyWithin(OFF + 28, OFF, OFF + quoted);
    buf.fill(0, OFF, OFF + 28);
    buf[OFF] = 0x45;
    put16(buf, OFF + 2, bytes);
    buf[OFF + 8] = 60;
    buf[OFF + 9] = 1;
    put32(buf, OFF + 12, ROUTER);
    put32(buf, OFF + 16, toFar ? SERVER : CLIENT);
    put16(buf, OFF + 20, 0x0304); // fragmentation needed
    put16(buf, OFF + 26, 1300);
    put16(buf, OFF + 22, ~sumShort(buf, OFF + 20, bytes - 20) & 0xffff);
    const hook = toFar ? HOOK_POSTROUTING : HOOK_PREROUTING;
    const dir = toFar ? TO_FAR : TO_NEAR;
    const verdict = this.engine.step(OFF, bytes, dir, hook, 0, 0, this.nowMs);
    this.drain();
    // Whatever became of it, it is a sound packet.
    return sumShort(buf, OFF + 20, bytes - 20) % 0xffff === 0 ? verdict : -1;
  }

  /** What the ICMP error that stands in the arena now quotes. */
  quotedSeq(): number {
    return get32(this.arena, OFF + 28 + 20 + 4);
  }

  /** Sequence and ack numbers of the packet as it stands in the arena now. */
  wire(): { seq: number; ack: number; wnd: number } {
    const tcp = OFF + 20;
    return {
      seq: get32(this.arena, tcp + 4),
      ack: get32(this.arena, tcp + 8),
      wnd: (this.arena[tcp + 14]! << 8) | this.arena[tcp + 15]!,
    };
  }

  /** TCP options of the packet as it stands in the arena now. */
  options(): number[] {
    const tcp = OFF + 20;
    return [...this.arena.subarray(tcp + 20, tcp + (this.arena[tcp + 12]! >> 4) * 4)];
  }

  /** Its payload likewise. */
  payload(): number[] {
    const { arena } = this;
    const from = OFF + 20 + (arena[OFF + 32]! >> 4) * 4;
    return [...arena.subarray(from, OFF + this.length())];
  }

  /** The edges of its SACK blocks. */
  sackEdges(): number[] {
    const { arena, seg } = this;
    parseSegment(arena, OFF, this.length(), seg);
    return Array.from({ length: seg.sackCount * 2 }, (_, i) => get32(arena, seg.sackOff + 4 * i));
  }

  checksumOk(): boolean {
    const { arena, seg } = this;
    parseSegment(arena, OFF, this.length(), seg);
    return tcpChecksumOk(arena, arenaWords(arena), seg);
  }

  private length(): number {
    return (this.arena[OFF + 2]! << 8) | this.arena[OFF + 3]!;
  }

  /** Of the only path that is known. */
  pathHolds(fact: number): boolean {
    const words = new Int32Array(this.memory.paths);
    for (let at = 0; at < words.length; at += PATH_WORDS) {
      if ((words[at + P_FLAGS]! & (P_HAS << fact)) !== 0) return true;
    }
    return false;
  }

  count(code: number): number {
    return new Float64Array(this.memory.counters, 0, COUNTER_COUNT)[code]!;
  }

  /** Of all flows, near and far half of each in turn. */
  halves(): Int32Array {
    const { flows, flowCountMax } = this.memory;
    return new Int32Array(flows, flowCountMax * FLOW_ROW_WORDS * 4);
  }

  /** Ever made by the engine, answered or not. */
  requestCount(): number {
    return this.outbox.committedCount();
  }

  /** Lets `ms` pass in steps of 2 ms. */
  pass(ms: number): void {
    for (let i = 0; i < ms; i += 2) {
      this.nowMs += 2;
      this.tick();
    }
  }

  tick(): void {
    this.engine.tick(this.nowMs);
    this.drain();
  }

  private step(sent: Sent, dir: number, hook: number): number {
    const bytes = this.write(sent, dir === TO_FAR);
    const info = this.info | (sent.partial === true ? INFO_CSUM_NOT_VERIFIED : 0);
    const verdict = this.engine.step(OFF, bytes, dir, hook, info, sent.mac ?? 0, this.nowMs);
    this.drain();
    return verdict;
  }

  private write(sent: Sent, fromClient: boolean): number {
    const buf = this.arena;
    const options = sent.options ?? [];
    const tcpBytes = 20 + options.length;
    const bytes = 20 + tcpBytes + (sent.payload ?? 0);
    buf.fill(0, OFF, OFF + bytes);
    buf[OFF] = 0x45;
    put16(buf, OFF + 2, bytes);
    put16(buf, OFF + 4, sent.id ?? 0);
    put16(buf, OFF + 6, sent.df === false ? 0 : 0x4000);
    buf[OFF + 8] = sent.ttl ?? 61;
    buf[OFF + 9] = 6;
    put32(buf, OFF + 12, fromClient ? CLIENT : SERVER);
    put32(buf, OFF + 16, fromClient ? SERVER : CLIENT);
    put16(buf, OFF + 20, fromClient ? this.ports >>> 16 : this.ports & 0xffff);
    put16(buf, OFF + 22, fromClient ? this.ports & 0xffff : this.ports >>> 16);
    put32(buf, OFF + 24, sent.seq);
    put32(buf, OFF + 28, sent.ack ?? 0);
    buf[OFF + 32] = (tcpBytes >> 2) << 4;
    buf[OFF + 33] = sent.flags | (sent.ack === undefined ? 0 : ACK);
    put16(buf, OFF + 34, sent.wnd ?? 182);
    buf.set(options, OFF + 40);
    buf.fill(sent.fill ?? 0, OFF + 20 + tcpBytes, OFF + bytes);
    if (sent.partial === true) {
      parseSegment(buf, OFF, bytes, this.seg);
      put16(buf, OFF + 36, tcpPseudoSum(buf, this.seg));
    }
    return bytes;
  }

  private drain(): void {
    if (this.stalled) return;
    for (let at = this.outbox.peek(); at >= 0; at = this.outbox.peek()) {
      const words = this.outbox.words;
      if (words[at + OUT_KIND] === OUT_KIND_INJECT) this.readInjection(at);
      else if (words[at + OUT_KIND] === OUT_KIND_SOCKET) this.answerSocket(at);
      else if (words[at + OUT_KIND] === OUT_KIND_KERNEL_DEL) this.letGo(words[at + OUT_ENDED] ?? 0);
      else if (words[at + OUT_KIND] === OUT_KIND_KERNEL_ADD) this.askKernel(at);
      else this.answerRule(at);
      this.outbox.release();
    }
    for (let at = this.ring.peek(); at >= 0; at = this.ring.peek()) {
      const words = this.ring.words;
      this.events.push({
        code: words[at + EV_CODE]!,
        cause: words[at + EV_CAUSE]!,
        args: [...words.subarray(at + EV_ARG, at + EV_ARG + 5)],
      });
      this.ring.release();
    }
  }

  private readInjection(at: number): void {
    const bytes = this.outbox.bytes;
    const ip = (at + OUT_PACKET) * 4;
    const tcp = ip + 20;
    const total = this.outbox.words[at + OUT_BYTES]!;
    const payload = total - 20 - (bytes[tcp + 12]! >> 4) * 4;
    this.injected.push({
      path: this.outbox.words[at + OUT_PATH]!,
      flags: bytes[tcp + 13]!,
      seq: get32(bytes, tcp + 4),
      ack: get32(bytes, tcp + 8),
      payload,
      octet: payload > 0 ? bytes[tcp + (bytes[tcp + 12]! >> 4) * 4]! : -1,
    });
  }

  private answerSocket(at: number): void {
    this.asked++;
    const { words } = this.inbox;
    const to = this.inbox.reserve();
    beginAnswer(words, to, IN_KIND_SOCKET, this.outbox.words, at);
    words[to + IN_OK] = this.socket.state;
    words[to + IN_ACKED] = this.socket.acked;
    words[to + IN_SENT] = this.socket.sent;
    words[to + IN_RECEIVED] = this.socket.received;
    words[to + IN_RETRANSMITS] = this.socket.retransmits ?? 0;
    words[to + IN_DATA_SEGMENTS] = this.socket.dataSegments ?? 0;
    words[to + IN_BUSY_MS] = this.socket.busyMs ?? 0;
    words[to + IN_DATA_MS] = this.socket.dataMs ?? 0;
    words[to + IN_QUIET_MS] = this.socket.quietMs ?? 0;
    this.inbox.commit();
  }

  private pendingKernel: [flow: number, generation: number] = [0, 0];

  private letGo(ended: number): void {
    this.kernel.push('del');
    this.ended.push(ended);
  }

  private askKernel(at: number): void {
    const { words } = this.outbox;
    this.kernel.push(`add ${words[at + OUT_DELTA]}`);
    this.pendingKernel = [words[at + OUT_FLOW]!, words[at + OUT_GENERATION]!];
    if (this.refused !== undefined) this.answerKernel(this.refused);
  }

  answerKernel(refused: number): void {
    const { words } = this.inbox;
    const to = this.inbox.reserve();
    words[to + IN_KIND] = IN_KIND_KERNEL;
    words[to + IN_FLOW] = this.pendingKernel[0];
    words[to + IN_GENERATION] = this.pendingKernel[1];
    words[to + IN_OK] = refused === 0 ? 1 : 0;
    words[to + IN_REFUSED] = refused;
    this.inbox.commit();
  }

  /** The client's connection was left to the kernel by an older run. */
  adopt(delta: number, marked = 0): void {
    const { words } = this.inbox;
    const to = this.inbox.reserve();
    words[to + IN_KIND] = IN_KIND_ADOPT;
    words[to + IN_PORTS] = this.ports;
    words[to + IN_FAMILY] = 4;
    words[to + IN_DELTA] = delta;
    words[to + IN_MARKED] = marked;
    words.fill(0, to + IN_NEAR_ADDR, to + IN_FAR_ADDR + 4);
    words[to + IN_NEAR_ADDR] = CLIENT;
    words[to + IN_FAR_ADDR] = SERVER;
    this.inbox.commit();
    this.tick();
  }

  private answerRule(at: number): void {
    const words = this.outbox.words;
    const add = words[at + OUT_KIND] === OUT_KIND_RULE_ADD;
    this.rules.push(add ? 'add' : 'del');
    this.ruled = add && this.rulesWork;
    const flow = words[at + OUT_FLOW]!;
    const generation = words[at + OUT_GENERATION]!;
    const to = this.inbox.reserve();
    this.inbox.words[to + IN_KIND] = add ? IN_KIND_RULE_DONE : IN_KIND_RULE_GONE;
    this.inbox.words[to + IN_FLOW] = flow;
    this.inbox.words[to + IN_GENERATION] = generation;
    this.inbox.words[to + IN_OK] = this.rulesWork ? 1 : 0;
    this.inbox.commit();
  }

  /** Nothing more can be asked of the main thread, which is away. */
  fillOutbox(): void {
    this.stalled = true;
    for (let at = this.outbox.reserve(); at >= 0; at = this.outbox.reserve()) {
      this.outbox.words[at + OUT_KIND] = OUT_KIND_INJECT;
      this.outbox.words[at + OUT_BYTES] = 0;
      this.outbox.commit();
    }
  }

  /** It is back. */
  emptyOutbox(): void {
    this.stalled = false;
    this.drain();
    this.injected.length = 0;
  }

  /** The shim stops for good. `heir`: the engine is no more, another takes its memory over. */
  endAll(heir = this.engine): void {
    this.inbox.words[this.inbox.reserve() + IN_KIND] = IN_KIND_END_ALL;
    this.inbox.commit();
    heir.tick(this.nowMs);
    this.drain();
  }

  /** The operator forgets the server; port 0: all its ports. */
  forgetServer(port: number, address = SERVER): void {
    const { words } = this.inbox;
    const to = this.inbox.reserve();
    words[to + IN_KIND] = IN_KIND_FORGET;
    words[to + IN_PORT] = port;
    words[to + IN_FAMILY] = 4;
    words.fill(0, to + IN_ADDR, to + IN_ADDR + 4);
    words[to + IN_ADDR] = address;
    this.inbox.commit();
    this.tick();
  }

  /** Could it be let through unseen when there is no time? */
  isPlain(sent: Sent, fromClient = true): boolean {
    const bytes = this.write(sent, fromClient);
    return this.engine.isPlainData(OFF, bytes, fromClient ? TO_FAR : TO_NEAR);
  }
}
