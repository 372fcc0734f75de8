/**
 * Opens what `diagnose` was given: a capture is read whole (its reader bounds it), text line by
 * line without keeping it. Owns the errors an operator can cause here. A stream is decoded as UTF-8
 * and split at LF; the cleaner takes the CR.
 */
import { createReadStream } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { CaptureError } from '../datapath/pcap/capture.ts';
import { isCapture } from '../datapath/pcap/read-capture.ts';

const MAGIC_BYTES = 4;
/** One line that never ends must not fill the memory; it is no packet anyway. */
const LINE_CHARACTERS_KEPT = 16_384;

export interface OpenInput {
  /** The whole file when it is a capture. */
  readonly capture: Uint8Array | undefined;
  readonly text: Readable | undefined;
}

export async function openInput(name: string): Promise<OpenInput> {
  if (name === '-') return { capture: undefined, text: process.stdin };
  const file = await open(name);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(MAGIC_BYTES), 0, MAGIC_BYTES, 0);
    if (bytesRead === MAGIC_BYTES && isCapture(buffer)) {
      return { capture: await readFile(name), text: undefined };
    }
  } finally {
    await file.close();
  }
  return { capture: undefined, text: createReadStream(name) };
}

/** Calls `feed` with every line; true when the stream turned out to be a capture. */
export async function readLines(
  stream: Readable,
  feed: (line: string) => void,
): Promise<Uint8Array | undefined> {
  const decoder = new TextDecoder('utf-8');
  const chunks: Uint8Array[] = [];
  let isFirst = true;
  let isBinary = false;
  let rest = '';
  for await (const data of stream) {
    const chunk: Uint8Array = typeof data === 'string' ? Buffer.from(data) : data;
    if (isFirst) isBinary = isCapture(chunk);
    isFirst = false;
    if (isBinary) {
      chunks.push(chunk);
      continue;
    }
    rest = feedWhole(rest + decoder.decode(chunk, { stream: true }), feed);
  }
  if (isBinary) return Buffer.concat(chunks);
  rest = feedWhole(rest + decoder.decode(), feed);
  if (rest !== '') feed(rest);
  return undefined;
}

/** Feeds every complete line and gives back what is left. */
function feedWhole(text: string, feed: (line: string) => void): string {
  let from = 0;
  for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', from)) {
    feed(text.slice(from, end));
    from = end + 1;
  }
  const rest = text.slice(from);
  return rest.length > LINE_CHARACTERS_KEPT ? rest.slice(0, LINE_CHARACTERS_KEPT) : rest;
}

/** One line that says what could not be read, or undefined when it is our fault. */
export function inputErrorText(name: string, error: unknown): string | undefined {
  if (error instanceof CaptureError) return `${error.message} (${name})`;
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (code === 'ENOENT') return `Cannot open "${name}": no such file`;
  if (code === 'EISDIR') return `Cannot open "${name}": it is a directory, name a file in it`;
  if (code === 'EACCES') return `Cannot open "${name}": permission denied`;
  return undefined;
}
