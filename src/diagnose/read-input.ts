/**
 * Opens what `diagnose` was given and reads it piece by piece: a capture, either of them in gzip,
 * or text line by line. Nothing is kept of what was read. Owns the errors an operator can cause
 * here. Text is decoded as UTF-8 and split at LF; the cleaner takes the CR.
 */
import { readSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { CaptureError } from '../datapath/pcap/capture.ts';
import { isCapture, isGzip } from '../datapath/pcap/read-capture.ts';

export type Pieces = AsyncIterable<Uint8Array>;

/** What the pieces are handed to; false when no more are wanted. */
export interface InputSink {
  capture(piece: Uint8Array): boolean;
  line(text: string): boolean;
}

const MAGIC_BYTES = 4;
const PIECE_BYTES = 262_144;
/** One line that never ends must not fill the memory; it is no packet anyway. */
const LINE_CHARACTERS_KEPT = 16_384;
/** A NUL among the first characters says that it is no text; later it is a damaged line. */
const NO_NUL_CHARACTERS = 512;

export function openInput(name: string): Pieces {
  return name === '-' ? process.stdin : filePieces(name);
}

/** A piece is good until the next one is asked for. */
async function* filePieces(name: string): AsyncGenerator<Uint8Array> {
  const file = await open(name);
  try {
    const buffer = Buffer.allocUnsafe(PIECE_BYTES);
    // A pipe may keep us waiting; a file does not, and a thread for each piece takes twice as long.
    const isFile = (await file.stat()).isFile();
    for (;;) {
      const bytesRead = isFile
        ? readSync(file.fd, buffer, 0, PIECE_BYTES, null)
        : (await file.read(buffer, 0, PIECE_BYTES)).bytesRead;
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await file.close();
  }
}

/** Whether it was a capture or text. Throws CaptureError for gzip that is damaged. */
export async function readInput(given: Pieces, sink: InputSink): Promise<'capture' | 'text'> {
  const [head, pieces] = await readHead(given);
  if (isGzip(head)) return readInput(unpack(pieces), sink);
  if (isCapture(head)) {
    for await (const piece of pieces) if (!sink.capture(piece)) break;
    return 'capture';
  }
  await readLines(pieces, sink);
  return 'text';
}

/** Enough to see what it is, and the same pieces from the start. A pipe may give a single octet. */
async function readHead(given: Pieces): Promise<[head: Uint8Array, pieces: Pieces]> {
  const rest = given[Symbol.asyncIterator]();
  let head: Uint8Array = new Uint8Array(0);
  while (head.length < MAGIC_BYTES) {
    const { value, done } = await rest.next();
    if (done === true) break;
    head = Buffer.concat([head, Buffer.from(value)]);
  }
  return [head, continued(head, rest)];
}

async function* continued(
  head: Uint8Array,
  rest: AsyncIterator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  try {
    if (head.length > 0) yield head;
    for (;;) {
      const { value, done } = await rest.next();
      if (done === true) return;
      yield value;
    }
  } finally {
    await rest.return?.();
  }
}

/** Several members one behind the other are one file. */
async function* unpack(packed: Pieces): AsyncGenerator<Uint8Array> {
  const source = Readable.from(copies(packed));
  const gunzip = createGunzip({ chunkSize: PIECE_BYTES });
  source.on('error', (error) => gunzip.destroy(error));
  try {
    for await (const piece of source.pipe(gunzip)) yield piece;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CaptureError(`Cannot unpack gzip input: ${reason}`);
  } finally {
    gunzip.destroy();
    source.destroy();
  }
}

/** A stream reads ahead, and a piece is good for one turn only. */
async function* copies(pieces: Pieces): AsyncGenerator<Uint8Array> {
  for await (const piece of pieces) yield Buffer.from(piece);
}

async function readLines(pieces: Pieces, sink: InputSink): Promise<void> {
  const decoder = new TextDecoder('utf-8');
  let rest = '';
  let lookedAt = 0;
  // Line by line, so that the pieces it comes in make no difference.
  const look = (line: string) => {
    if (lookedAt >= NO_NUL_CHARACTERS) return;
    if (line.slice(0, NO_NUL_CHARACTERS - lookedAt).includes('\0')) throw noText();
  };
  const take = (line: string) => {
    look(line);
    lookedAt += line.length + 1;
    return sink.line(line);
  };
  for await (const piece of pieces) {
    const text = rest + decoder.decode(piece, { stream: true });
    let from = 0;
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', from)) {
      if (!take(text.slice(from, end))) return;
      from = end + 1;
    }
    rest = text.slice(from, from + LINE_CHARACTERS_KEPT);
    look(rest); // a line that never ends
  }
  rest += decoder.decode();
  if (rest !== '') take(rest);
}

function noText(): CaptureError {
  return new CaptureError('Cannot read input: it is neither capture nor text');
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
