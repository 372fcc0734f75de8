/**
 * Inputs on disk, each named after its content: those that are part of the project
 * (`test/fuzz/corpus`, small, replayed by the unit tests), those that runs here have found, and
 * what made a target fail. Owns those directories.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const NAME_CHARACTERS = 12;

export const CORPUS_DIR = 'test/fuzz/corpus';
/** Not part of the project. */
export const FOUND_DIR = 'build/fuzz/corpus';
export const CRASH_DIR = 'build/fuzz/crashes';

export function readInputs(dir: string): Uint8Array[] {
  try {
    return readdirSync(dir)
      .sort()
      .map((name) => new Uint8Array(readFileSync(join(dir, name))));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

export function writeInput(dir: string, input: Uint8Array, prefix = ''): string {
  mkdirSync(dir, { recursive: true });
  const hash = createHash('sha256').update(input).digest('hex').slice(0, NAME_CHARACTERS);
  const path = join(dir, prefix + hash);
  writeFileSync(path, input);
  return path;
}

export function replaceInputs(dir: string, inputs: readonly Uint8Array[]): void {
  rmSync(dir, { recursive: true, force: true });
  for (const input of inputs) writeInput(dir, input);
}
