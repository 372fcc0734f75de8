/** The texts of `test/fixtures`, as bytes, none longer than a fuzzer's input may be. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const BYTES_MAX = 4096;
const { SEQSHIM_FUZZ_ROOT } = process.env;
const DIR = join(SEQSHIM_FUZZ_ROOT ?? join(import.meta.dirname, '../..'), 'test/fixtures');

export function fixtures(pattern: RegExp): Uint8Array[] {
  return readdirSync(DIR, { recursive: true, encoding: 'utf8' })
    .filter((name) => pattern.test(name))
    .sort()
    .map((name) => readFileSync(join(DIR, name)).subarray(0, BYTES_MAX));
}
