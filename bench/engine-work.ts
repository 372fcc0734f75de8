/**
 * The engine alone, on packets made as they are needed: three kinds of traffic, the same for the
 * same seed. Prints one line of JSON. `node engine-work.mjs [--quick]`; SEQSHIM_SEED.
 *
 * The time includes writing ports, numbers and timestamps into each packet, a few nanoseconds.
 * Checksums are the kernel's business here, as they are with offload (INFO_*).
 */
import { openSimdMemory } from '../src/datapath/nfqueue/simd-memory.ts';
import { Engine } from '../src/engine/engine.ts';
import { EVIDENCE_SLOT_BYTES, EVIDENCE_SLOT_COUNT } from '../src/engine/limits.ts';
import { createEngineMemory, POLICY_EVIDENCE } from '../src/engine/memory.ts';
import { Ring } from '../src/engine/ring.ts';
import {
  HOOK_INPUT,
  HOOK_POSTROUTING,
  HOOK_PREROUTING,
  INFO_CSUM_NOT_READY,
  TO_FAR,
  TO_NEAR,
} from '../src/engine/verdict.ts';
import { put16, put32 } from '../src/engine/wire/bytes.ts';
import { arenaWords, sumBytes } from '../src/engine/wire/checksum.ts';
import { ACK, FIN, PSH, SYN } from '../src/engine/wire/segment.ts';
import { type SegmentSpec, seg } from '../test/helpers/segment-builder.ts';

const quick = process.argv.includes('--quick');
const SEED = Number(process.env['SEQSHIM_SEED'] ?? 1);
const PACKETS = quick ? 20_000 : 400_000;
const RUNS = quick ? 2 : 7;
const FLOW_COUNT = 1000;
const FLOWS_MAX = 65_536;
/** Packets of one flow that arrive together. */
const BURST = 8;
/** 2 million packets a second of engine time. */
const PACKETS_PER_MS = 2000;
const SLOT = 2048;
const DATA_BYTES = 1448;
const SUM_BYTES = 65_536;
const ARENA_BYTES = 64 * SUM_BYTES;

const IPV4_SRC = 12;
const TCP = 20;

/** Packets in slots of an arena, their changing fields written in place. */
class Wire {
  readonly arena: Uint8Array;
  readonly len: Int32Array;

  constructor(specs: readonly SegmentSpec[]) {
    this.arena = new Uint8Array(specs.length * SLOT);
    this.len = new Int32Array(specs.length);
    for (const [i, spec] of specs.entries()) {
      const packet = seg(spec);
      this.arena.set(packet, i * SLOT);
      this.len[i] = packet.length;
    }
  }

  /** Addresses stay; `near` is the near port. */
  write(slot: number, toFar: boolean, near: number, seq: number, ack: number, ts: number): number {
    const off = slot * SLOT;
    put16(this.arena, off + TCP + (toFar ? 0 : 2), near);
    put32(this.arena, off + TCP + 4, seq);
    put32(this.arena, off + TCP + 8, ack);
    put32(this.arena, off + TCP + 24, ts);
    return off;
  }

  farHost(slot: number, toFar: boolean, host: number): void {
    this.arena[slot * SLOT + IPV4_SRC + (toFar ? 7 : 3)] = host;
  }
}

const out = { srcPort: 40_000, dstPort: 22, ts: [1, 1] as [number, number] };
const back = {
  srcPort: 22,
  dstPort: 40_000,
  src: '10.0.0.2',
  dst: '10.0.0.1',
  ts: [1, 1] as [number, number],
};
const payload = new Uint8Array(DATA_BYTES);
const sack: [number, number][] = [
  [0, 0],
  [0, 0],
  [0, 0],
];
const SLOTS: SegmentSpec[] = [
  { ...out, flags: SYN, options: [1, 1], wndScale: 7, sackPermitted: true, mss: 1460 },
  { ...back, flags: SYN | ACK, options: [1, 1], wndScale: 7, sackPermitted: true, mss: 1460 },
  { ...out, flags: ACK },
  { ...back, flags: ACK },
  { ...out, flags: ACK | PSH, payload },
  { ...back, flags: ACK | PSH, payload },
  { ...out, flags: ACK | FIN },
  { ...back, flags: ACK | FIN },
  { ...back, flags: ACK, sack },
];
const [OUT_SYN, BACK_SYN, OUT_ACK, BACK_ACK, OUT_DATA, BACK_DATA, OUT_FIN, BACK_FIN, BACK_SACK] = [
  0, 1, 2, 3, 4, 5, 6, 7, 8,
] as const;

/** One run: an engine of its own, what went in, and a hash of what came out. */
class Run {
  readonly engine: Engine;
  readonly wire = new Wire(SLOTS.map(withTimestampsFirst));
  readonly near = new Int32Array(FLOW_COUNT);
  readonly far = new Int32Array(FLOW_COUNT);
  packets = 0;
  hash = 0x811c9dc5 | 0;
  nowMs = 0;
  private random = SEED | 0;
  private readonly tape: Ring;

  /** `evidence`: headers are told to a recorder, which is quick. */
  constructor(evidence = false) {
    const memory = createEngineMemory(FLOWS_MAX, (bytes) => new SharedArrayBuffer(bytes));
    this.tape = new Ring(memory.evidence, EVIDENCE_SLOT_COUNT, EVIDENCE_SLOT_BYTES);
    new Int32Array(memory.policy)[POLICY_EVIDENCE] = evidence ? 1 : 0;
    this.engine = new Engine(memory, SEED);
    this.engine.attach(this.wire.arena);
  }

  /** A seeded 32-bit number (xorshift). */
  next(): number {
    let x = this.random === 0 ? 1 : this.random;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.random = x;
    return x;
  }

  send(slot: number, port: number, seq: number, ack: number): void {
    const off = this.wire.write(slot, true, port, seq, ack, this.nowMs + 1000);
    this.step(off, slot, TO_FAR, HOOK_POSTROUTING, INFO_CSUM_NOT_READY);
  }

  arrive(slot: number, port: number, seq: number, ack: number, hook: number): void {
    const off = this.wire.write(slot, false, port, seq, ack, this.nowMs + 5000);
    this.step(off, slot, TO_NEAR, hook, 0);
  }

  private step(off: number, slot: number, dir: number, hook: number, info: number): void {
    const len = this.wire.len[slot] ?? 0;
    const verdict = this.engine.step(off, len, dir, hook, info, 7, this.nowMs);
    this.hash = Math.imul(this.hash ^ verdict ^ slot, 0x01000193);
    this.packets++;
    if (this.packets % PACKETS_PER_MS !== 0) return;
    this.engine.tick(++this.nowMs);
    while (this.tape.peek() >= 0) this.tape.release();
  }

  handshake(port: number, iss: number, irs: number): void {
    this.send(OUT_SYN, port, iss, 0);
    this.arrive(BACK_SYN, port, irs, iss + 1, HOOK_PREROUTING);
    this.send(OUT_ACK, port, iss + 1, irs + 1);
  }

  establishAll(): void {
    for (let flow = 0; flow < FLOW_COUNT; flow++) {
      const iss = this.next();
      const irs = this.next();
      this.handshake(10_000 + flow, iss, irs);
      this.near[flow] = iss + 1;
      this.far[flow] = irs + 1;
    }
    this.packets = 0;
  }

  /** What was decided and counted, in one number. */
  result(): number {
    for (const count of this.engine.counters) this.hash = Math.imul(this.hash ^ count, 0x01000193);
    return this.hash >>> 0;
  }
}

/** Every packet has its timestamp value at the same place: NOP, NOP, 8, 10, TSval, TSecr. */
function withTimestampsFirst(spec: SegmentSpec): SegmentSpec {
  const { ts = [1, 1], options: _, ...rest } = spec;
  const [value, echo] = ts;
  const { options, ...bare } = { ...rest, options: undefined };
  return { ...bare, options: [1, 1, 8, 10, 0, 0, 0, value, 0, 0, 0, echo] };
}

/**
 * Data one way in bursts, an acknowledgement for each pair: what a session or a copy looks like.
 */
function cleanData(run: Run): void {
  run.establishAll();
  while (run.packets < PACKETS) {
    const flow = (run.next() >>> 1) % FLOW_COUNT;
    const port = 10_000 + flow;
    let near = run.near[flow] ?? 0;
    let far = run.far[flow] ?? 0;
    const down = (flow & 1) === 0;
    for (let i = 0; i < BURST; i += 2) {
      if (down) {
        run.arrive(BACK_DATA, port, far, near, HOOK_INPUT);
        far = (far + DATA_BYTES) | 0;
        run.arrive(BACK_DATA, port, far, near, HOOK_INPUT);
        far = (far + DATA_BYTES) | 0;
        run.send(OUT_ACK, port, near, far);
      } else {
        run.send(OUT_DATA, port, near, far);
        near = (near + DATA_BYTES) | 0;
        run.send(OUT_DATA, port, near, far);
        near = (near + DATA_BYTES) | 0;
        run.arrive(BACK_ACK, port, far, near, HOOK_INPUT);
      }
    }
    run.near[flow] = near;
    run.far[flow] = far;
  }
}

/** Whole connections, nine packets each, over many hosts and ports. */
function handshakes(run: Run): void {
  let connection = 0;
  while (run.packets < PACKETS) {
    const port = 1024 + (connection % 50_000);
    const host = 2 + Math.floor(connection / 50_000);
    for (let slot = 0; slot < SLOTS.length; slot++) {
      const toFar = slot !== BACK_SACK && slot % 2 === 0;
      run.wire.farHost(slot, toFar, host);
    }
    connection++;
    const iss = run.next();
    const irs = run.next();
    run.handshake(port, iss, irs);
    const near = iss + 1;
    const far = irs + 1;
    run.arrive(BACK_DATA, port, far, near, HOOK_INPUT);
    run.send(OUT_DATA, port, near, far + DATA_BYTES);
    run.send(OUT_FIN, port, near + DATA_BYTES, far + DATA_BYTES);
    run.arrive(BACK_ACK, port, far + DATA_BYTES, near + DATA_BYTES + 1, HOOK_INPUT);
    run.arrive(BACK_FIN, port, far + DATA_BYTES, near + DATA_BYTES + 1, HOOK_PREROUTING);
    run.send(OUT_ACK, port, near + DATA_BYTES + 1, far + DATA_BYTES + 1);
  }
}

/** Uploads with holes: every answer carries three blocks, and holes are sent again. */
function sackHeavy(run: Run): void {
  run.establishAll();
  const sackAt = BACK_SACK * SLOT + TCP + 20 + 12 + 4;
  while (run.packets < PACKETS) {
    const flow = (run.next() >>> 1) % FLOW_COUNT;
    const port = 10_000 + flow;
    const una = run.near[flow] ?? 0;
    const far = run.far[flow] ?? 0;
    for (let i = 0; i < 7; i++) run.send(OUT_DATA, port, (una + i * DATA_BYTES) | 0, far);
    for (let blocks = 1; blocks <= 3; blocks++) {
      for (let block = 0; block < 3; block++) {
        const left = (una + (1 + 2 * Math.min(block, blocks - 1)) * DATA_BYTES) | 0;
        put32(run.wire.arena, sackAt + block * 8, left);
        put32(run.wire.arena, sackAt + block * 8 + 4, (left + DATA_BYTES) | 0);
      }
      run.arrive(BACK_SACK, port, far, una, HOOK_PREROUTING);
    }
    for (let i = 0; i < 7; i += 2) run.send(OUT_DATA, port, (una + i * DATA_BYTES) | 0, far);
    run.near[flow] = (una + 7 * DATA_BYTES) | 0;
    run.arrive(BACK_ACK, port, far, run.near[flow] ?? 0, HOOK_INPUT);
  }
}

function rateOf(work: (run: Run) => void, evidence: boolean): [rate: number, hash: number] {
  const run = new Run(evidence);
  const startMs = performance.now();
  work(run);
  const seconds = (performance.now() - startMs) / 1000;
  return [run.packets / seconds, run.result()];
}

interface Result {
  readonly packetsPerSecond: number[];
  readonly hash: number;
  /** With evidence, beside a run without; the hashes are the same. */
  readonly withEvidence: number[];
}

const results: Record<string, Result> = {};
for (const work of [cleanData, handshakes, sackHeavy]) {
  const packetsPerSecond: number[] = [];
  const withEvidence: number[] = [];
  let hash = 0;
  for (let i = 0; i <= RUNS; i++) {
    const [rate, plain] = rateOf(work, false);
    const [slower, told] = rateOf(work, true);
    if (plain !== told) throw new Error('evidence has changed a decision');
    hash = plain;
    // The first run is the compiler's.
    if (i === 0) continue;
    packetsPerSecond.push(rate);
    withEvidence.push(slower);
  }
  results[work.name] = { packetsPerSecond, hash, withEvidence };
}

/** Octets a second of the checksum of 64 KiB, over an arena that no second-level cache holds. */
function checksumRate(simd: boolean): number {
  const memory = openSimdMemory(ARENA_BYTES);
  if (memory === undefined) return 0;
  const bytes = new Uint8Array(memory.buffer);
  const words = arenaWords(bytes, simd ? memory.sum : undefined);
  const rounds = quick ? 500 : 20_000;
  let sum = 0;
  const startMs = performance.now();
  for (let i = 0; i < rounds; i++) {
    sum += sumBytes(bytes, words, (i * SUM_BYTES) % ARENA_BYTES, SUM_BYTES);
  }
  const seconds = (performance.now() - startMs) / 1000;
  if (sum !== 0) throw new Error('the sum of nothing is nothing');
  return (rounds * SUM_BYTES) / seconds;
}

const checksum = { plain: [] as number[], simd: [] as number[] };
for (let i = 0; i <= RUNS; i++) {
  const [plain, simd] = [checksumRate(false), checksumRate(true)];
  if (i === 0) continue;
  checksum.plain.push(plain);
  checksum.simd.push(simd);
}
console.log(JSON.stringify({ seed: SEED, packets: PACKETS, results, checksum }));
