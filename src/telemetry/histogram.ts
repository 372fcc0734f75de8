/**
 * A log-linear histogram in shared memory: exact below 64, then 32 buckets an octave (within 3.2
 * %).
 *
 * Owns its buckets (Float64: they never wrap). One thread records, any thread reads; a reader may
 * miss what is being recorded. The unit is the caller's; whole numbers from 0 to VALUE_MAX.
 */
const EXACT_COUNT = 64;
const EXACT_BITS = 6;
const OCTAVE_BUCKETS = 32;
const OCTAVE_COUNT = 18;
const BUCKET_COUNT = EXACT_COUNT + OCTAVE_COUNT * OCTAVE_BUCKETS;
const VALUE_MAX = 2 ** (EXACT_BITS + OCTAVE_COUNT) - 1;
/** Two more words than buckets: the largest value seen, and the sum of all. */
const LARGEST = BUCKET_COUNT;
const SUM = BUCKET_COUNT + 1;
const WORD_COUNT = BUCKET_COUNT + 2;
export const HISTOGRAM_BYTES = WORD_COUNT * 8;

export interface Quantiles {
  readonly count: number;
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

export class Histogram {
  private readonly buckets: Float64Array;

  constructor(buffer: ArrayBufferLike, byteOffset: number) {
    this.buckets = new Float64Array(buffer, byteOffset, WORD_COUNT);
  }

  /** `weight` observations of one value. */
  record(value: number, weight: number): void {
    const clipped = value < 0 ? 0 : value > VALUE_MAX ? VALUE_MAX : value | 0;
    const bucket = bucketOf(clipped);
    this.buckets[bucket] = (this.buckets[bucket] ?? 0) + weight;
    if (clipped > (this.buckets[LARGEST] ?? 0)) this.buckets[LARGEST] = clipped;
    this.buckets[SUM] = (this.buckets[SUM] ?? 0) + clipped * weight;
  }

  quantiles(): Quantiles {
    return quantilesOf([this]);
  }

  /** Adds its counts to `sums`, its largest value where that is larger. */
  addTo(sums: Float64Array): void {
    for (let i = 0; i < BUCKET_COUNT; i++) sums[i] = (sums[i] ?? 0) + (this.buckets[i] ?? 0);
    sums[LARGEST] = Math.max(sums[LARGEST] ?? 0, this.buckets[LARGEST] ?? 0);
    sums[SUM] = (sums[SUM] ?? 0) + (this.buckets[SUM] ?? 0);
  }
}

/** Of all that was recorded in any of them. */
export function quantilesOf(histograms: readonly Histogram[]): Quantiles {
  const seen = new Float64Array(WORD_COUNT);
  for (const histogram of histograms) histogram.addTo(seen);
  let count = 0;
  for (let i = 0; i < BUCKET_COUNT; i++) count += seen[i] ?? 0;
  const max = seen[LARGEST] ?? 0;
  const at = (share: number) => Math.min(max, quantile(seen, count * share));
  return { count, p50: at(0.5), p99: at(0.99), p999: at(0.999), max };
}

export interface Totals {
  readonly count: number;
  readonly sum: number;
  /** How many were below each bound. */
  readonly below: readonly number[];
}

/**
 * Bounds must be such that no bucket lies on both sides: below 64 any, from there on multiples of
 * the bucket's width, for example 100, 200, 400 …
 */
export function totalsOf(histograms: readonly Histogram[], bounds: readonly number[]): Totals {
  const seen = new Float64Array(WORD_COUNT);
  for (const histogram of histograms) histogram.addTo(seen);
  const below = bounds.map(() => 0);
  let count = 0;
  for (let i = 0; i < BUCKET_COUNT; i++) {
    const here = seen[i] ?? 0;
    count += here;
    for (const [k, bound] of bounds.entries()) {
      if (bucketTop(i) < bound) below[k] = (below[k] ?? 0) + here;
    }
  }
  return { count, sum: seen[SUM] ?? 0, below };
}

function bucketOf(value: number): number {
  if (value < EXACT_COUNT) return value;
  const exponent = 31 - Math.clz32(value);
  const inOctave = (value >>> (exponent - 5)) & (OCTAVE_BUCKETS - 1);
  return EXACT_COUNT + (exponent - EXACT_BITS) * OCTAVE_BUCKETS + inOctave;
}

/** The largest value of the bucket that holds the `rank`-th observation. */
function quantile(buckets: Float64Array, rank: number): number {
  let seen = 0;
  for (let i = 0; i < BUCKET_COUNT; i++) {
    seen += buckets[i] ?? 0;
    if (seen >= rank && seen > 0) return bucketTop(i);
  }
  return 0;
}

function bucketTop(bucket: number): number {
  if (bucket < EXACT_COUNT) return bucket;
  const octave = (bucket - EXACT_COUNT) >> 5;
  const inOctave = (bucket - EXACT_COUNT) & (OCTAVE_BUCKETS - 1);
  return (OCTAVE_BUCKETS + inOctave + 1) * 2 ** (octave + 1) - 1;
}
