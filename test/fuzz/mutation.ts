/**
 * Changes to an input that know nothing of its form: bits, numbers of all sizes in both orders,
 * pieces taken out, doubled, moved, words of the sources put in, another input's piece. Seeded.
 */
import type { Random } from '../helpers/seed.ts';

const STACKED_MAX = 6;
const EDGES = [
  0, 1, 2, 4, 7, 8, 0x0f, 0x10, 0x3c, 0x7f, 0x80, 0xff, 0xffff, 0x7fffffff, 0x80000000,
];
const PIECE_BYTES_MAX = 64;

/** What the sources compare with, as bytes. */
export class Dictionary {
  readonly entries: readonly Uint8Array[];

  constructor(words: Iterable<string>, numbers: Iterable<number>) {
    const encoder = new TextEncoder();
    const entries: Uint8Array[] = [...words].map((word) => encoder.encode(word));
    for (const value of numbers) {
      const bytes = value <= 0xffff ? 2 : 4;
      entries.push(numberBytes(value, bytes, true), numberBytes(value, bytes, false));
      entries.push(encoder.encode(String(value)));
    }
    this.entries = entries;
  }
}

function numberBytes(value: number, bytes: number, little: boolean): Uint8Array {
  const out = new Uint8Array(bytes);
  for (let i = 0; i < bytes; i++) out[little ? i : bytes - 1 - i] = (value >>> (8 * i)) & 0xff;
  return out;
}

export function mutateBytes(
  input: Uint8Array,
  other: Uint8Array,
  dictionary: Dictionary,
  random: Random,
): Uint8Array {
  let out = input;
  for (let count = 1 + random.below(STACKED_MAX); count > 0; count--) {
    out = mutateOnce(out, other, dictionary, random);
  }
  return out;
}

function mutateOnce(
  input: Uint8Array,
  other: Uint8Array,
  { entries }: Dictionary,
  random: Random,
): Uint8Array {
  const kind = random.below(10);
  const at = random.below(input.length + 1);
  const piece = 1 + random.below(Math.min(PIECE_BYTES_MAX, input.length + 1));
  const word = entries[random.below(Math.max(1, entries.length))] ?? new Uint8Array(0);
  switch (kind) {
    case 0:
      return changed(input, at, (value) => value ^ (1 << random.below(8)));
    case 1:
      return changed(input, at, () => random.below(256));
    case 2:
      return changed(input, at, (value) => value + random.below(35) - 17);
    case 3: {
      const value = EDGES[random.below(EDGES.length)] ?? 0;
      const size = [1, 2, 4][random.below(3)] ?? 1;
      return over(input, at, numberBytes(value, size, random.below(2) === 0));
    }
    case 4:
      return spliced(input, at, piece, new Uint8Array(0));
    case 5:
      return spliced(input, at, 0, input.subarray(at, at + piece));
    case 6:
      return spliced(input, at, 0, word);
    case 7:
      return over(input, at, word);
    case 8:
      return spliced(input, random.below(input.length + 1), 0, cutOf(other, random));
    default:
      return random.below(4) === 0 ? input.slice(0, at) : over(input, at, cutOf(other, random));
  }
}

function cutOf(bytes: Uint8Array, random: Random): Uint8Array {
  const at = random.below(bytes.length + 1);
  return bytes.subarray(at, at + 1 + random.below(PIECE_BYTES_MAX));
}

function changed(input: Uint8Array, at: number, how: (value: number) => number): Uint8Array {
  const out = input.slice();
  if (at < out.length) out[at] = how(out[at] ?? 0);
  return out;
}

function over(input: Uint8Array, at: number, piece: Uint8Array): Uint8Array {
  const out = input.slice();
  out.set(piece.subarray(0, Math.max(0, out.length - at)), Math.min(at, out.length));
  return out;
}

/** `count` bytes at `at` give way to `piece`. */
export function spliced(
  input: Uint8Array,
  at: number,
  count: number,
  piece: Uint8Array,
): Uint8Array {
  const rest = input.subarray(Math.min(input.length, at + count));
  const out = new Uint8Array(Math.min(at, input.length) + piece.length + rest.length);
  out.set(input.subarray(0, at));
  out.set(piece, Math.min(at, input.length));
  out.set(rest, out.length - rest.length);
  return out;
}

/**
 * The same for inputs that consist of parts (records, blocks, lines): parts are taken out, doubled,
 * moved, taken from another input. What stands within them stays as it is.
 */
export function mutateParts<T>(parts: readonly T[], others: readonly T[], random: Random): T[] {
  const out = [...parts];
  for (let count = 1 + random.below(3); count > 0; count--) {
    const at = random.below(out.length + 1);
    const piece = 1 + random.below(4);
    const kind = random.below(5);
    if (kind === 0) out.splice(at, piece);
    else if (kind === 1) out.splice(at, 0, ...out.slice(at, at + piece));
    else if (kind === 2) {
      const moved = out.splice(at, piece);
      out.splice(random.below(out.length + 1), 0, ...moved);
    } else if (kind === 3) {
      const from = random.below(others.length + 1);
      out.splice(at, 0, ...others.slice(from, from + piece));
    } else out.splice(at, out.length, ...others.slice(random.below(others.length + 1)));
  }
  return out;
}
