/** What lives on this thread's heap, without what is only not collected yet. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
export const collect: () => void = runInNewContext('gc');

export function liveBytes(): number {
  collect();
  return process.memoryUsage().heapUsed;
}
