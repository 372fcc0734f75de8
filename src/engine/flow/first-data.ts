/**
 * Copies of the first data segment of connections whose far end has not spoken yet, so that it can
 * be sent again at once after a re-anchor instead of waiting for a retransmission timeout (DESIGN
 * §4.1: login 1.3 s instead of 2.0). A ring: the oldest copy gives way. Sizes in bytes.
 */
import { HELD_BYTES } from '../limits.ts';

export const SLOT_COUNT = 256;
export const TAG_WORDS = 4;

export class FirstData {
  static readonly BYTES = (4 + SLOT_COUNT * TAG_WORDS) * 4 + SLOT_COUNT * HELD_BYTES;

  readonly bytes: Uint8Array;
  private readonly tags: Int32Array; // flow + 1, generation, bytes
  private readonly next: Int32Array;

  constructor(buffer: ArrayBufferLike) {
    this.next = new Int32Array(buffer, 0, 4);
    this.tags = new Int32Array(buffer, 16, SLOT_COUNT * TAG_WORDS);
    this.bytes = new Uint8Array(buffer, 16 + SLOT_COUNT * TAG_WORDS * 4, SLOT_COUNT * HELD_BYTES);
  }

  keep(flow: number, generation: number, buf: Uint8Array, off: number, bytes: number): void {
    if (bytes > HELD_BYTES || this.find(flow, generation) >= 0) return;
    const slot = this.next[0]!;
    this.next[0] = (slot + 1) % SLOT_COUNT;
    const to = slot * HELD_BYTES;
    this.tags[slot * TAG_WORDS] = 0; // a copy half made belongs to nobody
    for (let i = 0; i < bytes; i++) this.bytes[to + i] = buf[off + i]!;
    this.tags[slot * TAG_WORDS + 1] = generation;
    this.tags[slot * TAG_WORDS + 2] = bytes;
    this.tags[slot * TAG_WORDS] = flow + 1;
  }

  /** The slot of a flow's copy, or -1. */
  find(flow: number, generation: number): number {
    const tags = this.tags;
    for (let slot = 0; slot < SLOT_COUNT; slot++) {
      const at = slot * TAG_WORDS;
      if (tags[at] === flow + 1 && tags[at + 1] === generation) return slot;
    }
    return -1;
  }

  size(slot: number): number {
    return this.tags[slot * TAG_WORDS + 2]!;
  }

  offset(slot: number): number {
    return slot * HELD_BYTES;
  }
}
