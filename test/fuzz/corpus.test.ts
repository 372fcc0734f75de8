/**
 * What the fuzzer has kept, and what it begins with, through every target: nothing that was found
 * once comes back. The inputs are few and short, so that this takes seconds.
 */
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { ROOT } from '../tidy/source-files.ts';
import { CORPUS_DIR, readInputs } from './corpus-files.ts';
import { TARGETS } from './targets.ts';

afterAll(async () => {
  for (const target of TARGETS) await target.close?.();
});

describe.each(TARGETS)('$name', (target) => {
  const inputs = readInputs(join(ROOT, CORPUS_DIR, target.name));

  it(`survives ${inputs.length} inputs that were kept, and those to begin with`, async () => {
    expect(inputs.length).toBeGreaterThan(0);
    for (const input of [...target.seeds(), ...inputs]) {
      expect(input.length).toBeLessThanOrEqual(target.bytesMax);
      await target.run(input);
    }
  });
});
