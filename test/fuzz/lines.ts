/** A text as its lines, each with its end. */

import type { Random } from '../helpers/seed.ts';
import { mutateParts } from './mutation.ts';

export function linesOf(text: Uint8Array): Uint8Array[] {
  const lines: Uint8Array[] = [];
  let from = 0;
  for (let end = text.indexOf(10); end >= 0; end = text.indexOf(10, from)) {
    lines.push(text.subarray(from, end + 1));
    from = end + 1;
  }
  if (from < text.length) lines.push(text.subarray(from));
  return lines;
}

export function mutateLines(input: Uint8Array, random: Random, other: Uint8Array): Uint8Array {
  return Buffer.concat(mutateParts(linesOf(input), linesOf(other), random));
}
