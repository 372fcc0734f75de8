/**
 * A long, lossy and reordering path, for kernels without netem: every packet is copied, dropped,
 * and sent again after its time, before the one ahead of it, or never. Seeded: the n-th packet of a
 * direction has the same fate in every run.
 *
 * Owns one slab of copies, first in, first out; a full one loses what comes (a router's tail drop).
 * Times: ms. Allocates nothing a packet.
 */
import { Random } from '../../datapath/sim/random.ts';

const SLOT_BYTES = 1600;
const SLOT_COUNT = 16_384;

export class LongPath {
  private readonly lagMs: number;
  private readonly loss: number;
  private readonly reordering: number;
  /** To the server, and back. */
  private readonly fates: readonly [Random, Random];
  private readonly slab = new Uint8Array(SLOT_COUNT * SLOT_BYTES);
  private readonly bytes = new Int32Array(SLOT_COUNT);
  private readonly dueMs = new Float64Array(SLOT_COUNT);
  private head = 0;
  private count = 0;

  /** `loss` and `reordering`: chances, 0 to 1. */
  constructor(lagMs: number, loss: number, reordering: number, seed: number) {
    this.lagMs = lagMs;
    this.loss = loss;
    this.reordering = reordering;
    this.fates = [new Random(seed, 1), new Random(seed, 2)];
  }

  /** Takes a finished packet over. */
  take(buf: Uint8Array, off: number, bytes: number, toClient: boolean, nowMs: number): void {
    const fate = this.fates[toClient ? 1 : 0];
    if (fate.chance(this.loss)) return;
    if (this.count === SLOT_COUNT || bytes > SLOT_BYTES) return;
    const last = (this.head + this.count) % SLOT_COUNT;
    const overtakes = this.reordering > 0 && this.count > 0 && fate.chance(this.reordering);
    const slot = overtakes ? this.stepBack(last) : last;
    this.slab.set(buf.subarray(off, off + bytes), slot * SLOT_BYTES);
    this.bytes[slot] = bytes;
    this.dueMs[last] = nowMs + this.lagMs;
    this.count++;
  }

  /** The newest packet goes into this slot, and its own is free. */
  private stepBack(to: number): number {
    const newest = (to + SLOT_COUNT - 1) % SLOT_COUNT;
    const from = newest * SLOT_BYTES;
    this.slab.copyWithin(to * SLOT_BYTES, from, from + SLOT_BYTES);
    this.bytes[to] = this.bytes[newest] ?? 0;
    return newest;
  }

  /** Sends what has arrived by now, in order. */
  release(nowMs: number, send: (packet: Uint8Array) => void): void {
    while (this.count > 0 && (this.dueMs[this.head] ?? 0) <= nowMs) {
      const from = this.head * SLOT_BYTES;
      send(this.slab.subarray(from, from + (this.bytes[this.head] ?? 0)));
      this.head = (this.head + 1) % SLOT_COUNT;
      this.count--;
    }
  }
}
