/**
 * The time of a capture: it goes from frame to frame, and timers run on the way as they would have.
 *
 * Owns what has been used of FINE_TICKS_MAX, which bounds the work that a capture's times can ask
 * for: a frame a century later is no reason to count to it. Times: microseconds of the capture, ms
 * since its first frame.
 */
/** So many turns behind one frame are as the engine asks; from there on each is twice as far. */
const GAP_TICKS = 4000;
/** And so many in all. */
const FINE_TICKS_MAX = 5_000_000;

export class VirtualClock {
  /** Of the last frame, or timer. */
  timeUs = 0;
  elapsedMs = 0;
  private startUs = 0;
  private isRunning = false;
  private nextMs = 0;
  private ticks = 0;

  /**
   * Goes on to `timeUs`. `tick` runs what is due at a time in ms, and says in how many ms it wants
   * to run again. Returns -1 where the frame is older than the one before it: the time stays.
   */
  advance(timeUs: number, tick: (atMs: number) => number): number {
    if (!this.isRunning) {
      this.isRunning = true;
      this.startUs = timeUs;
      this.timeUs = timeUs;
      return 0;
    }
    const endMs = Math.floor((timeUs - this.startUs) / 1000);
    let scale = 1;
    for (let turn = 1; this.nextMs <= endMs; turn++) {
      this.elapsedMs = this.nextMs;
      this.timeUs = Math.max(this.timeUs, this.startUs + this.nextMs * 1000);
      const dueMs = Math.max(1, tick(this.nextMs));
      this.ticks++;
      if (turn > GAP_TICKS || this.ticks > FINE_TICKS_MAX) scale *= 2;
      this.nextMs += dueMs * scale;
    }
    if (timeUs < this.timeUs) return -1;
    this.timeUs = timeUs;
    this.elapsedMs = endMs;
    return 0;
  }

  /** Something has happened now: the next turn is in `ms`. */
  dueIn(ms: number): void {
    this.nextMs = this.elapsedMs + Math.max(1, ms);
  }
}
