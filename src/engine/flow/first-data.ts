/**
 * Copies of the first data segment of connections whose far end has not spoken yet, so that it can
 * be sent again at once after a re-anchor instead of waiting for a retransmission timeout (DESIGN
 * §4.1: login 1.3 s instead of 2.0). A ring: the oldest copy gives way. Sizes in bytes.
 */
import { HELD_BYTES } from '../limits.ts';

const SLOT_COUNT = 256;
const TAG_WORDS = 4;

export class FirstData {
  readonly bytes = new Uint8Array(SLOT_COUNT * HELD_BYTES);
  private readonly tags = new Int32Array(SLOT_COUNT * TAG_WORDS); // flow + 1, generation, bytes
  private readonly next = new Int32Array(1);

  keep(flow: number, generation: number, buf: Uint8Array, off: number, bytes: number): void {
    if (bytes > HELD_BYTES || this.find(flow, generation) >= 0) return;
    const slot = this.next[0]!;
    this.next[0] = (slot + 1) % SLOT_COUNT;
    this.tags[slot * TAG_WORDS] = flow + 1;
    this.tags[slot * TAG_WORDS + 1] = generation;
    this.tags[slot * TAG_WORDS + 2] = bytes;
    const to = slot * HELD_BYTES;
    for (let i = 0; i < bytes; i++) this.bytes[to + i] = buf[off + i]!;
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
