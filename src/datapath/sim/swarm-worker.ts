/** Entry of a simulation thread (`dist/simulate-worker.js`): judges the blocks that it is sent. */
import { parentPort } from 'node:worker_threads';
import { runBlock } from './swarm-block.ts';

export interface Block {
  readonly index: number;
  readonly fromSeed: number;
  readonly worldCount: number;
}

parentPort?.on('message', ({ index, fromSeed, worldCount }: Block) => {
  parentPort?.postMessage({ index, tally: runBlock(fromSeed, worldCount) });
});
