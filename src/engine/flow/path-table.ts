/**
 * What was learned about a destination (far address and port): that it is faulty, and that it has
 * answered with a phantom end point. Direct-mapped and bounded: a newer destination takes the row.
 * Owns its words. Times: ms; a fact is believed for PATH_FACT_MS.
 */
import { PATH_COUNT, PATH_FACT_MS } from '../limits.ts';

const PATH_WORDS = 8;
const P_ADDR = 0; // four words
const P_PORT = 4;
const P_FLAGS = 5;
const P_FAULTY_MS = 6;
const P_PHANTOM_MS = 7;

const P_USED = 1;
const P_FAULTY = 2;
const P_PHANTOM = 4;

export class PathTable {
  private readonly words = new Int32Array(PATH_COUNT * PATH_WORDS);

  /** The row of a destination; takes it over when another one had it. `key` as in FlowTable. */
  row(key: Int32Array): number {
    const port = key[8]! & 0xffff;
    let h = port;
    for (let i = 4; i < 8; i++) h = Math.imul(h ^ key[i]! ^ (h >>> 15), 0x9e3779b1);
    const at = ((h ^ (h >>> 16)) & (PATH_COUNT - 1)) * PATH_WORDS;
    const words = this.words;
    if (
      words[at + P_FLAGS] === 0 ||
      words[at + P_PORT] !== port ||
      words[at + P_ADDR] !== key[4] ||
      words[at + P_ADDR + 1] !== key[5] ||
      words[at + P_ADDR + 2] !== key[6] ||
      words[at + P_ADDR + 3] !== key[7]
    ) {
      words.fill(0, at, at + PATH_WORDS);
      for (let i = 0; i < 4; i++) words[at + P_ADDR + i] = key[4 + i]!;
      words[at + P_PORT] = port;
      words[at + P_FLAGS] = P_USED;
    }
    return at;
  }

  markFaulty(at: number, nowMs: number): void {
    this.words[at + P_FLAGS] = this.words[at + P_FLAGS]! | P_FAULTY;
    this.words[at + P_FAULTY_MS] = nowMs;
  }

  markPhantom(at: number, nowMs: number): void {
    this.words[at + P_FLAGS] = this.words[at + P_FLAGS]! | P_PHANTOM;
    this.words[at + P_PHANTOM_MS] = nowMs;
  }

  isFaulty(at: number, nowMs: number): boolean {
    const fresh = ((nowMs - this.words[at + P_FAULTY_MS]!) | 0) < PATH_FACT_MS;
    return fresh && (this.words[at + P_FLAGS]! & P_FAULTY) !== 0;
  }

  hasPhantom(at: number, nowMs: number): boolean {
    const fresh = ((nowMs - this.words[at + P_PHANTOM_MS]!) | 0) < PATH_FACT_MS;
    return fresh && (this.words[at + P_FLAGS]! & P_PHANTOM) !== 0;
  }
}
