/**
 * Finds the connection of a captured packet by the octets of its addresses and ports, so that
 * they become text once per connection and not once per packet.
 *
 * Owns the table: open addressing, a power of two, at most half full. Rows are int32 words.
 */
import { randomInt } from 'node:crypto';
import { get16, get32 } from '../engine/wire/bytes.ts';
import type { Segment } from '../engine/wire/segment.ts';
import { formatAddressAt } from '../telemetry/flow-address.ts';
import { Connection } from './flow-book.ts';
import { addressesOf } from './segment-addresses.ts';

const ROW_COUNT = 65_536;
const ENTRY_COUNT_MAX = ROW_COUNT / 2;
/** Two addresses of four words, the ports, and the family, 0 in a free row. */
const ROW_WORDS = 10;
const PORTS = 8;
const FAMILY = 9;

/** Both end points as text: `low` is the one whose octets sort first. */
export interface IndexedConnection {
  readonly connection: Connection;
  readonly low: string;
  readonly lowPort: string;
  readonly high: string;
  readonly highPort: string;
}

export class ConnectionIndex {
  /** Whether the packet that was looked up last came from the low end point. */
  fromLow = false;
  private rows = new Int32Array(ROW_COUNT * ROW_WORDS);
  private entries = emptyEntries();
  private readonly key = new Int32Array(ROW_WORDS);
  private size = 0;
  /** To move into when connections are forgotten. */
  private spareRows: Int32Array<ArrayBuffer> | undefined;
  private spareEntries: (IndexedConnection | undefined)[] | undefined;
  /** Not to be guessed: a capture made to collide would be slow to read. */
  private readonly seed = randomInt(2 ** 31);

  /** undefined when it is not known, and `mayAdd` is false or the table is full. */
  find(bytes: Uint8Array, seg: Segment, mayAdd: boolean): IndexedConnection | undefined {
    this.readKey(bytes, seg);
    let row = this.hash() & (ROW_COUNT - 1);
    while (this.rows[row * ROW_WORDS + FAMILY] !== 0) {
      if (this.matches(row)) return this.entries[row];
      row = (row + 1) & (ROW_COUNT - 1);
    }
    if (!mayAdd || this.size >= ENTRY_COUNT_MAX) return undefined;
    return this.insert(row, bytes, seg);
  }

  /** Connections that are over make room, those of the last sweep excepted. */
  forget(): void {
    const { rows, entries } = this;
    this.rows = this.spareRows ?? new Int32Array(ROW_COUNT * ROW_WORDS);
    this.entries = this.spareEntries ?? emptyEntries();
    this.rows.fill(0);
    this.entries.fill(undefined);
    this.spareRows = rows;
    this.spareEntries = entries;
    this.size = 0;
    for (let from = 0; from < ROW_COUNT; from++) {
      const entry = entries[from];
      if (entry === undefined || !entry.connection.outlives()) continue;
      this.key.set(rows.subarray(from * ROW_WORDS, (from + 1) * ROW_WORDS));
      let row = this.hash() & (ROW_COUNT - 1);
      while (this.rows[row * ROW_WORDS + FAMILY] !== 0) row = (row + 1) & (ROW_COUNT - 1);
      this.rows.set(this.key, row * ROW_WORDS);
      this.entries[row] = entry;
      this.size += 1;
    }
  }

  private insert(row: number, bytes: Uint8Array, seg: Segment): IndexedConnection {
    this.size += 1;
    this.rows.set(this.key, row * ROW_WORDS);
    const at = addressesOf(seg);
    const width = seg.family === 4 ? 4 : 16;
    const src = formatAddressAt(bytes, at, seg.family);
    const dst = formatAddressAt(bytes, at + width, seg.family);
    const srcPort = String(seg.srcPort);
    const dstPort = String(seg.dstPort);
    const entry = this.fromLow
      ? { connection: new Connection(), low: src, lowPort: srcPort, high: dst, highPort: dstPort }
      : { connection: new Connection(), low: dst, lowPort: dstPort, high: src, highPort: srcPort };
    this.entries[row] = entry;
    return entry;
  }

  private readKey(bytes: Uint8Array, seg: Segment): void {
    const { key } = this;
    const width = seg.family === 4 ? 4 : 16;
    const src = addressesOf(seg);
    const dst = src + width;
    let order = 0;
    for (let at = 0; at < width && order === 0; at += 4) {
      order = get32(bytes, src + at) - get32(bytes, dst + at);
    }
    if (order === 0) order = seg.srcPort - seg.dstPort;
    this.fromLow = order <= 0;
    const low = this.fromLow ? src : dst;
    const high = this.fromLow ? dst : src;
    if (width === 4) key.fill(0);
    for (let at = 0; at < width; at += 4) {
      key[at >> 2] = get32(bytes, low + at);
      key[4 + (at >> 2)] = get32(bytes, high + at);
    }
    const ports = seg.tcpOff;
    const flipped = (get16(bytes, ports + 2) << 16) | get16(bytes, ports);
    key[PORTS] = this.fromLow ? get32(bytes, ports) : flipped;
    key[FAMILY] = seg.family;
  }

  private hash(): number {
    let hash = this.seed;
    for (let word = 0; word < ROW_WORDS; word++) {
      hash = Math.imul(hash ^ (this.key[word] ?? 0), 0x9e3779b1);
      hash ^= hash >>> 15;
    }
    return hash;
  }

  private matches(row: number): boolean {
    const at = row * ROW_WORDS;
    for (let word = 0; word < ROW_WORDS; word++) {
      if (this.rows[at + word] !== this.key[word]) return false;
    }
    return true;
  }
}

/** Of full length: an array that is filled in any order from empty becomes a dictionary. */
function emptyEntries(): (IndexedConnection | undefined)[] {
  return new Array<IndexedConnection | undefined>(ROW_COUNT).fill(undefined);
}
