/**
 * Many worlds on all processors: hands out blocks of seeds, in order, and adds up what comes back,
 * in order too. Where it ends follows from the sums, so that the same question has the same answer
 * on any number of threads. Owns its threads.
 */
import { Worker } from 'node:worker_threads';
import { workerFile } from '../worker-file.ts';
import { addTallies, EMPTY_TALLY, runBlock, seedAt, type Tally } from './swarm-block.ts';
import type { Block } from './swarm-worker.ts';

const WORLDS_EACH = 32;
/** More say nothing new. */
export const FAILURES_MAX = 10;

export interface SwarmQuestion {
  readonly seed: number;
  /** Ends with the world that makes them so many; infinite where the clock decides. */
  readonly connections: number;
  readonly threadCount: number;
  /** Asked between blocks: is it time to end? */
  readonly isOver: () => boolean;
  readonly onProgress: (soFar: Tally) => void;
}

export async function runSwarm(question: SwarmQuestion): Promise<Tally> {
  const soFar = new Sums(question);
  // Few worlds are not worth a thread, and are counted one by one: one seed can be asked for.
  const worldCount = question.connections <= WORLDS_EACH ? 1 : WORLDS_EACH;
  if (worldCount === 1 || question.threadCount < 2) {
    for (let i = 0; !soFar.isEnough && !question.isOver(); i++) {
      soFar.take(i, runBlock(seedAt(question.seed, i * worldCount), worldCount));
      await new Promise((resolve) => setImmediate(resolve)); // Ctrl-C is heard
    }
    return soFar.tally;
  }
  const threads = Array.from({ length: question.threadCount }, () => {
    return new Worker(workerFile('simulate-worker.js'));
  });
  try {
    const next = { index: 0 };
    await Promise.all(threads.map((thread) => feed(thread, question, soFar, next)));
  } finally {
    await Promise.all(threads.map((thread) => thread.terminate()));
  }
  return soFar.tally;
}

/** One block after the other to one thread, until there are enough. */
function feed(thread: Worker, question: SwarmQuestion, soFar: Sums, next: { index: number }) {
  return new Promise<void>((resolve, reject) => {
    const send = () => {
      if (soFar.isEnough || question.isOver()) {
        resolve();
        return;
      }
      const index = next.index++;
      const fromSeed = seedAt(question.seed, index * WORLDS_EACH);
      thread.postMessage({ index, fromSeed, worldCount: WORLDS_EACH } satisfies Block);
    };
    thread.on('error', reject);
    thread.on('message', ({ index, tally }: { index: number; tally: Tally }) => {
      soFar.take(index, tally);
      send();
    });
    send();
  });
}

/** The sums of all blocks up to the first that is missing. */
class Sums {
  tally = EMPTY_TALLY;
  private readonly question: SwarmQuestion;
  private readonly early = new Map<number, Tally>();
  private nextIndex = 0;

  constructor(question: SwarmQuestion) {
    this.question = question;
  }

  get isEnough(): boolean {
    const { connections, failures } = this.tally;
    return connections >= this.question.connections || failures.length >= FAILURES_MAX;
  }

  take(index: number, tally: Tally): void {
    this.early.set(index, tally);
    for (;;) {
      const block = this.early.get(this.nextIndex);
      if (block === undefined || this.isEnough) return;
      this.early.delete(this.nextIndex);
      this.nextIndex++;
      this.tally = addTallies(this.tally, block);
      this.question.onProgress(this.tally);
    }
  }
}
