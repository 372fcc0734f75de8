/**
 * One of the two files, read whole: capture or text. Owns the errors an operator can cause here,
 * and the limit of a file's size, in bytes.
 */
import { createReadStream } from 'node:fs';
import { OperatorError } from '../../config/errors.ts';
import { EXIT_IMPOSSIBLE, EXIT_USAGE } from '../../config/exit-codes.ts';
import { isCapture } from '../../datapath/pcap/read-capture.ts';
import { inputErrorText } from '../read-input.ts';
import { readCaptureSide } from './read-capture-side.ts';
import { readTextSide } from './read-text-side.ts';
import { SideBook } from './side-book.ts';
import type { Side } from './side-packet.ts';

const FILE_BYTES_MAX = 512 << 20;
const FILE_MEBIBYTES_MAX = FILE_BYTES_MAX >> 20;

/** Throws an OperatorError for what cannot be read. */
export async function readSideBytes(name: string): Promise<Uint8Array> {
  try {
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    for await (const chunk of createReadStream(name)) {
      bytes += chunk.length;
      if (bytes > FILE_BYTES_MAX) throw tooLarge(name);
      chunks.push(chunk);
    }
    return Buffer.concat(chunks);
  } catch (error) {
    throw operatorError(name, error);
  }
}

function tooLarge(name: string): OperatorError {
  const limit = `more than ${FILE_MEBIBYTES_MAX} MiB`;
  return new OperatorError(
    `Cannot compare "${name}": ${limit}, cut it down: tcpdump -r FILE -w PART 'host SERVER'`,
    EXIT_USAGE,
  );
}

export function sideOf(name: string, bytes: Uint8Array): Side {
  const book = new SideBook();
  const isBinary = isCapture(bytes);
  try {
    if (isBinary) readCaptureSide(bytes, book);
    else readTextSide(new TextDecoder().decode(bytes), book);
  } catch (error) {
    throw operatorError(name, error);
  }
  if (book.packets === 0) throw nothingIn(name, isBinary);
  const { flows, packets, notKept, firstUs, lastUs } = book;
  const kind = isBinary ? 'capture' : 'tcpdump-text';
  return { name, kind, flows, packets, notKept, firstUs, lastUs };
}

function nothingIn(name: string, isBinary: boolean): OperatorError {
  if (isBinary) {
    return new OperatorError(`"${name}" holds no complete TCP packet`, EXIT_IMPOSSIBLE);
  }
  return new OperatorError(
    `Cannot compare "${name}": no tcpdump packet in it; give a capture file of each side`,
    EXIT_USAGE,
  );
}

function operatorError(name: string, error: unknown): unknown {
  const problem = inputErrorText(name, error);
  return problem === undefined ? error : new OperatorError(problem, EXIT_USAGE);
}
