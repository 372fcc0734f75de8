/**
 * The simulator with a bug planted in the engine: the source is changed while it is bundled, so the
 * engine that ships needs nothing for it. Owns the bundle, in a directory of its own.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { rolldown } from 'rolldown';
import type { Tally } from '../../src/datapath/sim/swarm-block.ts';
import { ROOT } from '../tidy/source-files.ts';

export interface PlantedBug {
  readonly name: string;
  readonly file: string;
  /** Stands in the file once; a bug that can no longer be planted fails the test. */
  readonly right: string;
  readonly wrong: string;
}

export type RunBlock = (fromSeed: number, worldCount: number) => Tally;

export async function plantBug(bug: PlantedBug): Promise<RunBlock> {
  let plantedCount = 0;
  const bundle = await rolldown({
    input: join(ROOT, 'src/datapath/sim/swarm-block.ts'),
    platform: 'node',
    plugins: [
      {
        name: 'plant-bug',
        transform(code: string, id: string) {
          if (!id.endsWith(bug.file)) return null;
          const parts = code.split(bug.right);
          if (parts.length !== 2) throw new Error(`${bug.file} has "${bug.right}" not once`);
          plantedCount++;
          return parts.join(bug.wrong);
        },
      },
    ],
  });
  const dir = mkdtempSync(join(tmpdir(), 'seqshim-planted-'));
  try {
    const file = join(dir, 'swarm-block.mjs');
    await bundle.write({ file, format: 'esm' });
    if (plantedCount !== 1) throw new Error(`no ${bug.file} in the bundle`);
    const { runBlock } = (await import(pathToFileURL(file).href)) as { runBlock: RunBlock };
    return runBlock;
  } finally {
    await bundle.close();
    rmSync(dir, { recursive: true, force: true });
  }
}
