/**
 * What the sockets of settled flows said when they were last asked: enough to tell one that gets
 * nowhere from one that is quiet, and since when its numbers are what they are.
 *
 * Owns a direct-mapped table: a newer flow takes the slot, and what is not known proves nothing.
 * Counts are octets modulo 2^32, times engine ms.
 */
import { SPOKEN_COUNT } from '../limits.ts';

export const K_FLOW = 0; // flow + 1
export const K_GENERATION = 1;
export const K_LOOKED_MS = 2;
export const K_ACKED = 3;
export const K_RECEIVED = 4;
/** Segments with data that had arrived when K_ACKED and K_RECEIVED were first what they are. */
export const K_USED_SEGMENTS = 5;
/** How long, ms in all, octets were in flight, when last none were; K_IDLE: that is known. */
export const K_BUSY_MS = 6;
export const K_IDLE = 7;
export const SOCKET_WORDS = 8;

export class SocketTable {
  static readonly BYTES = SPOKEN_COUNT * SOCKET_WORDS * 4;

  readonly words: Int32Array;

  constructor(buffer: ArrayBufferLike) {
    this.words = new Int32Array(buffer);
  }

  /** Word index of what is known of a flow, or -1. */
  find(flow: number, generation: number): number {
    const at = (flow % SPOKEN_COUNT) * SOCKET_WORDS;
    const same =
      this.words[at + K_FLOW] === flow + 1 && this.words[at + K_GENERATION] === generation;
    return same ? at : -1;
  }

  /** The same, begun now if there was nothing. */
  take(flow: number, generation: number): number {
    const had = this.find(flow, generation);
    if (had >= 0) return had;
    const at = (flow % SPOKEN_COUNT) * SOCKET_WORDS;
    this.words.fill(0, at, at + SOCKET_WORDS);
    this.words[at + K_FLOW] = flow + 1;
    this.words[at + K_GENERATION] = generation;
    return at;
  }
}
