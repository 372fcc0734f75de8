/**
 * The seed of every random test, and a generator to go with it. SEQSHIM_SEED replays a run; without
 * it each run draws its own, and a failing title carries it.
 */
const { SEQSHIM_SEED: given } = process.env;

export const SEED = (given === undefined ? Date.now() : hashSeed(given)) | 0;

/** What to put in a test's title or message so that it can be replayed. */
export const SEED_HINT = `SEQSHIM_SEED=${given ?? SEED}`;

/** Numbers are seeds themselves; anything else (a commit) is hashed to one (FNV-1a). */
export function hashSeed(text: string): number {
  if (/^-?\d+$/.test(text)) return Number(text);
  let h = 0x811c9dc5;
  for (const char of text) h = Math.imul(h ^ (char.codePointAt(0) ?? 0), 0x01000193);
  return h;
}

/** mulberry32: int32 numbers, allocation-free once made. */
export class Random {
  private state: number;

  constructor(seed: number) {
    this.state = seed | 0;
  }

  int32(): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return t ^ (t >>> 14);
  }

  /** 0 <= result < count. */
  below(count: number): number {
    return (this.int32() >>> 0) % count;
  }
}
