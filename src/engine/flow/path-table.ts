/**
 * What was learned about a destination (far address and server port): facts, each with when it was
 * seen last and how often, and canaries. A fact is believed for PATH_FACT_MS; meanwhile one
 * connection in CANARY_EVERY goes without what the fact makes us do, never the only one that is
 * open, and renews the fact or clears it. Where none is left every connection goes without: all of
 * them are canaries, for CLEARED_MS, so that `report` can tell how many met nothing.
 *
 * Owns the words of `EngineMemory.paths`, which the main thread reads, and fills before the engine
 * starts. Bounded: four rows share a slot, and a newer destination takes the one that has learned
 * nothing for longest. Times: engine ms.
 */
import { PATH_COUNT, PATH_FACT_MS } from '../limits.ts';

/** Two end points answer, or resets are forged. */
export const FACT_FAULTY = 0;
/** A SYN-ACK of an end point that does not exist came first. */
export const FACT_PHANTOM = 1;
/** Sequence numbers are translated, SACK blocks are not. */
export const FACT_SACK_BLIND = 2;
/** SYN-ACKs lose this option, which the far end believes agreed upon. */
export const FACT_TIMESTAMPS_STRIPPED = 3;
export const FACT_SCALE_STRIPPED = 4;
export const FACT_SACK_STRIPPED = 5;
/** Something forgets connections that say nothing for P_IDLE_MS. */
export const FACT_IDLE = 6;
export const FACT_COUNT = 7;

export const PATH_WORDS = 27;
export const P_ADDR = 0; // four words
export const P_PORT = 4;
export const P_FLAGS = 5;
/** Connections begun since the first fact. */
export const P_CONNECTIONS = 6;
/** Of them open now. */
export const P_OPEN = 7;
/** Connections since a fact was seen last, or a canary went. */
export const P_SINCE_CANARY = 8;
export const P_CANARIES = 9;
/** Canaries that found nothing wrong. */
export const P_CANARIES_CLEAN = 10;
/** When anything was learned. */
export const P_LEARNED_MS = 11;
/** FACT_COUNT pairs: when last seen, how often. */
export const P_FACTS = 12;
/** With FACT_IDLE: the shortest silence behind which a flow was found dead, ms. */
export const P_IDLE_MS = 26;

export const P_USED = 1;
export const P_IPV6 = 2;
/** It had facts, and has none any more. */
export const P_CLEARED = 4;
/** Bit of fact f: P_HAS << f. */
export const P_HAS = 1 << 8;

const WAYS = 4;
export const CANARY_EVERY = 100;
/** A destination is looked after so long behind the last fault, twice what that is believed. */
const CLEARED_MS = 2 * PATH_FACT_MS;

export class PathTable {
  private readonly words: Int32Array;
  private readonly cursor = new Int32Array(1);

  constructor(paths: ArrayBufferLike) {
    this.words = new Int32Array(paths);
  }

  /** The row of a destination, or -1. `key` as in FlowTable. */
  find(key: Int32Array, port: number): number {
    const first = slotOf(key, port);
    for (let i = 0; i < WAYS; i++) {
      const at = first + i * PATH_WORDS;
      if (this.isRow(at, key, port)) return at;
    }
    return -1;
  }

  /** The row of a destination, taken now if it had none. */
  row(key: Int32Array, port: number, nowMs: number): number {
    const had = this.find(key, port);
    if (had >= 0) return had;
    const words = this.words;
    const first = slotOf(key, port);
    let at = first;
    for (let i = 0; i < WAYS; i++) {
      const way = first + i * PATH_WORDS;
      if (words[way + P_FLAGS] === 0) {
        at = way;
        break;
      }
      const ageMs = (nowMs - words[way + P_LEARNED_MS]!) | 0;
      if (ageMs > ((nowMs - words[at + P_LEARNED_MS]!) | 0)) at = way;
    }
    words.fill(0, at, at + PATH_WORDS);
    for (let i = 0; i < 4; i++) words[at + P_ADDR + i] = key[4 + i]!;
    words[at + P_PORT] = port;
    words[at + P_FLAGS] = P_USED | (key[9] !== 0 ? P_IPV6 : 0);
    words[at + P_LEARNED_MS] = nowMs;
    return at;
  }

  private isRow(at: number, key: Int32Array, port: number): boolean {
    const words = this.words;
    const family = key[9] !== 0 ? P_IPV6 : 0;
    return (
      (words[at + P_FLAGS]! & (P_USED | P_IPV6)) === (P_USED | family) &&
      words[at + P_PORT] === port &&
      words[at + P_ADDR] === key[4] &&
      words[at + P_ADDR + 1] === key[5] &&
      words[at + P_ADDR + 2] === key[6] &&
      words[at + P_ADDR + 3] === key[7]
    );
  }

  /** The fact was seen. */
  learn(at: number, fact: number, nowMs: number): void {
    const words = this.words;
    const pair = at + P_FACTS + 2 * fact;
    words[at + P_FLAGS] = (words[at + P_FLAGS]! & ~P_CLEARED) | (P_HAS << fact);
    words[at + P_LEARNED_MS] = nowMs;
    words[at + P_SINCE_CANARY] = 0;
    words[pair] = nowMs;
    words[pair + 1] = words[pair + 1]! + 1;
  }

  holds(at: number, fact: number, nowMs: number): boolean {
    if (at < 0 || (this.words[at + P_FLAGS]! & (P_HAS << fact)) === 0) return false;
    return ((nowMs - this.words[at + P_FACTS + 2 * fact]!) | 0) < PATH_FACT_MS;
  }

  /** A flow was found dead behind so long a silence. */
  learnIdle(at: number, silentMs: number, nowMs: number): void {
    const words = this.words;
    const known = this.holds(at, FACT_IDLE, nowMs) && words[at + P_IDLE_MS]! < silentMs;
    if (!known) words[at + P_IDLE_MS] = silentMs;
    this.learn(at, FACT_IDLE, nowMs);
  }

  /** Valid while FACT_IDLE holds. */
  idleLimitMs(at: number): number {
    return this.words[at + P_IDLE_MS]!;
  }

  /** The shortest of all limits that are kept, or 0. */
  shortestIdleMs(): number {
    const words = this.words;
    let shortestMs = 0;
    for (let at = 0; at < words.length; at += PATH_WORDS) {
      if ((words[at + P_FLAGS]! & (P_HAS << FACT_IDLE)) === 0) continue;
      const limitMs = words[at + P_IDLE_MS]!;
      if (shortestMs === 0 || limitMs < shortestMs) shortestMs = limitMs;
    }
    return shortestMs;
  }

  restoreIdle(at: number, limitMs: number): void {
    this.words[at + P_IDLE_MS] = limitMs;
  }

  /** What an older run has learned, before this one begins. */
  restore(at: number, fact: number, seenMs: number, count: number): void {
    const pair = at + P_FACTS + 2 * fact;
    this.words[at + P_FLAGS] = this.words[at + P_FLAGS]! | (P_HAS << fact);
    this.words[pair] = seenMs;
    this.words[pair + 1] = count;
  }

  restoreCounts(at: number, connections: number, canaries: number, clean: number): void {
    this.words[at + P_CONNECTIONS] = connections;
    this.words[at + P_CANARIES] = canaries;
    this.words[at + P_CANARIES_CLEAN] = clean;
  }

  /** A canary that began at `bornMs` met none of it; of what was seen since it says nothing. */
  clear(at: number, fact: number, bornMs: number): void {
    if (((bornMs - this.words[at + P_FACTS + 2 * fact]!) | 0) >= 0) this.drop(at, fact);
  }

  private drop(at: number, fact: number): void {
    const words = this.words;
    if ((words[at + P_FLAGS]! & (P_HAS << fact)) === 0) return;
    words[at + P_FLAGS] = words[at + P_FLAGS]! & ~(P_HAS << fact);
    words[at + P_FACTS + 2 * fact] = 0;
    words[at + P_FACTS + 2 * fact + 1] = 0;
    if (words[at + P_FLAGS]! < P_HAS) words[at + P_FLAGS] = words[at + P_FLAGS]! | P_CLEARED;
  }

  /** A connection begins; true when it is to go without what the facts make us do. */
  enter(at: number): boolean {
    const words = this.words;
    words[at + P_CONNECTIONS] = words[at + P_CONNECTIONS]! + 1;
    words[at + P_SINCE_CANARY] = words[at + P_SINCE_CANARY]! + 1;
    words[at + P_OPEN] = words[at + P_OPEN]! + 1;
    const known = words[at + P_FLAGS]! >= P_HAS;
    const due = known && words[at + P_OPEN]! >= 2 && words[at + P_SINCE_CANARY]! >= CANARY_EVERY;
    if (!due && (words[at + P_FLAGS]! & P_CLEARED) === 0) return false;
    words[at + P_SINCE_CANARY] = 0;
    words[at + P_CANARIES] = words[at + P_CANARIES]! + 1;
    return true;
  }

  /** It has ended. A row that changed hands meanwhile counts too few as open, never too many. */
  leave(at: number): void {
    if (this.words[at + P_OPEN]! > 0) this.words[at + P_OPEN] = this.words[at + P_OPEN]! - 1;
  }

  countClean(at: number): void {
    this.words[at + P_CANARIES_CLEAN] = this.words[at + P_CANARIES_CLEAN]! + 1;
  }

  /** Forgets a destination, its address at word `from`; port 0: all of its ports. */
  forget(address: Int32Array, from: number, family: number, port: number): void {
    const words = this.words;
    const flags = P_USED | (family === 6 ? P_IPV6 : 0);
    for (let at = 0; at < words.length; at += PATH_WORDS) {
      if ((words[at + P_FLAGS]! & (P_USED | P_IPV6)) !== flags) continue;
      if (port !== 0 && words[at + P_PORT] !== port) continue;
      let same = true;
      for (let i = 0; i < 4; i++) {
        if (words[at + P_ADDR + i] !== address[from + i]) same = false;
      }
      if (same) words.fill(0, at, at + PATH_WORDS);
    }
  }

  /** One row more: what has expired goes, before its time could wrap and look new again. */
  sweep(nowMs: number): void {
    const words = this.words;
    const at = this.cursor[0]!;
    this.cursor[0] = at + PATH_WORDS < words.length ? at + PATH_WORDS : 0;
    if (words[at + P_FLAGS] === 0) return;
    for (let fact = 0; fact < FACT_COUNT; fact++) {
      if (!this.holds(at, fact, nowMs)) this.drop(at, fact);
    }
    const sinceMs = (nowMs - words[at + P_LEARNED_MS]!) | 0;
    if (words[at + P_FLAGS]! < P_HAS && (sinceMs < 0 || sinceMs >= CLEARED_MS)) {
      words.fill(0, at, at + PATH_WORDS);
    }
  }
}

/** Word index of the first of the four rows that a destination may have. */
function slotOf(key: Int32Array, port: number): number {
  let h = port;
  for (let i = 4; i < 8; i++) h = Math.imul(h ^ key[i]! ^ (h >>> 15), 0x9e3779b1);
  return ((h ^ (h >>> 16)) & (PATH_COUNT / WAYS - 1)) * WAYS * PATH_WORDS;
}
