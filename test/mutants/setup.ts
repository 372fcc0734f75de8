/**
 * In the process that runs the tests: whose turn it is, which mutants a file of tests reaches, and
 * an end to loops without one.
 */
import { writeFileSync } from 'node:fs';
import { afterAll, beforeEach, inject } from 'vitest';
import { ASK, TURN } from './schemata.ts';

/** No test turns so often by far. */
const TURNS_MAX = 150_000_000;

const mutant = inject('mutant');
const hitsFile = inject('hitsFile');
const hits = new Uint8Array(1 << 16);
let turns = 0;

Object.assign(globalThis, {
  [ASK]: (id: number): boolean => {
    hits[id] = 1;
    return id === mutant;
  },
  [TURN]: (): void => {
    if (++turns > TURNS_MAX) throw new Error('a loop without end');
  },
});

beforeEach(() => {
  turns = 0;
});

afterAll(() => {
  if (hitsFile !== '')
    writeFileSync(hitsFile, JSON.stringify([...hits.keys()].filter((id) => hits[id] === 1)));
});

declare module 'vitest' {
  interface ProvidedContext {
    /** The one whose turn it is; -1: none. */
    mutant: number;
    /** Where to write which mutants were reached; empty: nowhere. */
    hitsFile: string;
  }
}
