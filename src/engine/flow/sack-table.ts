/**
 * What is known of the SACK blocks of flows whose far end's blocks were seen in other numbers: how
 * far they are off, and the probe that is to tell it.
 *
 * Owns a direct-mapped table, zero-filled is empty; a slot that was in use lately is not given
 * away, and a flow without one keeps its blocks as they are. Numbers are the near end's. Times: ms.
 * DESIGN §4.3.
 */
import { SACK_COUNT } from '../limits.ts';

export const K_FLOW = 0; // flow + 1
export const K_GENERATION = 1;
/** SACK_* state. */
export const K_STATE = 2;
/** A block's edge as it arrives minus the octet that is meant; valid from SACK_TRIED on. */
export const K_DELTA = 3;
/**
 * The calibration probe: its SEG.SEQ and octet, when, how many, and how many answers may come. All
 * probes of a flow are about the same octet: an answer cannot be another one's.
 */
export const K_PROBE_SEQ = 4;
export const K_PROBE_MS = 5;
export const K_PROBES = 6;
export const K_ASKED = 7;
/** When a block was last looked at. */
export const K_LAST_MS = 8;
/** Acknowledgements in a row that fit no numbers. */
export const K_MISFITS = 9;
/** Passive inference: highest right edge and SEG.ACK of the last foreign ACK, or none. */
export const K_TAIL_KNOWN = 10;
export const K_TAIL = 11;
export const K_TAIL_ACK = 12;
/** How many recoveries in a row let us guess K_GUESS. */
export const K_GUESSES = 13;
export const K_GUESS = 14;
export const K_PROBE_OCTET = 15;
/** How far K_TAIL stood from K_TAIL_ACK at the last recovery. */
export const K_GAP = 16;
export const K_WORDS = 17;

/** Blocks in other numbers were seen. */
export const SACK_FOREIGN = 1;
/** One answer has told K_DELTA; a second acknowledgement has to agree. */
export const SACK_TRIED = 2;
/** Blocks are shifted by K_DELTA. */
export const SACK_REPAIRING = 3;
/** Contradicted, or nothing was wrong: blocks stay as they are. */
export const SACK_LEFT_ALONE = 4;

/** A slot not used for so long may be taken by another flow. */
const IDLE_MS = 60_000;

export class SackTable {
  static readonly BYTES = SACK_COUNT * K_WORDS * 4;

  readonly words: Int32Array;

  constructor(buffer: ArrayBufferLike) {
    this.words = new Int32Array(buffer);
  }

  /** Word index of the flow's slot, or -1. */
  find(flow: number, generation: number): number {
    const at = (flow % SACK_COUNT) * K_WORDS;
    const words = this.words;
    return words[at + K_FLOW] === flow + 1 && words[at + K_GENERATION] === generation ? at : -1;
  }

  /** The flow's slot, zeroed when it is new; -1: another flow needs it. */
  take(flow: number, generation: number, nowMs: number): number {
    const at = (flow % SACK_COUNT) * K_WORDS;
    const words = this.words;
    if (this.find(flow, generation) >= 0) return at;
    const other = words[at + K_FLOW] !== 0 && words[at + K_FLOW] !== flow + 1;
    const idleMs = (nowMs - words[at + K_LAST_MS]!) | 0;
    if (other && idleMs >= 0 && idleMs < IDLE_MS) return -1;
    words.fill(0, at, at + K_WORDS);
    words[at + K_FLOW] = flow + 1;
    words[at + K_GENERATION] = generation;
    words[at + K_LAST_MS] = nowMs;
    return at;
  }
}
