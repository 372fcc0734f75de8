/**
 * A single-producer single-consumer ring of fixed-size slots in (shared) memory.
 *
 * Owns its buffer: two control words (head, tail), padded to 64 bytes each, then `slotCount` slots
 * of `slotBytes`. A slot is written through `words` (int32) and `bytes`, both views on the whole
 * buffer. Neither side allocates, waits or throws; a full ring refuses and counts in `LOST`.
 *
 *   const w = ring.reserve();            // word index of the slot, or -1: full
 *   if (w >= 0) { ring.words[w] = 7; ring.commit(); }
 *
 *   const r = ring.peek();               // word index of the oldest slot, or -1: empty
 *   if (r >= 0) { use(ring.words[r]); ring.release(); }
 */
import { assert } from './assert.ts';

const HEAD = 0; // slots ever committed
const TAIL = 16; // slots ever released
const LOST = 17; // slots refused
const CONTROL_BYTES = 128;

export class Ring {
  readonly words: Int32Array;
  readonly bytes: Uint8Array;
  private readonly slotMask: number;
  private readonly slotWords: number;

  static byteLength(slotCount: number, slotBytes: number): number {
    return CONTROL_BYTES + slotCount * slotBytes;
  }

  constructor(buffer: ArrayBufferLike, slotCount: number, slotBytes: number) {
    assert((slotCount & (slotCount - 1)) === 0, 'ring: slot count must be a power of two');
    assert(slotBytes % 4 === 0, 'ring: slot size must be whole words');
    assert(
      buffer.byteLength === Ring.byteLength(slotCount, slotBytes),
      'ring: buffer has another size',
    );
    this.words = new Int32Array(buffer);
    this.bytes = new Uint8Array(buffer);
    this.slotMask = slotCount - 1;
    this.slotWords = slotBytes >> 2;
  }

  reserve(): number {
    if (this.isFull()) {
      Atomics.add(this.words, LOST, 1);
      return -1;
    }
    return (CONTROL_BYTES >> 2) + (this.committedCount() & this.slotMask) * this.slotWords;
  }

  /** Publishes the slot last reserved and wakes a consumer that waits on `words[0]`. */
  commit(): void {
    Atomics.add(this.words, HEAD, 1);
    Atomics.notify(this.words, HEAD);
  }

  /** Publishes it where the consumer waits for nothing: without the call that would wake it. */
  commitQuietly(): void {
    Atomics.add(this.words, HEAD, 1);
  }

  peek(): number {
    const head = Atomics.load(this.words, HEAD);
    const tail = Atomics.load(this.words, TAIL);
    if (head === tail) return -1;
    return (CONTROL_BYTES >> 2) + (tail & this.slotMask) * this.slotWords;
  }

  release(): void {
    Atomics.add(this.words, TAIL, 1);
  }

  /** Slots ever committed: the word to wait on for news (`Atomics.waitAsync(words, 0, seen)`). */
  committedCount(): number {
    return Atomics.load(this.words, HEAD);
  }

  /** Slots ever released: has the other side taken what was committed? */
  releasedCount(): number {
    return Atomics.load(this.words, TAIL);
  }

  isFull(): boolean {
    return !this.hasRoom(1);
  }

  hasRoom(slotCount: number): boolean {
    const used = (this.committedCount() - this.releasedCount()) | 0;
    return used + slotCount <= this.slotMask + 1;
  }

  lostCount(): number {
    return Atomics.load(this.words, LOST);
  }
}
