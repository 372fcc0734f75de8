/**
 * The public captures, read in place: SEQSHIM_PCAPS, or `../shared/pcaps` beside the checkout.
 * They are other projects' files and stay outside ours.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Capture } from '../../src/datapath/pcap/capture.ts';
import { readCapture } from '../../src/datapath/pcap/read-capture.ts';

const { SEQSHIM_PCAPS } = process.env;

export const CAPTURES_DIR = resolve(
  SEQSHIM_PCAPS ?? join(import.meta.dirname, '../../../shared/pcaps'),
);

export const CAPTURES_PRESENT = existsSync(CAPTURES_DIR);

/** A title that says so when they are not there. */
export const CAPTURES_NOTE = CAPTURES_PRESENT
  ? 'public captures'
  : `public captures are absent: ${CAPTURES_DIR} (set SEQSHIM_PCAPS)`;

export function captureNames(): string[] {
  if (!CAPTURES_PRESENT) return [];
  return readdirSync(CAPTURES_DIR)
    .filter((name) => /\.pcap(ng)?$/.test(name))
    .sort();
}

/** The one capture whose name contains `part`. */
export function publicCapture(part: string): Capture {
  const names = captureNames().filter((name) => name.includes(part));
  const [name] = names;
  if (name === undefined || names.length > 1) {
    throw new Error(`${names.length} captures named *${part}* in ${CAPTURES_DIR}`);
  }
  return readCapture(readFileSync(join(CAPTURES_DIR, name)));
}
