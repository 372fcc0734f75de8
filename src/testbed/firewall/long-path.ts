/**
 * A long and lossy path, for kernels without netem: every packet is copied, dropped, and sent again
 * after its time, or never. Seeded: the n-th packet of a direction is lost in every run alike.
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
  /** To the server, and back. */
  private readonly fates: readonly [Random, Random];
  private readonly slab = new Uint8Array(SLOT_COUNT * SLOT_BYTES);
  private readonly bytes = new Int32Array(SLOT_COUNT);
  private readonly dueMs = new Float64Array(SLOT_COUNT);
  private head = 0;
  private count = 0;

  constructor(lagMs: number, loss: number, seed: number) {
    this.lagMs = lagMs;
    this.loss = loss;
    this.fates = [new Random(seed, 1), new Random(seed, 2)];
  }

  /** Takes a finished packet over. */
  take(buf: Uint8Array, off: number, bytes: number, toClient: boolean, nowMs: number): void {
    if (this.fates[toClient ? 1 : 0].chance(this.loss)) return;
    if (this.count === SLOT_COUNT || bytes > SLOT_BYTES) return;
    const slot = (this.head + this.count) % SLOT_COUNT;
    this.slab.set(buf.subarray(off, off + bytes), slot * SLOT_BYTES);
    this.bytes[slot] = bytes;
    this.dueMs[slot] = nowMs + this.lagMs;
    this.count++;
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
