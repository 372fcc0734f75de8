/**
 * What can be fuzzed: one entry to the code, the inputs to begin with, and what must hold. Owns the
 * shape, and the words in which a target complains.
 */
import type { Random } from '../helpers/seed.ts';

export interface Target {
  readonly name: string;
  /** What is fed, in words. */
  readonly about: string;
  /** Inputs are no longer. */
  readonly bytesMax: number;
  /** Good inputs, made from what the tests have. */
  seeds(): readonly Uint8Array[];
  /** Changes that know the form, tried by turns with those that do not. */
  mutate?(input: Uint8Array, random: Random, other: Uint8Array): Uint8Array;
  /** One input; throws where something does not hold. */
  run(input: Uint8Array): void | Promise<void>;
  close?(): void | Promise<void>;
}

/** An oracle has spoken. Anything else that a target throws is a finding too. */
export class Complaint extends Error {}

export function demand(holds: boolean, what: string): void {
  if (!holds) throw new Complaint(what);
}

/** An error that an operator may cause is one line, and says nothing that is a hole. */
export function demandOneLine(text: string): void {
  demand(text !== '' && !/[\n\r]/.test(text), `not one line: ${JSON.stringify(text)}`);
  demandWhole(text);
}

/** Nothing was printed that is no word. */
export function demandWhole(text: string): void {
  const hole = /\bundefined\b|\bNaN\b|\[object /.exec(text);
  demand(hole === null, `a hole in what is said: ${text.slice(0, 200)}`);
}

/** Both must be the same text; says where they part. */
export function demandSame(one: string, other: string, what: string): void {
  if (one === other) return;
  let at = 0;
  while (one[at] === other[at]) at++;
  const [a, b] = [one, other].map((text) => text.slice(Math.max(0, at - 40), at + 60));
  throw new Complaint(`${what}: ${JSON.stringify(a)} against ${JSON.stringify(b)}`);
}
