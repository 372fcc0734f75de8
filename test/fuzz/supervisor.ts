/**
 * Runs a target in a thread of its own and watches it: one that makes no progress is ended, and
 * what it was given last is the finding. Owns the thread, and the words between the two. Times: ms.
 */
import { Worker } from 'node:worker_threads';

/** The memory that both see: this head, then the input that is about to run. */
export const RUN_COUNT = 0;
export const SIZE_BYTES = 1;
export const HEAD_WORDS = 4;
const INPUT_BYTES_MAX = 1 << 16;

/** No input takes long; a machine may be busy. */
const HANG_MS = 15_000;
const LOOK_MS = 500;

export interface ToWorker {
  readonly name: string;
  readonly inputs: readonly Uint8Array[];
  /** Date.now() at which it ends. */
  readonly until: number;
  readonly seed: number;
  readonly shared: SharedArrayBuffer;
  readonly words: readonly string[];
  readonly numbers: readonly number[];
  /** Nothing is changed: inputs run as they are, or are made fewer. */
  readonly only: 'replay' | 'minimise' | undefined;
}

export type FromWorker =
  | { readonly kind: 'begun'; readonly placeCount: number; readonly corpusCount: number }
  | { readonly kind: 'corpus'; readonly inputs: readonly Uint8Array[] }
  | { readonly kind: 'failed'; readonly input: Uint8Array; readonly text: string }
  | {
      readonly kind: 'done';
      readonly runCount: number;
      readonly placeCount: number;
      readonly corpusCount: number;
    };

export interface Result {
  readonly runCount: number;
  readonly placeCount: number;
  /** Those that the first inputs reach. */
  readonly firstPlaceCount: number;
  readonly corpus: readonly Uint8Array[];
  readonly failure: { readonly input: Uint8Array; readonly text: string } | undefined;
}

export function supervise(
  file: URL,
  given: Omit<ToWorker, 'shared'>,
  hangMs = HANG_MS,
): Promise<Result> {
  const shared = new SharedArrayBuffer(HEAD_WORDS * 4 + INPUT_BYTES_MAX);
  const head = new Int32Array(shared, 0, HEAD_WORDS);
  const worker = new Worker(file, { workerData: { ...given, shared } satisfies ToWorker });
  let result: Result = {
    runCount: 0,
    placeCount: 0,
    firstPlaceCount: 0,
    corpus: [],
    failure: undefined,
  };
  return new Promise((resolve) => {
    let runs = -1;
    let sinceMs = Date.now();
    const look = setInterval(() => {
      const now = Atomics.load(head, RUN_COUNT);
      if (now !== runs) sinceMs = Date.now();
      runs = now;
      if (Date.now() - sinceMs < hangMs) return;
      const input = new Uint8Array(shared, HEAD_WORDS * 4).slice(0, head[SIZE_BYTES]);
      end({ failure: { input, text: `no end within ${hangMs} ms` }, runCount: runs });
    }, LOOK_MS);
    const end = (last: Partial<Result>) => {
      clearInterval(look);
      void worker.terminate();
      resolve({ ...result, ...last });
    };
    worker.on('message', (message: FromWorker) => {
      if (message.kind === 'begun') result = { ...result, firstPlaceCount: message.placeCount };
      else if (message.kind === 'corpus') result = { ...result, corpus: message.inputs };
      else if (message.kind === 'failed') result = { ...result, failure: message };
      else end({ runCount: message.runCount, placeCount: message.placeCount });
    });
    // What a callback throws ends the thread: the input is the last that it was given.
    worker.on('error', (error) => {
      const input = new Uint8Array(shared, HEAD_WORDS * 4).slice(0, head[SIZE_BYTES]);
      end({ failure: { input, text: String(error.stack ?? error) }, runCount: runs });
    });
  });
}
