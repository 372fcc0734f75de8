/**
 * The main thread's heap, kept small and of one size. That thread allocates some MB an hour, and in
 * bursts where evidence is written: V8 would let garbage pile up for hours before it collects the
 * old generation, and would answer a burst with a young generation of up to 32 MiB. A watcher could
 * tell neither from a leak. The packet thread has a heap of its own, allocates nothing, and does
 * not wait for this.
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

/**
 * Young generations stay at the 2 MiB that they begin with: V8 reads this when it would grow one.
 * It takes a factor below 2 back whenever a thread is made (`Heap::ConfigureHeap`): call it then.
 */
export function keepYoungGenerationsSmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1');
}
