/** Threads that find something, hang, or die: the input is known in every case. */
import { describe, expect, it } from 'vitest';
import { HEAD_WORDS, RUN_COUNT, SIZE_BYTES, supervise } from './supervisor.ts';

const GIVEN = {
  name: 'x',
  inputs: [],
  until: 0,
  seed: 1,
  words: [],
  numbers: [],
  only: undefined,
} as const;
const HANG_MS = 700;

/** A worker that says it is about to run 1, 2, 3, and then does `what`. */
function worker(what: string): URL {
  const source = `
    import { parentPort, workerData } from 'node:worker_threads';
    const head = new Int32Array(workerData.shared, 0, ${HEAD_WORDS});
    new Uint8Array(workerData.shared, ${HEAD_WORDS} * 4).set([1, 2, 3]);
    head[${SIZE_BYTES}] = 3;
    Atomics.add(head, ${RUN_COUNT}, 1);
    const tell = (message) => parentPort.postMessage(message);
    ${what}`;
  return new URL(`data:text/javascript,${encodeURIComponent(source)}`);
}

describe('supervise()', () => {
  it('hands on what a thread has found', async () => {
    const result = await supervise(
      worker(`
        tell({ kind: 'begun', placeCount: 3, corpusCount: 1 });
        tell({ kind: 'corpus', inputs: [Uint8Array.of(9)] });
        tell({ kind: 'failed', input: Uint8Array.of(7), text: 'no' });
        tell({ kind: 'done', runCount: 5, placeCount: 4, corpusCount: 1 });`),
      GIVEN,
      HANG_MS,
    );
    expect(result).toMatchObject({ runCount: 5, placeCount: 4, firstPlaceCount: 3 });
    expect(result.corpus).toEqual([Uint8Array.of(9)]);
    expect(result.failure).toMatchObject({ input: Uint8Array.of(7), text: 'no' });
  });

  it('ends a thread that hangs, and knows by what', async () => {
    const { failure } = await supervise(worker('for (;;);'), GIVEN, HANG_MS);
    expect(failure).toEqual({ input: Uint8Array.of(1, 2, 3), text: 'no end within 700 ms' });
  });

  it('knows by what a thread was ended whose callback threw', async () => {
    const died = worker("setTimeout(() => { throw new Error('late'); }, 1);");
    const { failure } = await supervise(died, GIVEN, 10_000);
    expect(failure?.input).toEqual(Uint8Array.of(1, 2, 3));
    expect(failure?.text).toContain('late');
  });
});
