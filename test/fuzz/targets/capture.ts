/**
 * A capture file: whole and in pieces it is read alike, whatever stands behind it in memory, and
 * what cannot be read is one line.
 */
import { CaptureError } from '../../../src/datapath/pcap/capture.ts';
import { CaptureReader, WINDOW_BYTES } from '../../../src/datapath/pcap/capture-reader.ts';
import type { Random } from '../../helpers/seed.ts';
import { captureParts } from '../capture-parts.ts';
import { mutateParts } from '../mutation.ts';
import { sampleCaptures } from '../sample-captures.ts';
import { demand, demandOneLine, demandSame, type Target } from '../target.ts';

const BYTES_MAX = 4096;
const PIECE_BYTES = 37;

const window = new Uint8Array(WINDOW_BYTES + 0x20000);

export const capture: Target = {
  name: 'capture',
  about: 'a pcap or pcapng file for the reader of captures',
  bytesMax: BYTES_MAX,
  seeds: sampleCaptures,

  mutate(input: Uint8Array, random: Random, other: Uint8Array): Uint8Array {
    return Buffer.concat(mutateParts(captureParts(input), captureParts(other), random));
  },

  run(input: Uint8Array): void {
    const whole = readAll(input, input.length + 1, 0);
    demandSame(whole, readAll(input, PIECE_BYTES, 0xff), 'whole and in pieces');
  },
};

/** Everything that the reader says. */
function readAll(bytes: Uint8Array, pieceBytes: number, beyond: number): string {
  window.fill(beyond, 0, 2 * BYTES_MAX);
  const said: unknown[] = [];
  const reader = new CaptureReader((frame) => {
    const { off, len, linkOff, linkBytes, timeUs } = frame;
    demand(off >= linkOff && off + len <= linkOff + linkBytes, 'a packet outside its frame');
    demand(linkOff + linkBytes <= WINDOW_BYTES, 'a frame outside the window');
    demand(Number.isFinite(timeUs), `a time that is none: ${timeUs}`);
    const content = Buffer.from(frame.bytes.subarray(linkOff, linkOff + linkBytes));
    const { side, linkType, wireBytes, comment, isReplacement, isExcerpt, isTimeCoarse } = frame;
    said.push([frame.frame, timeUs, off - linkOff, len, side, linkType, wireBytes, comment]);
    said.push([isReplacement, isExcerpt, isTimeCoarse, content.toString('latin1')]);
  }, window);
  try {
    for (let at = 0; at < bytes.length; at += pieceBytes) {
      reader.push(bytes.subarray(at, at + pieceBytes));
    }
    reader.end();
  } catch (error) {
    if (!(error instanceof CaptureError)) throw error;
    demandOneLine(error.message);
    said.push(error.message);
  }
  said.push(reader.frames, reader.lostPackets, reader.cutShort);
  return JSON.stringify(said);
}
