/**
 * The flow table: fixed capacity, seeded hash over (near, far, ports), amortised expiry.
 *
 * Owns the rows, the halves and the index (`layout.ts`); zero-filled memory is an empty table, so
 * it can be a mapped file. A full table refuses: it takes back expired and closed rows, then the
 * embryonic one that has waited longest, never an established one (RFC 5382 REQ-5), and traffic
 * without a row passes. Times: ms.
 */
import type { EngineMemory } from '../memory.ts';
import { get32 } from '../wire/bytes.ts';
import type { Segment } from '../wire/segment.ts';
import { commitWord } from './commit-word.ts';
import { Embryos } from './embryos.ts';
import {
  EXPIRES_MS,
  FAR_ADDR,
  FLOW_ANCHORED,
  FLOW_BYPASSED,
  FLOW_FLAGS,
  FLOW_IPV6,
  FLOW_KERNEL,
  FLOW_OVER,
  FLOW_PICKED_UP,
  FLOW_ROW_WORDS,
  FLOW_RULE_WANTED,
  FLOW_SETTLED,
  FLOW_USED,
  GENERATION,
  HALF_FLAGS,
  HALF_RST_PASSED,
  HALF_WORDS,
  INDEX_CONTROL_WORDS,
  INDEX_COUNT,
  INDEX_EVICT_AT,
  INDEX_EVICTED,
  INDEX_EXPIRY_AT,
  INDEX_FREE,
  INDEX_HIGH,
  INDEX_PEAK,
  LAST_MS,
  NEAR_ADDR,
  NEXT,
  PATH,
  PORTS,
  REPAIR,
  SEGMENT_COUNT,
  ST_ESTABLISHED,
  STATE,
} from './layout.ts';
import { lifetimeMs } from './lifetime.ts';

const EVICT_SCAN_ROWS = 64;
const EVICT_SCAN_FIRST = 8;
/** Each row is taken off the list of embryos once: this many at a time cost some 10 µs, seldom. */
const GROWN_UP_COUNT = 1024;
/** Rows that are not taken back: they hold rules, or live on unseen in the kernel. */
const FLOW_KEPT = FLOW_RULE_WANTED | FLOW_SETTLED;

export class FlowTable {
  readonly rows: Int32Array;
  readonly halves: Int32Array;
  readonly index: Int32Array;
  readonly commits: Int32Array;
  readonly flowCountMax: number;
  /** Near address, far address (4 words each), ports and family of the last `setKey`. */
  readonly key = new Int32Array(10);
  private readonly slotMask: number;
  private readonly seed: number;
  private readonly saved = new Int32Array(10);
  private readonly embryos: Embryos;
  private readonly victimPath = new Int32Array(1);

  constructor(memory: EngineMemory, seed: number) {
    const rowWords = memory.flowCountMax * FLOW_ROW_WORDS;
    this.rows = new Int32Array(memory.flows, 0, rowWords);
    this.halves = new Int32Array(memory.flows, rowWords * 4, memory.flowCountMax * 2 * HALF_WORDS);
    this.index = new Int32Array(memory.index);
    this.commits = new Int32Array(memory.commits);
    this.flowCountMax = memory.flowCountMax;
    this.slotMask = this.index.length - INDEX_CONTROL_WORDS - 1;
    this.seed = seed | 0;
    this.embryos = new Embryos(memory.flowCountMax);
  }

  /** Takes the key from a segment; `nearIsSource` when it leaves this side. */
  setKey(buf: Uint8Array, seg: Segment, nearIsSource: boolean): void {
    const key = this.key;
    const nearBase = nearIsSource ? 0 : 4;
    const farBase = nearIsSource ? 4 : 0;
    if (seg.family === 4) {
      key[nearBase] = get32(buf, seg.ipOff + 12);
      key[farBase] = get32(buf, seg.ipOff + 16);
      key[1] = key[2] = key[3] = key[5] = key[6] = key[7] = 0;
    } else {
      for (let i = 0; i < 4; i++) {
        key[nearBase + i] = get32(buf, seg.ipOff + 8 + 4 * i);
        key[farBase + i] = get32(buf, seg.ipOff + 24 + 4 * i);
      }
    }
    key[8] = nearIsSource ? (seg.srcPort << 16) | seg.dstPort : (seg.dstPort << 16) | seg.srcPort;
    key[9] = seg.family === 6 ? FLOW_IPV6 : 0;
  }

  /** Where the chain of the key begins in the index. */
  slot(): number {
    const key = this.key;
    let h = this.seed;
    for (let i = 0; i < 9; i++) {
      h = Math.imul(h ^ key[i]!, 0x9e3779b1); // murmur-like: multiply, fold the high half down
      h ^= h >>> 15;
    }
    h = Math.imul(h ^ (h >>> 13), 0x85ebca6b);
    return INDEX_CONTROL_WORDS + ((h ^ (h >>> 16)) & this.slotMask);
  }

  /** The flow of the key, or -1. */
  find(): number {
    const rows = this.rows;
    const key = this.key;
    let flow = this.index[this.slot()]! - 1;
    while (flow >= 0) {
      const row = flow * FLOW_ROW_WORDS;
      if (
        rows[row + PORTS] === key[8] &&
        rows[row + FAR_ADDR] === key[4] &&
        rows[row + NEAR_ADDR] === key[0] &&
        (key[9] === 0 || this.sameIpv6(row)) &&
        (rows[row + FLOW_FLAGS]! & FLOW_IPV6) === key[9]
      ) {
        return flow;
      }
      flow = rows[row + NEXT]! - 1;
    }
    return -1;
  }

  private sameIpv6(row: number): boolean {
    const rows = this.rows;
    const key = this.key;
    for (let i = 1; i < 8; i++) if (rows[row + i] !== key[i]) return false;
    return true;
  }

  /** A fresh row for the key, zeroed, flags FLOW_USED; or -1 when the table is full. */
  insert(nowMs: number): number {
    const index = this.index;
    this.victimPath[0] = 0;
    let flow = index[INDEX_FREE]! - 1;
    if (flow < 0 && index[INDEX_HIGH]! < this.flowCountMax) {
      flow = index[INDEX_HIGH]!;
      index[INDEX_HIGH] = flow + 1;
    } else {
      if (flow < 0) flow = this.takeBack(nowMs);
      if (flow < 0) return -1;
      index[INDEX_FREE] = this.rows[flow * FLOW_ROW_WORDS + NEXT]!;
    }
    const slot = this.slot();
    this.clear(flow);
    const row = flow * FLOW_ROW_WORDS;
    this.rows[row + NEXT] = index[slot]!;
    index[slot] = flow + 1;
    index[INDEX_COUNT] = index[INDEX_COUNT]! + 1;
    if (index[INDEX_COUNT]! > index[INDEX_PEAK]!) index[INDEX_PEAK] = index[INDEX_COUNT]!;
    this.embryos.push(flow, this.rows[row + GENERATION]!);
    return flow;
  }

  /** PATH of the row that the last `insert` took from another flow; 0: of none. */
  evictedPath(): number {
    return this.victimPath[0]!;
  }

  /** Zeroes a row and its halves but for the generation and the chain, and sets the key. */
  clear(flow: number): void {
    const rows = this.rows;
    const row = flow * FLOW_ROW_WORDS;
    const generation = rows[row + GENERATION]!;
    const next = rows[row + NEXT]!;
    rows.fill(0, row, row + FLOW_ROW_WORDS);
    this.halves.fill(0, flow * 2 * HALF_WORDS, (flow + 1) * 2 * HALF_WORDS);
    for (let i = 0; i < 9; i++) rows[row + i] = this.key[i]!;
    rows[row + FLOW_FLAGS] = FLOW_USED | this.key[9]!;
    rows[row + GENERATION] = (generation + 1) | 0;
    rows[row + NEXT] = next;
    this.commit(flow);
  }

  /** The row says what it means: behind each change of what its commit word covers. */
  commit(flow: number): void {
    this.commits[flow] = commitWord(this.rows, flow);
  }

  /** Sets the key to that of a row. */
  keyOf(flow: number): void {
    const row = flow * FLOW_ROW_WORDS;
    for (let i = 0; i < 9; i++) this.key[i] = this.rows[row + i]!;
    this.key[9] = this.rows[row + FLOW_FLAGS]! & FLOW_IPV6;
  }

  /** Gives a row back. The caller has let go of everything that belongs to it. */
  remove(flow: number): void {
    const rows = this.rows;
    const index = this.index;
    this.keyOf(flow);
    const slot = this.slot();
    const row = flow * FLOW_ROW_WORDS;
    if (index[slot] === flow + 1) {
      index[slot] = rows[row + NEXT]!;
    } else {
      let before = index[slot]! - 1;
      while (rows[before * FLOW_ROW_WORDS + NEXT] !== flow + 1) {
        before = rows[before * FLOW_ROW_WORDS + NEXT]! - 1;
      }
      rows[before * FLOW_ROW_WORDS + NEXT] = rows[row + NEXT]!;
    }
    rows[row + FLOW_FLAGS] = 0;
    rows[row + NEXT] = index[INDEX_FREE]!;
    index[INDEX_FREE] = flow + 1;
    index[INDEX_COUNT] = index[INDEX_COUNT]! - 1;
  }

  /** Renews the idle limit after a segment, by state (RFC 5382 REQ-5). */
  touch(flow: number, nowMs: number): void {
    const row = flow * FLOW_ROW_WORDS;
    const half = flow * 2 * HALF_WORDS;
    const established =
      this.halves[half + STATE] === ST_ESTABLISHED &&
      this.halves[half + HALF_WORDS + STATE] === ST_ESTABLISHED &&
      !this.isEmbryonic(flow);
    this.rows[row + LAST_MS] = nowMs;
    const flags = this.rows[row + FLOW_FLAGS]!;
    const halfFlags =
      this.halves[half + HALF_FLAGS]! | this.halves[half + HALF_WORDS + HALF_FLAGS]!;
    const idleMs = lifetimeMs(flags, established, (halfFlags & HALF_RST_PASSED) !== 0);
    this.rows[row + EXPIRES_MS] = (nowMs + idleMs) | 0;
  }

  /** The next expired row among `rowCount`, from where the last scan ended; or -1. */
  nextExpired(nowMs: number, rowCount: number): number {
    const rows = this.rows;
    const high = this.index[INDEX_HIGH]!;
    const steps = rowCount < high ? rowCount : high;
    for (let i = 0; i < steps; i++) {
      let flow = this.index[INDEX_EXPIRY_AT]! + 1;
      if (flow >= high) flow = 0;
      this.index[INDEX_EXPIRY_AT] = flow;
      const row = flow * FLOW_ROW_WORDS;
      if (rows[row + FLOW_FLAGS] !== 0 && ((rows[row + EXPIRES_MS]! - nowMs) | 0) <= 0) return flow;
    }
    return -1;
  }

  /**
   * Has it still to show that two ends agree on it? Its handshake is not over; or it was picked up
   * in mid-stream and one end alone has spoken: anybody can send an ACK.
   */
  private isEmbryonic(flow: number): boolean {
    const flags = this.rows[flow * FLOW_ROW_WORDS + FLOW_FLAGS]!;
    if ((flags & FLOW_ANCHORED) === 0) return true;
    if ((flags & (FLOW_PICKED_UP | FLOW_BYPASSED | FLOW_KERNEL)) !== FLOW_PICKED_UP) return false;
    const half = flow * 2 * HALF_WORDS;
    return (
      this.halves[half + SEGMENT_COUNT] === 0 ||
      this.halves[half + HALF_WORDS + SEGMENT_COUNT] === 0
    );
  }

  private isKept(flow: number): boolean {
    const row = flow * FLOW_ROW_WORDS;
    const flags = this.rows[row + FLOW_FLAGS]!;
    return flags === 0 || (flags & FLOW_KEPT) !== 0 || this.rows[row + REPAIR] !== 0;
  }

  /**
   * A row to take back in a full table: expired or closed, or the embryonic one that has waited
   * longest, or any embryonic; -1: all are established. Under a flood the second is it, so few rows
   * are looked at for the first.
   */
  private takeBack(nowMs: number): number {
    let flow = this.nextOver(nowMs, EVICT_SCAN_FIRST);
    if (flow >= 0) return this.evict(flow);
    flow = this.oldestEmbryo();
    if (flow < 0) flow = this.nextOver(nowMs, EVICT_SCAN_ROWS);
    if (flow < 0) flow = this.nextEmbryo();
    if (flow < 0) return -1;
    this.index[INDEX_EVICTED] = this.index[INDEX_EVICTED]! + 1;
    return this.evict(flow);
  }

  /** An expired or closed row among the next `count`, or -1. */
  private nextOver(nowMs: number, count: number): number {
    const rows = this.rows;
    for (let i = 0; i < count && i < this.flowCountMax; i++) {
      const flow = this.nextRow();
      if (this.isKept(flow)) continue;
      const row = flow * FLOW_ROW_WORDS;
      const expired = ((rows[row + EXPIRES_MS]! - nowMs) | 0) <= 0;
      if (expired || (rows[row + FLOW_FLAGS]! & FLOW_OVER) !== 0) return flow;
    }
    return -1;
  }

  /** In a table from an earlier run the list does not have them. */
  private nextEmbryo(): number {
    for (let i = 0; i < EVICT_SCAN_ROWS && i < this.flowCountMax; i++) {
      const flow = this.nextRow();
      if (!this.isKept(flow) && this.isEmbryonic(flow)) return flow;
    }
    return -1;
  }

  private nextRow(): number {
    const flow = this.index[INDEX_EVICT_AT]! + 1;
    const row = flow >= this.flowCountMax ? 0 : flow;
    this.index[INDEX_EVICT_AT] = row;
    return row;
  }

  /** Those that have grown up, or gone, leave the list on the way. */
  private oldestEmbryo(): number {
    const embryos = this.embryos;
    for (let i = 0; i < GROWN_UP_COUNT; i++) {
      const flow = embryos.oldest();
      if (flow < 0) return -1;
      const same = this.rows[flow * FLOW_ROW_WORDS + GENERATION] === embryos.oldestGeneration();
      embryos.drop();
      if (same && !this.isKept(flow) && this.isEmbryonic(flow)) return flow;
    }
    return -1;
  }

  private evict(flow: number): number {
    this.saved.set(this.key);
    this.victimPath[0] = this.rows[flow * FLOW_ROW_WORDS + PATH]!;
    this.remove(flow); // sets the key to the victim's
    this.key.set(this.saved);
    return flow;
  }
}
