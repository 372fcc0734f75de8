/**
 * The main thread's garbage, collected while it is little. That thread allocates some MB an hour:
 * V8 would let those pile up for hours before it collects the old generation, and a watcher could
 * not tell that from a leak. The packet thread has a heap of its own and does not wait for this.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collect: () => void = runInNewContext('gc');
setFlagsFromString('--no-expose-gc');

/** The whole heap of this thread: some 10 ms for some 10 MB. */
export function collectGarbage(): void {
  collect();
}
