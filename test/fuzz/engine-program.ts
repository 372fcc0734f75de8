/**
 * A program for the engine, sixteen bytes an instruction: packets of four connections whose numbers
 * are taken from what was said so far (and a little off), time, answers of the kernel and of
 * sockets, changes of policy, restarts over the same memory, the end. Every string of bytes is one.
 *
 * Owns the engine that runs it and what its surroundings know; `EngineOracle` judges. Times: ms.
 */
import { Engine } from '../../src/engine/engine.ts';
import { INDEX_COUNT, INDEX_SETTLED, INDEX_TRANSLATED } from '../../src/engine/flow/layout.ts';
import { IDLE_AFTER_MAX_MS, IDLE_AFTER_MIN_MS } from '../../src/engine/limits.ts';
import * as m from '../../src/engine/memory.ts';
import { Recovery } from '../../src/engine/recovery.ts';
import {
  HOOK_FORWARD,
  HOOK_INPUT,
  HOOK_POSTROUTING,
  HOOK_PREROUTING,
  INFO_TRUNCATED,
  TO_FAR,
  TO_NEAR,
  WORD_READY,
} from '../../src/engine/verdict.ts';
import { ACK, FIN, RST, SYN } from '../../src/engine/wire/segment.ts';
import { EngineOracle } from './engine-oracle.ts';
import { EngineSurroundings } from './engine-surroundings.ts';
import { PacketWriter } from './packet-writer.ts';
import { demand } from './target.ts';

export const INSTRUCTION_BYTES = 16;
export const FLOW_COUNT = 32;

/** Instructions by their first byte, modulo; everything below is a packet. */
export const OP_TIME = 10;
export const OP_LONG_TIME = 11;
export const OP_POLICY = 12;
export const OP_ANSWERS = 13;
export const OP_RESTART = 14;
export const OP_END_ALL = 15;
export const OP_FORGET = 16;
export const OP_ADOPT = 17;
export const OP_AGAIN = 18;
export const OP_SHED = 19;
export const OP_COUNT = 20;

const OFF = 64;
const SEED = 7;
const FIRST_PORT = 40_000;
const LONG_STEPS = 40;

/** What the ends of one connection have said last, as they said it. */
interface Said {
  /** By who: the client, and two that may answer for the server. */
  readonly nxt: Int32Array;
  readonly iss: Int32Array;
}

export class EngineProgram {
  readonly oracle = new EngineOracle();
  private readonly memory: m.EngineMemory;
  private readonly policy: Int32Array;
  private engine: Engine;
  private readonly surroundings: EngineSurroundings;
  private readonly arena = new Uint8Array(8192);
  private readonly writer = new PacketWriter();
  private readonly said: Said[] = [];
  private nowMs = 0x7fff0000; // wraps in the middle
  private lastBytes = 0;
  private lastDir = TO_FAR;

  /** Takes the memory and empties it: to allocate one takes longer than most programs. */
  constructor(memory: m.EngineMemory) {
    this.memory = memory;
    for (const part of Object.values(memory)) {
      if (part instanceof ArrayBuffer) new Uint8Array(part).fill(0);
    }
    this.policy = new Int32Array(this.memory.policy);
    this.engine = this.begin();
    this.surroundings = new EngineSurroundings(this.memory, this.oracle);
    for (let i = 0; i < 8; i++) {
      const iss = Int32Array.of(1000 * i, -1000 - i, 0x70000000 + i);
      this.said.push({ nxt: iss.slice(), iss });
    }
  }

  run(program: Uint8Array): void {
    for (let at = 0; at + INSTRUCTION_BYTES <= program.length; at += INSTRUCTION_BYTES) {
      this.step(new DataView(program.buffer, program.byteOffset + at, INSTRUCTION_BYTES));
    }
    this.pass(LONG_STEPS, 100);
    this.demandTable();
  }

  private begin(): Engine {
    const engine = new Engine(this.memory, SEED);
    engine.attach(this.arena);
    return engine;
  }

  private step(word: DataView): void {
    const op = word.getUint8(0) % OP_COUNT;
    const { surroundings, policy } = this;
    const [a, b] = [word.getUint8(1), word.getUint16(2, true)];
    if (op < OP_TIME) this.packet(word);
    else if (op === OP_TIME) this.pass(1 + (a & 31), 1 + (b & 63));
    else if (op === OP_LONG_TIME) this.pass(LONG_STEPS, (b & 0xff) << (a & 15));
    else if (op === OP_POLICY) {
      policy[a % policy.length] = legalPolicy(a % policy.length, word.getUint32(4, true));
      this.oracle.observe(policy[m.POLICY_OBSERVE] !== 0);
    } else if (op === OP_ANSWERS) surroundings.answerLike(word);
    else if (op === OP_RESTART) this.restart(a);
    else if (op === OP_END_ALL) {
      // Rare, or no program gets far.
      if (a < 16) surroundings.endAll();
    } else if (op === OP_FORGET) surroundings.forgetServer(b);
    else if (op === OP_ADOPT) {
      this.oracle.observe(false); // what an older run has left is looked after as it did
      surroundings.adopt(FIRST_PORT + (a & 3), word.getInt32(4, true));
    } else if (op === OP_AGAIN) this.again(word);
    else this.shed();
    if (op >= OP_TIME) this.pass(1, 0);
  }

  /** Bytes: 1 whose, 2 flags, 3 numbers, 4-5 SEQ off by, 6-7 ACK off by, 8 options, 9 payload … */
  private packet(word: DataView): void {
    const who = word.getUint8(1) % 3;
    const flow = (word.getUint8(1) >> 2) & 7;
    const said = this.said[flow];
    if (said === undefined) return;
    const flags = word.getUint8(2) & 0x3f;
    const numbers = word.getUint8(3);
    const payload = word.getUint8(9) < 128 ? 0 : (word.getUint8(9) & 127) * 4;
    const fromClient = who === 0;
    const seq = (this.number(said, who, numbers) + word.getInt16(4, true)) | 0;
    const peer = fromClient ? 1 + ((numbers >> 3) & 1) : 0;
    const ack = (this.number(said, peer, numbers >> 4) + word.getInt16(6, true)) | 0;
    const ticks = this.nowMs + 1000 * who;
    this.lastBytes = this.writer.write(this.arena, OFF, {
      family: (flow & 4) === 0 ? 4 : 6,
      fromClient,
      clientPort: FIRST_PORT + (flow & 3),
      flags,
      seq,
      ack: (flags & ACK) === 0 ? 0 : ack,
      wnd: word.getUint16(10, true),
      ttl: 50 + (word.getUint8(12) & 7),
      id: word.getUint8(13),
      payload,
      options: word.getUint8(8),
      tsVal: ticks,
      tsEcr: ticks - (word.getUint8(14) & 15),
      sackLeft: seq + word.getInt8(15) * 8,
      wndScale: word.getUint8(14) >> 4,
    });
    this.remember(said, who, flags, seq, payload);
    this.lastDir = fromClient ? TO_FAR : TO_NEAR;
    this.judge(word.getUint8(12) >> 3, word.getUint8(13) & 3);
  }

  /** What was said last, or first; sometimes by another. */
  private number({ nxt, iss }: Said, who: number, how: number): number {
    const whose = (how & 4) === 0 ? who : (who + 1) % 3;
    return ((how & 3) === 3 ? iss[whose] : nxt[whose]) ?? 0;
  }

  private remember(
    { nxt, iss }: Said,
    who: number,
    flags: number,
    seq: number,
    payload: number,
  ): void {
    const octets = payload + ((flags & SYN) === 0 ? 0 : 1) + ((flags & FIN) === 0 ? 0 : 1);
    if ((flags & RST) === 0) nxt[who] = (seq + octets) | 0;
    if ((flags & SYN) !== 0) iss[who] = seq;
  }

  private judge(how: number, mac: number): void {
    const { arena, engine, oracle, lastBytes, lastDir } = this;
    const info = (how & 7) === 7 ? INFO_TRUNCATED : (how & 16) === 0 ? 0 : how & 6;
    const ingress = [HOOK_PREROUTING, HOOK_INPUT, HOOK_FORWARD][(how >> 3) % 3] ?? HOOK_INPUT;
    const hook = lastDir === TO_FAR ? HOOK_POSTROUTING : ingress;
    oracle.open(arena, OFF, lastBytes);
    const verdict = engine.step(OFF, lastBytes, lastDir, hook, info, mac, this.nowMs);
    oracle.close(arena, OFF, lastDir, info, verdict);
    if (engine.word === WORD_READY && (how & 1) === 0) engine.settle();
    this.surroundings.serve();
  }

  /** The last packet once more, with one octet of it changed. */
  private again(word: DataView): void {
    if (this.lastBytes === 0) return;
    const at = OFF + (word.getUint8(1) % this.lastBytes);
    this.arena[at] = (this.arena[at] ?? 0) ^ word.getUint8(4);
    if ((word.getUint8(5) & 3) === 0) this.lastDir ^= 1;
    this.judge(word.getUint8(12) >> 3, 0);
  }

  /** There is no time: may it pass uninspected? */
  private shed(): void {
    const { arena, oracle, lastBytes } = this;
    oracle.open(arena, OFF, lastBytes);
    this.engine.isPlainData(OFF, lastBytes, this.lastDir);
    oracle.close(arena, OFF, this.lastDir, 0, 0);
  }

  private pass(steps: number, ms: number): void {
    for (let i = 0; i < steps; i++) {
      this.nowMs = (this.nowMs + ms) | 0;
      this.oracle.passed(ms);
      const nextMs = this.engine.tick(this.nowMs);
      demand(nextMs > 0 && nextMs <= 1000, `the next tick is in ${nextMs} ms`);
      this.surroundings.serve();
    }
  }

  /** Another engine over the same memory; with a gap, packets may have passed meanwhile. */
  private restart(how: number): void {
    const recovery = new Recovery(this.memory, SEED);
    demand(recovery.tornCount === 0, `${recovery.tornCount} rows are half-written`);
    if ((how & 1) !== 0) recovery.bridgeGap();
    this.engine = this.begin();
  }

  /** Counts that were kept are those that counting anew gives, and every row is found. */
  private demandTable(): void {
    const index = new Int32Array(this.memory.index);
    const kept = [INDEX_COUNT, INDEX_TRANSLATED, INDEX_SETTLED].map((at) => index[at]);
    const recovery = new Recovery(this.memory, SEED);
    const anew = [INDEX_COUNT, INDEX_TRANSLATED, INDEX_SETTLED].map((at) => index[at]);
    demand(recovery.tornCount === 0, `${recovery.tornCount} rows are half-written`);
    demand(kept.join() === anew.join(), `counts ${kept} are ${anew} when they are counted`);
    demand((kept[0] ?? 0) <= FLOW_COUNT, 'more flows than there is room for');
  }
}

/** Values of the words that know no others. */
const POLICY_VALUES: Readonly<Record<number, number>> = {
  [m.POLICY_OBSERVE]: 2,
  [m.POLICY_CHECKSUM_FILL]: 3,
  [m.POLICY_BYPASS]: 1 << 20,
  [m.POLICY_GATEWAY]: 2,
  [m.POLICY_SACK]: 4,
  [m.POLICY_KERNEL]: 2,
  [m.POLICY_IDLE]: 3,
  [m.POLICY_EVIDENCE]: 257,
};

/** What the configuration lets through, and no more: the engine believes it. */
function legalPolicy(at: number, value: number): number {
  const isUnset = (value & 1) === 0;
  if (at === m.POLICY_MSS_CLAMP) return isUnset ? 0 : 536 + (value % (65_496 - 536));
  if (at === m.POLICY_IDLE_AFTER_MS) {
    const range = IDLE_AFTER_MAX_MS - IDLE_AFTER_MIN_MS;
    return isUnset ? 0 : IDLE_AFTER_MIN_MS + (value % range);
  }
  const count = POLICY_VALUES[at];
  return count === undefined ? value | 0 : value % count;
}
