/**
 * Memory for the packets of a simulation: cut one behind the other out of slabs that are never used
 * again, because a small buffer of its own costs more than what is done with it.
 *
 * A packet begins on a word and is followed by zeros up to the next one, so that it can be read in
 * words. Owns the slab that is cut now. Sizes in octets.
 */
const SLAB_OCTETS = 1 << 18;

let slab = new ArrayBuffer(SLAB_OCTETS);
let used = 0;

/** Zero-filled. */
export function newOctets(octets: number): Uint8Array {
  const room = (octets + 3) & ~3;
  if (used + room > slab.byteLength) {
    slab = new ArrayBuffer(Math.max(SLAB_OCTETS, room));
    used = 0;
  }
  const bytes = new Uint8Array(slab, used, octets);
  used += room;
  return bytes;
}

export function copyOctets(from: Uint8Array, at: number, octets: number): Uint8Array {
  const bytes = newOctets(octets);
  bytes.set(from.subarray(at, at + octets));
  return bytes;
}

let lastSlab = slab as ArrayBufferLike;
let lastWords = new Int32Array(lastSlab);

/** All words of the slab that a packet of ours lies in: its first is at `byteOffset / 4`. */
export function wordsAround(bytes: Uint8Array): Int32Array {
  if (bytes.buffer !== lastSlab) {
    lastSlab = bytes.buffer;
    lastWords = new Int32Array(lastSlab, 0, lastSlab.byteLength >> 2);
  }
  return lastWords;
}
