/** The tests of the engine, over sources that hold the sampled mutants (`main.ts` starts it). */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';
import type { Mutant } from './mutators.ts';
import { withMutants } from './schemata.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const { SEQSHIM_MUTANTS = '' } = process.env;
const mutants = JSON.parse(readFileSync(SEQSHIM_MUTANTS, 'utf8')) as Mutant[];

/** As they are given, quickest first: most mutants are noticed by the first that reaches them. */
class GivenOrder extends BaseSequencer {
  override async sort(specs: TestSpecification[]): Promise<TestSpecification[]> {
    return specs;
  }
}

export default defineConfig({
  root: ROOT,
  plugins: [
    {
      name: 'mutants',
      enforce: 'pre',
      transform(code, id) {
        if (!id.startsWith(`${ROOT}src/engine/`)) return undefined;
        const file = id.slice(ROOT.length);
        return withMutants(
          code,
          mutants.filter((mutant) => mutant.file === file),
        );
      },
    },
  ],
  test: {
    include: [
      'test/engine/**/*.test.ts',
      'test/golden/*.test.ts',
      'test/fuzz/corpus.test.ts',
      'test/sim/*.sim.test.ts',
    ],
    sequence: { sequencer: GivenOrder },
    // Nothing but time, and what patches the engine itself.
    exclude: [
      'test/engine/**/*.fuzz.test.ts',
      'test/engine/flood.test.ts',
      'test/sim/planted-bugs.sim.test.ts',
    ],
    setupFiles: ['test/mutants/setup.ts'],
    isolate: false,
    maxWorkers: 1,
    bail: 1,
    testTimeout: 30_000,
    provide: { mutant: -1, hitsFile: '' },
  },
});
