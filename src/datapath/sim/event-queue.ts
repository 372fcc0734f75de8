/**
 * Virtual time: what happens when. Owns the clock and the pending events (a binary heap, ties in
 * the order of scheduling, so that a seed replays exactly). Times: microseconds.
 */
export interface Timer {
  atUs: number;
  order: number;
  run: (() => void) | null;
}

export class EventQueue {
  nowUs = 0;
  private readonly heap: Timer[] = [];
  private order = 0;

  /** Runs `run` after `delayUs`; the timer can be cancelled. */
  after(delayUs: number, run: () => void): Timer {
    return this.at(this.nowUs + Math.max(0, Math.round(delayUs)), run);
  }

  at(atUs: number, run: () => void): Timer {
    const timer: Timer = { atUs: Math.max(atUs, this.nowUs), order: this.order++, run };
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

  /** Runs everything due up to `untilUs`, or until nothing is left or `done` says so. */
  runUntil(untilUs: number, done: () => boolean = () => false): void {
    while (!done()) {
      const next = this.heap[0];
      if (next === undefined || next.atUs > untilUs) break;
      this.pop();
      if (next.run === null) continue;
      this.nowUs = next.atUs;
      const run = next.run;
      next.run = null;
      run();
    }
    if (!done()) this.nowUs = Math.max(this.nowUs, untilUs);
  }

  private pop(): void {
    const heap = this.heap;
    const last = heap.pop() as Timer;
    const size = heap.length;
    if (size === 0) return;
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
