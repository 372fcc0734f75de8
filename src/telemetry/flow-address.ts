/**
 * The tuple of a flow as rules, logs and people write it, read from words in memory.
 * Owns nothing. Words hold addresses as the engine keeps them: big-endian octets as int32 values.
 */
import { OUT_FAMILY, OUT_FAR_ADDR, OUT_NEAR_ADDR, OUT_PORTS } from '../engine/outbox.ts';
import { get32 } from '../engine/wire/bytes.ts';

export interface FlowAddress {
  readonly family: 4 | 6;
  readonly nearAddr: string;
  readonly nearPort: number;
  readonly farAddr: string;
  readonly farPort: number;
}

/** Of the outbox slot at word `at`. */
export function flowAddressOf(words: Int32Array, at: number): FlowAddress {
  const family = words[at + OUT_FAMILY] === 6 ? 6 : 4;
  const ports = words[at + OUT_PORTS] ?? 0;
  return {
    family,
    nearAddr: formatAddress(words, at + OUT_NEAR_ADDR, family),
    nearPort: ports >>> 16,
    farAddr: formatAddress(words, at + OUT_FAR_ADDR, family),
    farPort: ports & 0xffff,
  };
}

/** Four words of an address as people write it (checked before); IPv4 fills the first. */
export function addressWords(text: string): Int32Array {
  const words = new Int32Array(4);
  if (!text.includes(':')) {
    words[0] = text.split('.').reduce((word, part) => (word << 8) | Number(part), 0);
    return words;
  }
  const dotted = /(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(text);
  const plain =
    dotted === null
      ? text
      : text.slice(0, dotted.index) +
        [dotted.slice(1, 3), dotted.slice(3, 5)]
          .map(([high, low]) => ((Number(high) << 8) | Number(low)).toString(16))
          .join(':');
  const [head = '', tail] = plain.split('::');
  const parse = (part: string) => (part === '' ? [] : part.split(':').map((g) => parseInt(g, 16)));
  const [before, after] = [parse(head), tail === undefined ? [] : parse(tail)];
  const gap = new Array<number>(8 - before.length - after.length).fill(0);
  const groups = [...before, ...gap, ...after];
  for (let i = 0; i < 4; i++) words[i] = ((groups[2 * i] ?? 0) << 16) | (groups[2 * i + 1] ?? 0);
  return words;
}

/** IPv4 dotted; IPv6 in the canonical form of RFC 5952 §4. */
export function formatAddress(words: Int32Array, at: number, family: 4 | 6): string {
  if (family === 4) {
    const word = words[at] ?? 0;
    return `${word >>> 24}.${(word >>> 16) & 255}.${(word >>> 8) & 255}.${word & 255}`;
  }
  const groups: number[] = [];
  for (let i = 0; i < 4; i++) {
    const word = words[at + i] ?? 0;
    groups.push(word >>> 16, word & 0xffff);
  }
  return formatGroups(groups);
}

/** From a packet's octets, as they stand in its header. */
export function formatAddressAt(bytes: Uint8Array, at: number, family: number): string {
  const words = new Int32Array(4);
  const count = family === 4 ? 1 : 4;
  for (let i = 0; i < count; i++) words[i] = get32(bytes, at + 4 * i);
  return formatAddress(words, 0, family === 4 ? 4 : 6);
}

/** The first longest run of two or more zero groups becomes `::`. */
function formatGroups(groups: readonly number[]): string {
  let runAt = -1;
  let runLength = 1;
  for (let from = 0; from < groups.length; from++) {
    let length = 0;
    while (groups[from + length] === 0) length++;
    if (length <= runLength) continue;
    runAt = from;
    runLength = length;
  }
  const hex = groups.map((group) => group.toString(16));
  if (runAt < 0) return hex.join(':');
  return `${hex.slice(0, runAt).join(':')}::${hex.slice(runAt + runLength).join(':')}`;
}
