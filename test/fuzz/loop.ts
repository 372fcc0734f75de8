/**
 * The loop of a coverage-guided fuzzer: take an input of the corpus, change it, run it, keep it if
 * it went where none went before. Owns the corpus of one run, and which places were seen how often
 * (in eight steps, so that a loop that turns longer counts as new).
 */
import type { Random } from '../helpers/seed.ts';
import { type Dictionary, mutateBytes } from './mutation.ts';
import type { Target } from './target.ts';

export interface Failure {
  readonly input: Uint8Array;
  readonly error: unknown;
}

/** Bit of a count: 1, 2, 3, 4-7, 8-15, 16-31, 32-127, more. */
const STEPS = Uint8Array.from({ length: 256 }, (_, count) => {
  const limits = [0, 1, 2, 3, 7, 15, 31, 127];
  return count === 0 ? 0 : 1 << (limits.filter((limit) => count > limit).length - 1);
});

export class FuzzLoop {
  readonly corpus: Uint8Array[] = [];
  runCount = 0;
  /** False: a place counts as new once, however often a run comes there. */
  countsSteps = true;
  /** Places that were reached at all. */
  placeCount = 0;
  private readonly target: Target;
  private readonly counters: Uint8Array;
  private readonly words: Uint32Array;
  private readonly seen: Uint8Array;
  private readonly dictionary: Dictionary;
  private readonly random: Random;
  /** What is about to run: outlives a hang. */
  private readonly before: (input: Uint8Array) => void;

  constructor(
    target: Target,
    counters: Uint8Array,
    dictionary: Dictionary,
    random: Random,
    before: (input: Uint8Array) => void = () => {},
  ) {
    this.target = target;
    this.counters = counters;
    this.words = new Uint32Array(counters.buffer, counters.byteOffset, counters.length >> 2);
    this.seen = new Uint8Array(counters.length);
    this.dictionary = dictionary;
    this.random = random;
    this.before = before;
  }

  /** Runs an input as it is; it joins the corpus if it goes somewhere new, or is to be kept. */
  async take(input: Uint8Array, isKept = false): Promise<Failure | undefined> {
    this.runCount++;
    this.counters.fill(0);
    this.before(input);
    try {
      const running = this.target.run(input);
      if (running !== undefined) await running;
    } catch (error) {
      return { input, error };
    }
    if (this.isNew() || isKept) this.corpus.push(input);
    return undefined;
  }

  /** One changed input. */
  step(): Promise<Failure | undefined> {
    return this.take(this.draw());
  }

  private draw(): Uint8Array {
    const { random, target, corpus } = this;
    const input = this.pick();
    const other = corpus[random.below(corpus.length)] ?? input;
    const knows = target.mutate !== undefined && random.below(2) === 0;
    let out = knows ? (target.mutate?.(input, random, other) ?? input) : input;
    if (!knows || random.below(3) === 0) out = mutateBytes(out, other, this.dictionary, random);
    return out.slice(0, target.bytesMax);
  }

  /** The newest half of the time: there is most to find behind them. */
  private pick(): Uint8Array {
    const { random, corpus } = this;
    const count = corpus.length;
    const recent = random.below(2) === 0 ? Math.min(count, 16) : count;
    return corpus[count - 1 - random.below(Math.max(1, recent))] ?? new Uint8Array(0);
  }

  private isNew(): boolean {
    const { words, counters, seen } = this;
    let isNew = false;
    for (let word = 0; word < words.length; word++) {
      if (words[word] === 0) continue;
      for (let at = word * 4; at < word * 4 + 4; at++) {
        const step = this.countsSteps ? (STEPS[counters[at] ?? 0] ?? 0) : +(counters[at] !== 0);
        const known = seen[at] ?? 0;
        if ((step & ~known) === 0) continue;
        if (known === 0) this.placeCount++;
        seen[at] = known | step;
        isNew = true;
      }
    }
    return isNew;
  }
}

/**
 * Few and short inputs that together go everywhere: shortest first, so that a long one stays only
 * for what nothing shorter reaches.
 */
export async function minimise(
  inputs: readonly Uint8Array[],
  loop: FuzzLoop,
): Promise<readonly Uint8Array[]> {
  loop.countsSteps = false;
  for (const input of [...inputs].sort((a, b) => a.length - b.length)) await loop.take(input);
  return loop.corpus;
}
