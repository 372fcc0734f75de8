/**
 * Notices packets that come round again after NF_REPEAT because a rule before ours has erased our
 * bit (a whole-value MARK, put in while we run): without an end to it they would never leave.
 *
 * Owns a small table of what was let through lately, by two hashes of the packet's headers. A
 * packet of which three equals have come back, or one equal to what we had rewritten, has been
 * judged. Time is int32 milliseconds. Allocates nothing after construction.
 */

/** The first hash chooses where to begin; a packet stands in one of the eight slots from there. */
const SLOT_COUNT = 4096;
const SLOT_WORDS = 4;
const REACH_WORDS = 8 * SLOT_WORDS;
/** Words of a slot: both hashes, state, ms. */
const FIRST = 0;
const SECOND = 1;
const RETURNED = 2;
const AT_MS = 3;
/** A circle takes microseconds. Equals that the network brings are further apart, or fewer. */
const WITHIN_MS = 50;
const RETURNS_MAX = 3;
/** In place of the count: its bytes are ours, and nobody else sends such a packet. */
const REWRITTEN = RETURNS_MAX;
/** IP and TCP headers with options: 20 words. */
const WORDS_MAX = 20;

export class RepeatGuard {
  /** Packets that were let go although they came without our bit. */
  caughtCount = 0;
  private readonly packets: Int32Array;
  private readonly slots = new Int32Array(SLOT_COUNT * SLOT_WORDS + REACH_WORDS);
  private dice = 1;
  private at = 0;
  private isFound = false;
  private first = 0;
  private second = 0;

  /** The arena: packets begin at multiples of four. */
  constructor(arena: Uint8Array) {
    this.packets = new Int32Array(arena.buffer, arena.byteOffset, arena.length >> 2);
  }

  /** Has this arrival been let through before, as it is? */
  isReturned(off: number, len: number, hook: number, nowMs: number): boolean {
    this.hash(off, len, hook);
    this.isFound = this.find(nowMs);
    if (!this.isFound) return false;
    const { slots, at } = this;
    if (slots[at + RETURNED]! < RETURNS_MAX) {
      slots[at + RETURNED] = slots[at + RETURNED]! + 1;
      return false;
    }
    this.caughtCount++;
    return true;
  }

  /** This packet is let through with NF_REPEAT; its bytes are what will come back. */
  note(off: number, len: number, hook: number, isRewritten: boolean, nowMs: number): void {
    if (isRewritten) {
      this.hash(off, len, hook);
      this.isFound = this.find(nowMs);
    } // else as `isReturned` has just left it
    if (this.isFound) return;
    const { slots, at } = this;
    slots[at + FIRST] = this.first;
    slots[at + SECOND] = this.second;
    slots[at + RETURNED] = isRewritten ? REWRITTEN : 0;
    slots[at + AT_MS] = nowMs;
  }

  /**
   * `at`: where the packet that was hashed stands, or will stand. Where all slots are in use any of
   * them gives way: were it always the same one, or the oldest, packets that come round in turn
   * would push each other out for ever.
   */
  private find(nowMs: number): boolean {
    const { slots, first, second } = this;
    const home = (first & (SLOT_COUNT - 1)) * SLOT_WORDS;
    let free = -1;
    for (let at = home; at < home + REACH_WORDS; at += SLOT_WORDS) {
      if (slots[at + FIRST] === first && slots[at + SECOND] === second) {
        this.at = at;
        return this.isFresh(at, nowMs);
      }
      if (free < 0 && !this.isFresh(at, nowMs)) free = at;
    }
    this.dice = (Math.imul(this.dice, 0x19660d) + 0x3c6ef35f) | 0;
    this.at = free < 0 ? home + (this.dice >>> 29) * SLOT_WORDS : free;
    return false;
  }

  private isFresh(at: number, nowMs: number): boolean {
    return ((nowMs - this.slots[at + AT_MS]!) | 0) <= WITHIN_MS;
  }

  /**
   * Two hashes (multiply and add, with different factors), so that nothing else is taken for it.
   */
  private hash(off: number, len: number, hook: number): void {
    const { packets } = this;
    const from = off >> 2;
    const count = Math.min(len >> 2, WORDS_MAX);
    let first = Math.imul(hook + 1, 0x9e3779b1) ^ len;
    let second = len;
    for (let i = 0; i < count; i++) {
      const word = packets[from + i]!;
      first = Math.imul(first ^ word, 0x01000193);
      second = (Math.imul(second, 0x5bd1e995) + word) | 0;
    }
    this.first = first ^ (first >>> 15);
    this.second = second;
  }
}
