/**
 * Virtual time: what happens when. Owns the clock and the pending events (a binary heap, ties in
 * the order of scheduling, so that a seed replays exactly). Times: microseconds.
 */
export interface Timer {
  atUs: number;
  order: number;
  /** Put off: its new place, taken when the old one comes up. -1: it stands where it belongs. */
  laterUs: number;
  laterOrder: number;
  run: (() => void) | null;
}

export class EventQueue {
  nowUs = 0;
  private readonly heap: Timer[] = [];
  private order = 0;

  /** Runs `run` after `delayUs`; the timer can be cancelled. */
  after(delayUs: number, run: () => void): Timer {
    return this.at(this.dueUs(delayUs), run);
  }

  at(atUs: number, run: () => void): Timer {
    const at = Math.max(atUs, this.nowUs);
    const timer: Timer = { atUs: at, order: this.order++, laterUs: -1, laterOrder: 0, run };
    const heap = this.heap;
    let i = heap.length;
    heap.push(timer);
    while (i > 0) {
      const parent = (i - 1) >> 1;
      const above = heap[parent] as Timer;
      if (!before(timer, above)) break;
      heap[i] = above;
      i = parent;
    }
    heap[i] = timer;
    return timer;
  }

  /**
   * Cancels `timer` and runs `run` after `delayUs` instead. What is put off again and again, as a
   * retransmission timer is, stays one entry in the heap.
   */
  again(timer: Timer | null, delayUs: number, run: () => void): Timer {
    const atUs = this.dueUs(delayUs);
    if (timer === null || timer.run === null || atUs < timer.atUs) {
      cancel(timer);
      return this.at(atUs, run);
    }
    timer.laterUs = atUs;
    timer.laterOrder = this.order++;
    timer.run = run;
    return timer;
  }

  /** Runs everything due up to `untilUs`, or until nothing is left or `done` says so. */
  runUntil(untilUs: number, done: () => boolean = () => false): void {
    while (!done()) {
      const next = this.heap[0];
      if (next === undefined || next.atUs > untilUs) break;
      if (next.laterUs >= 0 && next.run !== null) {
        this.putOff(next);
        continue;
      }
      this.pop();
      if (next.run === null) continue;
      this.nowUs = next.atUs;
      const run = next.run;
      next.run = null;
      run();
    }
    if (!done()) this.nowUs = Math.max(this.nowUs, untilUs);
  }

  private dueUs(delayUs: number): number {
    return this.nowUs + Math.max(0, Math.round(delayUs));
  }

  /** The first of the heap belongs further back. */
  private putOff(timer: Timer): void {
    timer.atUs = timer.laterUs;
    timer.order = timer.laterOrder;
    timer.laterUs = -1;
    this.sink(timer);
  }

  private pop(): void {
    const last = this.heap.pop() as Timer;
    if (this.heap.length > 0) this.sink(last);
  }

  /** Takes the place of the first, and goes down to where it belongs. */
  private sink(last: Timer): void {
    const heap = this.heap;
    const size = heap.length;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= size) break;
      if (child + 1 < size && before(heap[child + 1] as Timer, heap[child] as Timer)) child++;
      if (!before(heap[child] as Timer, last)) break;
      heap[i] = heap[child] as Timer;
      i = child;
    }
    heap[i] = last;
  }
}

export function cancel(timer: Timer | null): null {
  if (timer !== null) timer.run = null;
  return null;
}

function before(a: Timer, b: Timer): boolean {
  return a.atUs < b.atUs || (a.atUs === b.atUs && a.order < b.order);
}
