/**
 * Seeded randomness: one stream per purpose, so that what one part draws never shifts another.
 * Owns its state (mulberry32). Everything that the simulator decides comes from here.
 */
export class Random {
  private state: number;

  constructor(seed: number, purpose = 0) {
    this.state = mix(seed | 0, purpose | 0);
  }

  /** A canonical int32, all bits random. */
  int32(): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return (t ^ (t >>> 14)) | 0;
  }

  /** 0 <= x < 1. */
  unit(): number {
    return (this.int32() >>> 0) / 4_294_967_296;
  }

  /** An integer, both ends included. */
  between(low: number, high: number): number {
    return low + Math.floor(this.unit() * (high - low + 1));
  }

  chance(probability: number): boolean {
    return this.unit() < probability;
  }

  pick<T>(choices: readonly T[]): T {
    const choice = choices[this.between(0, choices.length - 1)];
    if (choice === undefined) throw new Error('random: nothing to pick from');
    return choice;
  }
}

/** One int32 out of two, well stirred: the seed of a purpose, the fate of a packet. */
export function mix(a: number, b: number): number {
  let h = Math.imul(a ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(b ^ 0x7f4a7c15, 0xc2b2ae35);
  h = Math.imul(h ^ (h >>> 16), 0x7feb352d);
  h = Math.imul(h ^ (h >>> 15), 0x846ca68b);
  return (h ^ (h >>> 16)) | 0;
}
