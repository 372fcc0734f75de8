/** Where the packet thread's program is. Owns nothing. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const WORKER_FILE = 'packet-worker.js';

/** Beside the bundle, beside its chunks, or in dist/ when this runs from source. */
export function workerFile(): URL {
  for (const path of ['./', '../', '../../../dist/']) {
    const url = new URL(path + WORKER_FILE, import.meta.url);
    if (existsSync(fileURLToPath(url))) return url;
  }
  throw new Error(`Cannot start: dist/${WORKER_FILE} is missing. Run: npm run build`);
}
