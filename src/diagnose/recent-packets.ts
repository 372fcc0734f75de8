/**
 * The last few packets of a flow, which are worth keeping only when a reset follows them. Owns
 * their records, filled again in turn: most packets of a long connection pass through here. Of an
 * expected segment the numbers alone are kept, until somebody takes it.
 */
import type { Segment } from '../engine/wire/segment.ts';
import type { Seen } from './flow.ts';
import { copySeen, PacketCopy } from './packet-copy.ts';
import { type ChecksumVerdict, UNKNOWN } from './packet-record.ts';
import type { SteadySide } from './steady-side.ts';

/** A power of two. */
export const RECENT_COUNT = 8;

/** Words of an expected segment. */
const FRAME = 0;
const SEG_SEQ = 1;
const SEG_ACK = 2;
const PAYLOAD = 3;
/** Window and checksum field. */
const FIELDS = 4;
/** IP identification, flags, verdict on the checksum, whether there are timestamps, direction. */
const BITS = 5;
const TS_VAL = 6;
const TS_ECR = 7;
export const RECENT_WORDS = 8;

const FLAGS_SHIFT = 16;
const VERDICT_SHIFT = 24;
const STAMPED = 1 << 26;
const DIR_SHIFT = 27;
const VERDICTS: readonly ChecksumVerdict[] = ['unknown', 'good', 'bad'];
const FIELD_MASK = 0xffff;

/** The verdict is one of these, above the field as it was sent. */
export const CHECKSUM_UNKNOWN = 0;
export const CHECKSUM_GOOD = 1 << 16;
export const CHECKSUM_BAD = 2 << 16;

/** An expected segment, as `addRow` takes it. */
export function writeRecent(
  words: Int32Array,
  at: number,
  dir: number,
  frame: number,
  seg: Segment,
  checksum: number,
): void {
  words[at + FRAME] = frame;
  words[at + SEG_SEQ] = seg.segSeq;
  words[at + SEG_ACK] = seg.segAck;
  words[at + PAYLOAD] = seg.payloadBytes;
  words[at + FIELDS] = (seg.segWnd << 16) | (checksum & FIELD_MASK);
  words[at + BITS] =
    seg.ipId |
    ((seg.flags & 0x3f) << FLAGS_SHIFT) |
    ((checksum >>> 16) << VERDICT_SHIFT) |
    (seg.tsOff === 0 ? 0 : STAMPED) |
    (dir << DIR_SHIFT);
  words[at + TS_VAL] = seg.tsVal;
  words[at + TS_ECR] = seg.tsEcr;
}

export class RecentPackets {
  private readonly records: (PacketCopy | undefined)[] = new Array(RECENT_COUNT);
  /** Whose expected segment stands in the slot; undefined: `records` has the packet. */
  private readonly sides: (SteadySide | undefined)[] = new Array(RECENT_COUNT);
  private words: Int32Array | undefined;
  private readonly timesUs = new Float64Array(RECENT_COUNT);
  private next = 0;
  private size = 0;

  /** `copy` is the packet's where somebody else keeps it already. */
  add(seen: Seen, copy: PacketCopy | undefined): void {
    const slot = this.advance();
    const record = this.records[slot];
    this.sides[slot] = undefined;
    if (copy !== undefined) {
      copy.isShared = true;
      this.records[slot] = copy;
    } else if (record === undefined || record.isShared) this.records[slot] = copySeen(seen);
    else {
      record.set(seen);
      record.dir = seen.dir;
    }
  }

  /** Copies what `writeRecent` has written; `sideOf` tells whose it is. */
  addRow(
    from: Int32Array,
    at: number,
    timeUs: number,
    sideOf: (dir: number) => SteadySide | undefined,
  ): void {
    this.words ??= new Int32Array(RECENT_COUNT * RECENT_WORDS);
    const slot = this.advance();
    this.sides[slot] = sideOf(((from[at + BITS] ?? 0) >>> DIR_SHIFT) & 1);
    this.records[slot] = undefined;
    this.timesUs[slot] = timeUs;
    for (let i = 0; i < RECENT_WORDS; i++) this.words[slot * RECENT_WORDS + i] = from[at + i] ?? 0;
  }

  private advance(): number {
    const slot = this.next;
    this.next = (slot + 1) & (RECENT_COUNT - 1);
    if (this.size < RECENT_COUNT) this.size += 1;
    return slot;
  }

  /** The oldest first; they are the taker's from now on. */
  take(): PacketCopy[] {
    const taken: PacketCopy[] = [];
    for (let count = this.size; count > 0; count--) {
      const slot = (this.next - count) & (RECENT_COUNT - 1);
      const side = this.sides[slot];
      const record = side === undefined ? this.records[slot] : this.expected(side, slot);
      if (record !== undefined) taken.push(record);
    }
    this.clear();
    this.records.fill(undefined);
    return taken;
  }

  private expected(side: SteadySide, slot: number): PacketCopy {
    const word = (offset: number) => this.words?.[slot * RECENT_WORDS + offset] ?? 0;
    const bits = word(BITS);
    const isStamped = (bits & STAMPED) !== 0;
    const record = new PacketCopy();
    record.frame = word(FRAME);
    record.timeUs = this.timesUs[slot] ?? 0;
    record.src = side.src;
    record.srcPort = side.srcPort;
    record.dst = side.dst;
    record.dstPort = side.dstPort;
    record.flags = (bits >>> FLAGS_SHIFT) & 0x3f;
    record.segSeq = word(SEG_SEQ);
    record.segAck = word(SEG_ACK);
    record.payloadOctets = word(PAYLOAD);
    record.segWnd = word(FIELDS) >>> 16;
    record.options.layout = side.layout;
    record.options.tsVal = isStamped ? word(TS_VAL) : null;
    record.options.tsEcr = isStamped ? word(TS_ECR) : null;
    record.ttl = side.ttl;
    record.ipId = side.family === 4 ? bits & 0xffff : UNKNOWN;
    record.tcpBytes = side.headerBytes + record.payloadOctets;
    record.srcMac = side.srcMac;
    record.checksum = VERDICTS[(bits >>> VERDICT_SHIFT) & 3] ?? 'unknown';
    record.checksumField = word(FIELDS) & FIELD_MASK;
    record.side = side.side;
    record.dir = side.dir;
    return record;
  }

  clear(): void {
    this.next = 0;
    this.size = 0;
  }
}
