/**
 * The fuzzer itself: its counters say where a run went and change nothing else, with them it finds
 * what blind changes do not, its words come from the source, and an oracle's complaint is a
 * finding.
 */
import { transformSync } from 'rolldown/utils';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Random } from '../helpers/seed.ts';
import { COUNTERS, Instrumenter } from './instrument.ts';
import { type Failure, FuzzLoop, minimise } from './loop.ts';
import { Dictionary, mutateParts, spliced } from './mutation.ts';
import type { Target } from './target.ts';

const NOTHING = new Dictionary([], []);
const RUNS_MAX = 200_000;

/** Throws for one input of 2^32, a step at a time. */
const STEPS = `
export function run(input) {
  if (input[0] !== 0x5e) return 0;
  if (input[1] !== 0x51) return 1;
  if (input[2] !== 0x53) return 2;
  if (input[3] !== 0x17) return 3;
  throw new Error('there');
}`;

/** A module keeps the array that it has found. */
const counters = new Uint8Array(256);
beforeAll(() => {
  Object.assign(globalThis, { [COUNTERS]: counters });
});
beforeEach(() => {
  counters.fill(0);
});
afterAll(() => {
  Reflect.deleteProperty(globalThis, COUNTERS);
});

/** TypeScript as JavaScript. */
function stripTypes(source: string): string {
  return transformSync('x.ts', source).code;
}

async function load(source: string): Promise<Record<string, (input: Uint8Array) => unknown>> {
  const code = `data:text/javascript,${encodeURIComponent(source)}#${Math.imul(source.length, 7)}`;
  return (await import(/* @vite-ignore */ code)) as never;
}

async function targetOf(source: string): Promise<Target> {
  const { run } = await load(source);
  return {
    name: 'x',
    about: '',
    bytesMax: 16,
    seeds: () => [],
    run: (input) => {
      run?.(input);
    },
  };
}

async function fuzzed(target: Target, seed: number): Promise<Failure | undefined> {
  const loop = new FuzzLoop(target, counters, NOTHING, new Random(seed));
  let failure = await loop.take(new Uint8Array(4));
  while (failure === undefined && loop.runCount < RUNS_MAX) failure = await loop.step();
  return failure;
}

describe('FuzzLoop', () => {
  it('finds one input of four thousand millions by the steps that lead there', async () => {
    const source = new Instrumenter().instrument(STEPS);
    const failure = await fuzzed(await targetOf(source), 1);
    expect(failure?.error).toEqual(new Error('there'));
    expect([...(failure?.input.subarray(0, 4) ?? [])]).toEqual([0x5e, 0x51, 0x53, 0x17]);
  });

  it('does not find it without the counters', async () => {
    expect(await fuzzed(await targetOf(STEPS), 1)).toBeUndefined();
  });

  it('makes a corpus smaller that reaches as much', async () => {
    const source = new Instrumenter().instrument(STEPS);
    const target = await targetOf(source);
    const inputs = [[0], [0x5e, 0, 0], [0x5e, 1], [0x5e, 0x51], [1, 1, 1]].map((bytes) =>
      Uint8Array.from(bytes),
    );
    const loop = new FuzzLoop(target, counters, NOTHING, new Random(1));
    const kept = await minimise(inputs, loop);
    expect(kept.map((input) => [...input])).toEqual([[0], [0x5e, 1], [0x5e, 0x51]]);
  });
});

describe('Instrumenter', () => {
  const SOURCE = `
    const pick = (x: number): string => (x > 2 ? 'many' : x === 0 || x < 0 ? 'none' : 'few');
    export function run(input: Uint8Array): unknown {
      const said: string[] = [];
      for (const x of input) said.push(pick(x));
      if (said.length > 3) said.push('long'); else if (said.length === 0) return undefined;
      let n = 0;
      do n++; while (n < 3);
      switch (n) {
        case 1: said.push('one'); break;
        default: said.push((n as number) === 3 && said[0] === 'few' ? 'three' : 'other');
      }
      const made = () => ({ n, said: said.join() });
      return made();
    }`;

  it('changes nothing of what a source does', async () => {
    const plain = await load(stripTypes(SOURCE));
    const counted = await load(stripTypes(new Instrumenter().instrument(SOURCE)));
    for (const bytes of [[], [0], [1], [1, 2, 3, 4], [9, 9]]) {
      const input = Uint8Array.from(bytes);
      expect(counted['run']?.(input)).toEqual(plain['run']?.(input));
    }
    expect(counters.filter((count) => count > 0).length).toBeGreaterThan(12);
  });

  it('takes words and numbers out of a source, also those of patterns', () => {
    const instrumenter = new Instrumenter();
    instrumenter.instrument("x === 'Flags [' || x > 0xa1b2c3d4 || /^Connection to \\S+/.test(x);");
    expect([...instrumenter.words]).toEqual(['Flags [', 'Connection to ']);
    expect([...instrumenter.numbers]).toEqual([0xa1b2c3d4]);
  });
});

describe('mutations', () => {
  it('put pieces in, take them out, and never reach outside', () => {
    const input = Uint8Array.of(1, 2, 3);
    expect([...spliced(input, 1, 1, Uint8Array.of(7, 8))]).toEqual([1, 7, 8, 3]);
    expect([...spliced(input, 9, 9, Uint8Array.of(7))]).toEqual([1, 2, 3, 7]);
    expect([...spliced(input, 0, 9, new Uint8Array(0))]).toEqual([]);
  });

  it('leave parts whole', () => {
    const random = new Random(3);
    for (let run = 0; run < 200; run++) {
      const out = mutateParts(['a', 'b', 'c'], ['x', 'y'], random);
      expect(out.every((part) => 'abcxy'.includes(part))).toBe(true);
    }
  });
});
