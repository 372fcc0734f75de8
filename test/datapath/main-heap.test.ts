/** The main thread's young generation, in a burst of objects that outlive a collection. */
import { once } from 'node:events';
import { getHeapSpaceStatistics } from 'node:v8';
import { Worker } from 'node:worker_threads';
import { expect, it } from 'vitest';
import { collectGarbage, keepYoungGenerationsSmall } from '../../src/datapath/main-heap.ts';

function youngOctets(): number {
  return getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space')
    ?.space_size as number;
}

it('stays small behind the start of a thread', async () => {
  const thread = new Worker('setInterval(() => {}, 1000)', { eval: true });
  await once(thread, 'online');
  keepYoungGenerationsSmall();
  collectGarbage();
  collectGarbage();
  const before = youngOctets();
  let most = 0;
  for (let burst = 0; burst < 100; burst++) {
    const kept = Array.from({ length: 20_000 }, (_, i) => ({ i, more: [i, i, i] }));
    if (kept.length > 0) most = Math.max(most, youngOctets());
  }
  await thread.terminate();
  expect(most).toBeLessThanOrEqual(before);
});
