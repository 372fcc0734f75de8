/**
 * The thread that fuzzes one target until its time is up or it has found something. What it is
 * about to run stands in shared memory before it runs: that outlives a hang. Times: ms.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { Random } from '../helpers/seed.ts';
import { COUNTER_PLACES, COUNTERS } from './instrument.ts';
import { type Failure, FuzzLoop, minimise } from './loop.ts';
import { Dictionary } from './mutation.ts';
import type { FromWorker, ToWorker } from './supervisor.ts';
import { HEAD_WORDS, RUN_COUNT, SIZE_BYTES } from './supervisor.ts';

const { name, inputs, until, seed, shared, words, numbers, only } = workerData as ToWorker;

const counters = new Uint8Array(COUNTER_PLACES);
Object.assign(globalThis, { [COUNTERS]: counters });
// Behind the line above: every module keeps the array that stands there when it is loaded.
const { targetNamed } = await import('./targets.ts');

const head = new Int32Array(shared, 0, HEAD_WORDS);
const bytes = new Uint8Array(shared, HEAD_WORDS * 4);

function before(input: Uint8Array): void {
  bytes.set(input.subarray(0, bytes.length));
  head[SIZE_BYTES] = input.length;
  Atomics.add(head, RUN_COUNT, 1);
}

function tell(message: FromWorker): void {
  parentPort?.postMessage(message);
}

async function fuzz(): Promise<void> {
  const target = targetNamed(name);
  if (target === undefined) throw new Error(`no target ${name}`);
  const dictionary = new Dictionary(words, numbers);
  const loop = new FuzzLoop(target, counters, dictionary, new Random(seed), before);
  let failure: Failure | undefined;
  if (only === 'minimise') {
    const kept = await minimise(inputs, loop);
    tell({ kind: 'corpus', inputs: kept });
  } else {
    const first = only === 'replay' ? inputs : [...target.seeds(), ...inputs];
    for (const input of first) failure ??= await loop.take(input, true);
    if (only !== 'replay') {
      tell({ kind: 'begun', placeCount: loop.placeCount, corpusCount: loop.corpus.length });
      while (failure === undefined && Date.now() < until) failure = await loop.step();
      tell({ kind: 'corpus', inputs: loop.corpus });
    }
  }
  if (failure !== undefined) {
    const { input, error } = failure;
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    tell({ kind: 'failed', input, text });
  }
  const { runCount, placeCount } = loop;
  await target.close?.();
  tell({ kind: 'done', runCount, placeCount, corpusCount: loop.corpus.length });
}

fuzz().catch((error: unknown) => {
  tell({ kind: 'failed', input: new Uint8Array(0), text: String((error as Error).stack ?? error) });
  tell({ kind: 'done', runCount: 0, placeCount: 0, corpusCount: 0 });
});
