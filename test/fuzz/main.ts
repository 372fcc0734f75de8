/**
 * `npm run fuzz`: fuzzes one target or all of them, one after the other, each its share of the
 * time; or runs one input (`--input`), or makes what was found part of the project (`--save`). Exit
 * 1: something was found, and a file says what. Owns the output.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { hashSeed } from '../helpers/seed.ts';
import {
  CORPUS_DIR,
  CRASH_DIR,
  FOUND_DIR,
  readInputs,
  replaceInputs,
  writeInput,
} from './corpus-files.ts';
import { type Result, supervise } from './supervisor.ts';
import { TARGETS } from './targets.ts';

const USAGE = 'npm run fuzz -- [--minutes N] [--target NAME] [--seed S] [--input FILE] [--save]';
const MINUTES_DEFAULT = '1';
/** What unit tests replay is small: the shortest inputs that reach most. */
const SAVED_COUNT_MAX = 300;

export interface Given {
  readonly root: string;
  readonly worker: URL;
  readonly words: readonly string[];
  readonly numbers: readonly number[];
}

const NAMES = TARGETS.map(({ name }) => name);

export async function main(argv: readonly string[], given: Given): Promise<number> {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      minutes: { type: 'string', default: MINUTES_DEFAULT },
      target: { type: 'string', multiple: true, default: [] },
      seed: { type: 'string', default: String(Date.now()) },
      input: { type: 'string' },
      save: { type: 'boolean', default: false },
    },
  });
  const minutes = Number(values.minutes);
  const unknown = values.target.find((name) => !NAMES.includes(name));
  if (!(minutes > 0) || unknown !== undefined) {
    const what = unknown === undefined ? `--minutes ${values.minutes}` : `--target ${unknown}`;
    say(`Cannot use ${what}. ${USAGE}; targets: ${NAMES.join(', ')}`);
    return 2;
  }
  const names = values.target.length > 0 ? values.target : NAMES;
  const run = new FuzzRun(given, hashSeed(values.seed));
  if (values.input !== undefined) return run.replay(names, values.input);
  if (values.save) return run.save(names);
  say(`seed ${values.seed}, ${minutes} minutes for ${names.length} targets`);
  let failed = 0;
  for (const name of names) failed += await run.fuzz(name, (minutes * 60_000) / names.length);
  return failed === 0 ? 0 : 1;
}

class FuzzRun {
  private readonly given: Given;
  private readonly seed: number;

  constructor(given: Given, seed: number) {
    this.given = given;
    this.seed = seed;
  }

  async fuzz(name: string, ms: number): Promise<number> {
    const inputs = this.inputsOf(name);
    const beganMs = Date.now();
    const result = await this.start(name, inputs, ms, undefined);
    const seconds = (Date.now() - beganMs) / 1000;
    for (const input of result.corpus) writeInput(this.dir(FOUND_DIR, name), input);
    const rate = Math.round(result.runCount / seconds);
    const from = result.firstPlaceCount;
    say(
      `${name}: ${result.runCount} runs (${rate} a second), ${result.corpus.length} inputs kept, ` +
        `${result.placeCount} places reached, ${result.placeCount - from} more than before`,
    );
    return this.tell(name, result);
  }

  /** One input as it is; of several targets the first. */
  async replay([name = '']: readonly string[], file: string): Promise<number> {
    const input = new Uint8Array(readFileSync(file));
    const result = await this.start(name, [input], 0, 'replay');
    if (result.failure === undefined) say(`${name}: nothing is wrong with ${file}`);
    else say(`${name}: ${result.failure.text}`);
    return result.failure === undefined ? 0 : 1;
  }

  /** The fewest and shortest inputs that reach what all of them do. */
  async save(names: readonly string[]): Promise<number> {
    for (const name of names) {
      const { corpus } = await this.start(name, this.inputsOf(name), 0, 'minimise');
      replaceInputs(this.dir(CORPUS_DIR, name), corpus.slice(0, SAVED_COUNT_MAX));
      say(`${name}: ${Math.min(corpus.length, SAVED_COUNT_MAX)} inputs saved`);
    }
    return 0;
  }

  private start(
    name: string,
    inputs: readonly Uint8Array[],
    ms: number,
    only: 'replay' | 'minimise' | undefined,
  ): Promise<Result> {
    const { worker, words, numbers } = this.given;
    const until = Date.now() + ms;
    return supervise(worker, { name, inputs, until, seed: this.seed, words, numbers, only });
  }

  private inputsOf(name: string): Uint8Array[] {
    return [CORPUS_DIR, FOUND_DIR].flatMap((dir) => readInputs(this.dir(dir, name)));
  }

  private dir(dir: string, name: string): string {
    return join(this.given.root, dir, name);
  }

  private tell(name: string, { failure }: Result): number {
    if (failure === undefined) return 0;
    const file = writeInput(join(this.given.root, CRASH_DIR), failure.input, `${name}-`);
    say(`${name}: FAILED: ${failure.text}`);
    say(`${name}: again with: npm run fuzz -- --target ${name} --input ${file}`);
    return 1;
  }
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
