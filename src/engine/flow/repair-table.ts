/**
 * State that only a flow in trouble needs: rival candidates, the question put to the far end, a
 * held reset and its check, the dead-man check behind a refutation.
 *
 * Owns a fixed pool of slots (words and one held copy of at most HELD_BYTES each) and the list of
 * slots in use; zero-filled is empty, so that it can be a mapped file. Refuses when full.
 * Times: ms. DESIGN §4.1, §4.2.
 */
import { HELD_BYTES, REPAIR_COUNT } from '../limits.ts';
import { CANDIDATE_WORDS } from './candidate.ts';

/** Row of the flow it belongs to. */
export const R_FLOW = 0;
/** R_ASKING | R_CHECKING | R_DEADMAN | R_JUMPING | R_IDLE bits. */
export const R_ARMED = 1;
/** Three rival candidates of CANDIDATE_WORDS words each, behind the one in the flow's row. */
export const R_RIVALS = 2;
export const RIVAL_COUNT = 3;
/** How many rivals are filled. */
export const R_RIVAL_COUNT = 14;
/** The candidate that the near end did not choose and that was seen last (0..3, -1: none). */
export const R_OTHER = 15;
/** How often that one was seen after the near end's choice, and when last. */
export const R_OTHER_AFTER = 16;
export const R_OTHER_AT_MS = 17;
/**
 * The question: since when, probes sent, last probe, resets swallowed, reset behind last probe.
 */
export const R_ASK_AT_MS = 18;
export const R_ASK_PROBES = 19;
export const R_ASK_LAST_MS = 20;
export const R_ASK_RESETS = 21;
export const R_ASK_ANSWERED = 22;
/** Probes that were answered by a reset or by the other end point, in time. */
export const R_ASK_ANSWERED_COUNT = 23;
/** The check of a held reset. */
export const R_CHECK_SEQ = 24;
export const R_CHECK_AT_MS = 25;
export const R_CHECK_DEADLINE_MS = 26;
/** When to probe next; R_CHECK_PROBES_LEFT says whether. */
export const R_CHECK_PROBE_MS = 27;
export const R_CHECK_PROBES_LEFT = 28;
export const R_CHECK_PROBES = 29;
/** The finding that made it suspicious. */
export const R_CHECK_CAUSE = 30;
/** When a second probe may be answered again. */
export const R_CHECK_AGAIN_MS = 31;
/** 1: another reset was dropped meanwhile, or this one ended the dead-man check below. */
export const R_CHECK_OTHERS = 38;
/** The dead-man check: since when, probes sent, when the first left. */
export const R_DEAD_AT_MS = 32;
export const R_DEAD_PROBES = 33;
export const R_DEAD_PROBED_MS = 34;
/** By whose word the held reset is judged where its numbers are old: OLD_*, or 0. */
export const R_CHECK_OLD = 35;
/**
 * Slots committed to the outbox when the last probe was: it has left once as many are released.
 */
export const R_PROBE_COMMITTED = 37;
/** Size of the held reset, 0: none. */
export const R_HELD_BYTES = 36;
/** The watch of a sequence jump (`jump.ts`): since when, and since its last change. */
export const R_JUMP_BEGAN_MS = 40;
export const R_JUMP_AT_MS = 41;
/** Its lowest SEG.SEQ, the SEG.ACK and the TSecr beside it, in the numbers valid so far. */
export const R_JUMP_SEQ = 42;
export const R_JUMP_ACK = 43;
export const R_JUMP_TS_ECR = 44;
/** What the near end acknowledged before, and goes on acknowledging. */
export const R_JUMP_RCV_NXT = 45;
/** Segments in new numbers; those with data at R_JUMP_SEQ; those behind the second probe. */
export const R_JUMP_SIGHTS = 46;
export const R_JUMP_HEADS = 47;
export const R_JUMP_ANSWERS = 48;
/** JUMP_* bits. */
export const R_JUMP_FLAGS = 49;
export const R_JUMP_PROBES = 50;
export const R_JUMP_PROBED_MS = 51;
/** When R_JUMP_HEADS became 1. */
export const R_JUMP_HEAD_MS = 52;
/** When it became 2. */
export const R_JUMP_AGAIN_MS = 53;
/** The watch of an idle flow (`idle-watch.ts`): since when, and how long nobody had spoken. */
export const R_IDLE_AT_MS = 54;
export const R_IDLE_SILENT_MS = 55;
/** What has gone to the far end unanswered, when last, and how much of it on a path that lives. */
export const R_IDLE_TRIES = 56;
export const R_IDLE_TRIED_MS = 57;
export const R_IDLE_COUNTED = 58;
/** Of the tries, keep-alives of ours; and 1 where they began the watch. */
export const R_IDLE_PROBES = 59;
export const R_IDLE_OURS = 60;

/** Not before the socket has told its numbers. */
export const OLD_ASKS_SOCKET = 1;
/** The far end's: its answer has them. */
export const OLD_FORWARDED = 2;

export const R_ASKING = 1;
export const R_CHECKING = 2;
export const R_DEADMAN = 4;
export const R_JUMPING = 16;
export const R_IDLE = 32;

export const REPAIR_WORDS = 61;

const COUNT_ACTIVE = 0;
const COUNT_FREE = 1;
/** Slots ever used: those above have never been taken. */
const COUNT_HIGH = 2;
const COUNT_WORDS = 4;

export class RepairTable {
  static readonly BYTES =
    (COUNT_WORDS + REPAIR_COUNT * (REPAIR_WORDS + 3)) * 4 + REPAIR_COUNT * HELD_BYTES;

  readonly words: Int32Array;
  readonly held: Uint8Array;
  /** Slots in use, dense: `active[0..activeCount)`. */
  readonly active: Int32Array;
  private readonly position: Int32Array;
  private readonly free: Int32Array;
  private readonly counts: Int32Array;

  constructor(buffer: ArrayBufferLike) {
    const slots = REPAIR_COUNT * 4;
    const lists = (COUNT_WORDS + REPAIR_COUNT * REPAIR_WORDS) * 4;
    this.counts = new Int32Array(buffer, 0, COUNT_WORDS);
    this.words = new Int32Array(buffer, COUNT_WORDS * 4, REPAIR_COUNT * REPAIR_WORDS);
    this.active = new Int32Array(buffer, lists, REPAIR_COUNT);
    this.position = new Int32Array(buffer, lists + slots, REPAIR_COUNT);
    this.free = new Int32Array(buffer, lists + 2 * slots, REPAIR_COUNT);
    this.held = new Uint8Array(buffer, lists + 3 * slots, REPAIR_COUNT * HELD_BYTES);
  }

  activeCount(): number {
    return this.counts[COUNT_ACTIVE]!;
  }

  /** A zeroed slot for the flow, or -1 when all are taken. */
  take(flow: number): number {
    const counts = this.counts;
    let slot = counts[COUNT_HIGH]!;
    if (counts[COUNT_FREE]! > 0) {
      counts[COUNT_FREE] = counts[COUNT_FREE]! - 1;
      slot = this.free[counts[COUNT_FREE]!]!;
    } else if (slot < REPAIR_COUNT) {
      counts[COUNT_HIGH] = slot + 1;
    } else {
      return -1;
    }
    this.list(slot);
    const base = slot * REPAIR_WORDS;
    this.words.fill(0, base, base + REPAIR_WORDS);
    this.words[base + R_FLOW] = flow;
    this.words[base + R_OTHER] = -1;
    return slot;
  }

  private list(slot: number): void {
    const activeCount = this.counts[COUNT_ACTIVE]!;
    this.active[activeCount] = slot;
    this.position[slot] = activeCount;
    this.counts[COUNT_ACTIVE] = activeCount + 1;
  }

  release(slot: number): void {
    const last = this.counts[COUNT_ACTIVE]! - 1;
    const at = this.position[slot]!;
    const moved = this.active[last]!;
    this.active[at] = moved;
    this.position[moved] = at;
    this.counts[COUNT_ACTIVE] = last;
    this.free[this.counts[COUNT_FREE]!] = slot;
    this.counts[COUNT_FREE] = this.counts[COUNT_FREE]! + 1;
  }

  /** Sets `listed[slot]` to 1 for slots in use. */
  markListed(listed: Uint8Array): void {
    const count = this.counts[COUNT_ACTIVE]!;
    for (let i = 0; i < count && i < REPAIR_COUNT; i++) {
      const slot = this.active[i]!;
      if (slot >= 0 && slot < REPAIR_COUNT) listed[slot] = 1;
    }
  }

  /**
   * The lists anew, behind an end at any instruction: `claimed[slot]` is 1 for slots of the list
   * that a flow has. Their order stays.
   */
  rebuild(claimed: Uint8Array): void {
    const counts = this.counts;
    const before = counts[COUNT_ACTIVE]!;
    let kept = 0;
    for (let i = 0; i < before && i < REPAIR_COUNT; i++) {
      const slot = this.active[i]!;
      if (slot < 0 || slot >= REPAIR_COUNT || claimed[slot] !== 1) continue;
      claimed[slot] = 2;
      this.active[kept] = slot;
      this.position[slot] = kept;
      kept++;
    }
    counts[COUNT_ACTIVE] = kept;
    counts[COUNT_FREE] = 0;
    counts[COUNT_HIGH] = REPAIR_COUNT;
    for (let slot = REPAIR_COUNT - 1; slot >= 0; slot--) {
      if (claimed[slot] !== 0) continue;
      this.free[counts[COUNT_FREE]!] = slot;
      counts[COUNT_FREE] = counts[COUNT_FREE]! + 1;
    }
  }

  /** Keeps a copy of a packet; false when it is larger than a slot holds. */
  hold(slot: number, buf: Uint8Array, off: number, bytes: number): boolean {
    if (bytes > HELD_BYTES) return false;
    const to = slot * HELD_BYTES;
    for (let i = 0; i < bytes; i++) this.held[to + i] = buf[off + i]!;
    this.words[slot * REPAIR_WORDS + R_HELD_BYTES] = bytes;
    return true;
  }
}

/** Word index of candidate `i` (1..3) of a slot. */
export function rivalAt(slot: number, i: number): number {
  return slot * REPAIR_WORDS + R_RIVALS + (i - 1) * CANDIDATE_WORDS;
}
