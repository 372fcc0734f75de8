/**
 * An input that is still being written: a pipe, or a FIFO, until its end or until whoever reads has
 * had enough. Owns how a read that waits is ended; a regular file is read to its end.
 */
import { open as openFile, type PathLike } from 'node:fs';
import { stat } from 'node:fs/promises';
import { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { openInput, type Pieces } from '../read-input.ts';

const open = promisify((path: PathLike, done: (error: Error | null, fd: number) => void) =>
  openFile(path, 'r', done),
);

/** Ends with its source, or once `stop` is aborted: then without an error. */
export async function* livePieces(name: string, stop: AbortSignal): AsyncGenerator<Uint8Array> {
  const source = await openLive(name);
  if (!isStream(source)) {
    for await (const piece of source) {
      if (stop.aborted) return;
      yield piece;
    }
    return;
  }
  const end = () => source.destroy();
  stop.addEventListener('abort', end);
  if (stop.aborted) end();
  try {
    for await (const piece of source) yield piece;
  } catch (error) {
    if (!stop.aborted) throw error;
  } finally {
    stop.removeEventListener('abort', end);
  }
}

/** A read of a FIFO that waits holds the process up at its end; a socket's can be given up. */
async function openLive(name: string): Promise<Pieces | Readable> {
  if (name === '-') return process.stdin;
  if (!(await stat(name)).isFIFO()) return openInput(name);
  return new Socket({ fd: await open(name), readable: true, writable: false });
}

function isStream(source: Pieces | Readable): source is Readable {
  return 'destroy' in source;
}
