/**
 * A run of seeds judged one behind the other, added up; and what is told of one that fails. The
 * same seeds give the same sums, whoever runs them. Times: virtual microseconds.
 */
import { formatViolation, type Violation } from './claims.ts';
import { type Judgement, judgeWorld, type Trial } from './judge-world.ts';
import { packetLines } from './packet-lines.ts';
import { mix } from './random.ts';
import { shrink } from './shrink.ts';
import { swarmTrial } from './swarm-plan.ts';

export interface Tally {
  readonly worlds: number;
  readonly connections: number;
  readonly broken: number;
  readonly saved: number;
  readonly excused: number;
  /** The most by which one ended later than without the shim; and where nothing is lost. */
  readonly laterUsMax: number;
  readonly laterCleanUsMax: number;
  /** Of all worlds, in any order. */
  readonly traceHash: number;
  readonly failures: readonly Failure[];
}

/** A seed whose world does not hold what is claimed. */
export interface Failure {
  readonly seed: number;
  readonly violations: readonly Violation[];
}

/** The same, as small as it still shows. */
export interface Explanation extends Failure {
  readonly trial: Trial;
  readonly tries: number;
  /** The packets of the first connection that a claim is broken for. */
  readonly packets: readonly string[];
}

export const EMPTY_TALLY: Tally = {
  worlds: 0,
  connections: 0,
  broken: 0,
  saved: 0,
  excused: 0,
  laterUsMax: 0,
  laterCleanUsMax: 0,
  traceHash: 0,
  failures: [],
};

const SEED_MASK = 0x7fffffff;

export function seedAt(fromSeed: number, i: number): number {
  return (fromSeed + i) & SEED_MASK;
}

export function runBlock(fromSeed: number, worldCount: number): Tally {
  let tally = EMPTY_TALLY;
  for (let i = 0; i < worldCount; i++) {
    const seed = seedAt(fromSeed, i);
    const one = judgeSeed(swarmTrial(seed));
    const failures = one.violations.length > 0 ? [{ seed, violations: one.violations }] : [];
    tally = addTallies(tally, {
      worlds: 1,
      connections: one.connectionCount,
      broken: one.broken,
      saved: one.saved,
      excused: one.excused,
      laterUsMax: one.laterUs,
      laterCleanUsMax: one.laterCleanUs,
      traceHash: mix(seed, one.traceHash),
      failures,
    });
  }
  return tally;
}

export function addTallies(one: Tally, other: Tally): Tally {
  return {
    worlds: one.worlds + other.worlds,
    connections: one.connections + other.connections,
    broken: one.broken + other.broken,
    saved: one.saved + other.saved,
    excused: one.excused + other.excused,
    laterUsMax: Math.max(one.laterUsMax, other.laterUsMax),
    laterCleanUsMax: Math.max(one.laterCleanUsMax, other.laterCleanUsMax),
    traceHash: (one.traceHash + other.traceHash) | 0,
    failures: [...one.failures, ...other.failures],
  };
}

/** Whatever the engine throws is a claim that does not hold. */
function judgeSeed(trial: Trial): Judgement {
  try {
    return judgeWorld(trial);
  } catch (error) {
    const thrown = error instanceof Error ? (error.stack ?? error.message) : String(error);
    const figures = { thrown: thrown.split('\n').slice(0, 3).join(' ') };
    const violations = [{ claim: 'engine-sound', connection: -1, figures } as const];
    const connectionCount = trial.plan.connections.length;
    const nothing = { broken: 0, saved: 0, excused: 0, laterUs: 0, laterCleanUs: 0, traceHash: 0 };
    return { violations, connectionCount, ...nothing };
  }
}

/** Makes the world of a seed that fails as small as it still breaks the same claim. */
export function explain(seed: number): Explanation | null {
  const [first] = judgeSeed(swarmTrial(seed)).violations;
  if (first === undefined) return null;
  const shows = (trial: Trial) =>
    judgeSeed(trial).violations.some(({ claim }) => claim === first.claim);
  const { trial, tries } = shrink(swarmTrial(seed), shows);
  const { violations } = judgeSeed(trial);
  const about = violations.find(({ claim }) => claim === first.claim) ?? first;
  return { seed, violations, trial, tries, packets: packetLines(trial, about) };
}

export function formatFailure({ seed, violations }: Failure): string {
  return `seed ${seed}: ${violations.map(formatViolation).join('; ')}`;
}
