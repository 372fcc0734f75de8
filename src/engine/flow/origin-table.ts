/**
 * Where the segments of a far address come from: the two link-layer sources and the two TTLs seen
 * last, how often they took turns, and when a checksum of it was unfinished. Direct-mapped and
 * bounded: a newer address takes the row. Owns its words. Times: ms.
 */
import { ORIGIN_COUNT, TAINT_MS } from '../limits.ts';

export const ORIGIN_WORDS = 18;
export const O_ADDR = 0; // four words
export const O_USED = 4;
/** Source now, the one before, turns between the two, last change; first MAC, then TTL. */
export const O_MAC = 5;
export const O_TTL = 9;
export const O_PARTIAL = 13;
export const O_PARTIAL_MS = 14;
/** Turns reported: ORIGIN_MAC | ORIGIN_TTL. */
export const O_REPORTED = 15;
/** Flows put under repair for it within the minute that began at O_ASKS_MS. */
export const O_ASKS = 16;
export const O_ASKS_MS = 17;
const NOW = 0;
const BEFORE = 1;
const TURNS = 2;
const CHANGED_MS = 3;

/** What `see` found for the first time. */
export const ORIGIN_MAC = 1;
export const ORIGIN_TTL = 2;

/**
 * So often must the one before have come back, each time within TAINT_MS: a failover changes the
 * source once, a failover and its return bring the old one back once.
 */
const TURNS_MIN = 2;
/** Flows of one address put under repair within TAINT_MS: rules cost something too. */
const ASKS_MAX = 256;

export class OriginTable {
  static readonly BYTES = ORIGIN_COUNT * ORIGIN_WORDS * 4;

  private readonly words: Int32Array;
  /** Flow, MAC and TTL of the segment before: most segments are like it. */
  private readonly last = new Int32Array(3).fill(-1);

  constructor(buffer: ArrayBufferLike) {
    this.words = new Int32Array(buffer);
  }

  /** The row of a far address; takes it over when another one had it. `key` as in FlowTable. */
  row(key: Int32Array): number {
    let h = 0;
    for (let i = 4; i < 8; i++) h = Math.imul(h ^ key[i]! ^ (h >>> 15), 0x9e3779b1);
    const at = ((h ^ (h >>> 16)) & (ORIGIN_COUNT - 1)) * ORIGIN_WORDS;
    const words = this.words;
    let same = words[at + O_USED] !== 0;
    for (let i = 0; i < 4; i++) same = same && words[at + O_ADDR + i] === key[4 + i]!;
    if (same) return at;
    words.fill(0, at, at + ORIGIN_WORDS);
    for (let i = 0; i < 4; i++) words[at + O_ADDR + i] = key[4 + i]!;
    words[at + O_USED] = 1;
    return at;
  }

  /** Is the segment in hand like the one before it? Then there is nothing to see. */
  isLikeLast(flow: number, mac: number, ttl: number): boolean {
    const last = this.last;
    if (last[0] === flow && last[1] === mac && last[2] === ttl) return true;
    last[0] = flow;
    last[1] = mac;
    last[2] = ttl;
    return false;
  }

  /** A segment came from there. Returns ORIGIN_* bits the first time that two are proven. */
  see(at: number, mac: number, ttl: number, nowMs: number): number {
    let proven = 0;
    if (mac !== 0 && this.turn(at + O_MAC, mac, nowMs)) proven |= ORIGIN_MAC;
    if (this.turn(at + O_TTL, ttl, nowMs)) proven |= ORIGIN_TTL;
    const fresh = proven & ~this.words[at + O_REPORTED]!;
    this.words[at + O_REPORTED] = this.words[at + O_REPORTED]! | fresh;
    return fresh;
  }

  /** True when two sources have taken turns often enough. */
  private turn(at: number, value: number, nowMs: number): boolean {
    const words = this.words;
    if (words[at + NOW] === value) return false;
    const back = words[at + BEFORE] === value && isRecent(nowMs, words[at + CHANGED_MS]!);
    words[at + TURNS] = back ? words[at + TURNS]! + 1 : 0;
    words[at + BEFORE] = words[at + NOW]!;
    words[at + NOW] = value;
    words[at + CHANGED_MS] = nowMs;
    return words[at + TURNS]! >= TURNS_MIN;
  }

  turns(at: number): number {
    const macs = this.words[at + O_MAC + TURNS]!;
    const ttls = this.words[at + O_TTL + TURNS]!;
    return macs < ttls ? ttls : macs;
  }

  ttlBefore(at: number): number {
    const before = this.words[at + O_TTL + BEFORE]!;
    return before === 0 ? this.words[at + O_TTL]! : before;
  }

  /** Two sources have lately taken turns. */
  isDuplicate(at: number, nowMs: number): boolean {
    return this.takesTurns(at + O_MAC, nowMs) || this.takesTurns(at + O_TTL, nowMs);
  }

  private takesTurns(at: number, nowMs: number): boolean {
    return this.words[at + TURNS]! >= TURNS_MIN && isRecent(nowMs, this.words[at + CHANGED_MS]!);
  }

  markPartial(at: number, nowMs: number): void {
    this.words[at + O_PARTIAL] = 1;
    this.words[at + O_PARTIAL_MS] = nowMs;
  }

  /** May another flow of the address be put under repair? Counts it. */
  mayAsk(at: number, nowMs: number): boolean {
    if (!isRecent(nowMs, this.words[at + O_ASKS_MS]!)) {
      this.words[at + O_ASKS] = 0;
      this.words[at + O_ASKS_MS] = nowMs;
    }
    this.words[at + O_ASKS] = this.words[at + O_ASKS]! + 1;
    return this.words[at + O_ASKS]! <= ASKS_MAX;
  }

  /** Unfinished checksums have lately come from the address. */
  isPartial(at: number, nowMs: number): boolean {
    return this.words[at + O_PARTIAL] !== 0 && isRecent(nowMs, this.words[at + O_PARTIAL_MS]!);
  }
}

function isRecent(nowMs: number, thenMs: number): boolean {
  const age = (nowMs - thenMs) | 0;
  return age >= 0 && age < TAINT_MS;
}
