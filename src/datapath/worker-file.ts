/** Where the program of a thread is. Owns nothing. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export type WorkerFile = 'packet-worker.js' | 'simulate-worker.js';

/** Beside the bundle, beside its chunks, or in dist/ when this runs from source. */
export function workerFile(name: WorkerFile): URL {
  for (const path of ['./', '../', '../../dist/']) {
    const url = new URL(path + name, import.meta.url);
    if (existsSync(fileURLToPath(url))) return url;
  }
  throw new Error(`Cannot start: dist/${name} is missing. Run: npm run build`);
}
