/**
 * The main thread as a fuzzed engine sees it: takes what is asked out of the outbox and answers it,
 * truly, wrongly, late or not at all. Owns how the next questions are answered.
 */
import {
  EVENT_SLOT_COUNT,
  EVENT_WORDS,
  EVIDENCE_SLOT_BYTES,
  EVIDENCE_SLOT_COUNT,
  INBOX_SLOT_BYTES,
  INBOX_SLOT_COUNT,
  OUTBOX_SLOT_BYTES,
  OUTBOX_SLOT_COUNT,
} from '../../src/engine/limits.ts';
import type { EngineMemory } from '../../src/engine/memory.ts';
import * as o from '../../src/engine/outbox.ts';
import { Ring } from '../../src/engine/ring.ts';
import type { EngineOracle } from './engine-oracle.ts';

const CLIENT = 0x0a000001;
const SERVER = 0x0a000002;
const SERVER_PORT = 22;

/** Bits of `how`. */
const RULES_FAIL = 1;
const KERNEL_REFUSES = 2;
const IS_AWAY = 4;
const KERNEL_IS_SILENT = 8;

export class EngineSurroundings {
  private readonly outbox: Ring;
  private readonly inbox: Ring;
  private readonly events: Ring;
  private readonly evidence: Ring;
  private readonly oracle: EngineOracle;
  private how = 0;
  /** What a socket says, from IN_OK on. */
  private readonly socket = new Int32Array(10);

  constructor(memory: EngineMemory, oracle: EngineOracle) {
    this.oracle = oracle;
    this.outbox = new Ring(memory.outbox, OUTBOX_SLOT_COUNT, OUTBOX_SLOT_BYTES);
    this.inbox = new Ring(memory.inbox, INBOX_SLOT_COUNT, INBOX_SLOT_BYTES);
    this.events = new Ring(memory.events, EVENT_SLOT_COUNT, EVENT_WORDS * 4);
    this.evidence = new Ring(memory.evidence, EVIDENCE_SLOT_COUNT, EVIDENCE_SLOT_BYTES);
  }

  /** From now on. */
  answerLike(word: DataView): void {
    this.how = word.getUint8(1) < 32 ? this.how | IS_AWAY : word.getUint8(1) & ~IS_AWAY;
    this.socket[0] = word.getUint8(2) % 3;
    for (let i = 1; i < this.socket.length; i++) {
      this.socket[i] = word.getInt16(4 + (i % 6) * 2, true) << (word.getUint8(3) & 3);
    }
  }

  serve(): void {
    if ((this.how & IS_AWAY) !== 0) return;
    for (let at = this.outbox.peek(); at >= 0; at = this.outbox.peek()) {
      this.answer(at);
      this.outbox.release();
    }
    while (this.events.peek() >= 0) this.events.release();
    while (this.evidence.peek() >= 0) this.evidence.release();
  }

  endAll(): void {
    this.tell(o.IN_KIND_END_ALL, 0, 0);
  }

  forgetServer(port: number): void {
    this.tell(o.IN_KIND_FORGET, (port & 1) === 0 ? 0 : SERVER_PORT, 4, (words, at) => {
      words.fill(0, at + o.IN_ADDR, at + o.IN_ADDR + 4);
      words[at + o.IN_ADDR] = SERVER;
    });
  }

  /** An older run, or another machine, has left a connection to the kernel. */
  adopt(port: number, delta: number): void {
    this.tell(o.IN_KIND_ADOPT, (port << 16) | SERVER_PORT, 4, (words, at) => {
      words[at + o.IN_DELTA] = delta;
      words.fill(0, at + o.IN_NEAR_ADDR, at + o.IN_FAR_ADDR + 4);
      words[at + o.IN_NEAR_ADDR] = CLIENT;
      words[at + o.IN_FAR_ADDR] = SERVER;
      words[at + o.IN_MARKED] = delta & 1;
    });
  }

  private answer(at: number): void {
    const { words } = this.outbox;
    const kind = words[at + o.OUT_KIND] ?? 0;
    this.oracle.note(kind);
    const flow = words[at + o.OUT_FLOW] ?? 0;
    const generation = words[at + o.OUT_GENERATION] ?? 0;
    if (kind === o.OUT_KIND_INJECT) {
      const from = (at + o.OUT_PACKET) * 4;
      const packet = this.outbox.bytes.slice(from, from + (words[at + o.OUT_BYTES] ?? 0));
      this.oracle.injected(packet, words[at + o.OUT_PATH] ?? 0);
    } else if (kind === o.OUT_KIND_RULE_ADD || kind === o.OUT_KIND_RULE_DEL) {
      const isAdd = kind === o.OUT_KIND_RULE_ADD;
      this.tell(isAdd ? o.IN_KIND_RULE_DONE : o.IN_KIND_RULE_GONE, flow, generation, (to, slot) => {
        to[slot + o.IN_OK] = (this.how & RULES_FAIL) === 0 ? 1 : 0;
      });
    } else if (kind === o.OUT_KIND_SOCKET) {
      this.tell(o.IN_KIND_SOCKET, flow, generation, (to, slot) => {
        to.set(this.socket, slot + o.IN_OK);
        o.beginAnswer(to, slot, o.IN_KIND_SOCKET, words, at);
      });
    } else if (kind === o.OUT_KIND_KERNEL_ADD && (this.how & KERNEL_IS_SILENT) === 0) {
      const refused = (this.how & KERNEL_REFUSES) === 0 ? 0 : 1 + (this.how >> 5);
      this.tell(o.IN_KIND_KERNEL, flow, generation, (to, slot) => {
        to[slot + o.IN_OK] = refused === 0 ? 1 : 0;
        to[slot + o.IN_REFUSED] = refused;
      });
    }
  }

  private tell(
    kind: number,
    first: number,
    second: number,
    more: (words: Int32Array, at: number) => void = () => {},
  ): void {
    const at = this.inbox.reserve();
    if (at < 0) return;
    const { words } = this.inbox;
    words[at + o.IN_KIND] = kind;
    words[at + o.IN_FLOW] = first;
    words[at + o.IN_GENERATION] = second;
    more(words, at);
    this.inbox.commit();
  }
}
