/**
 * Whether the packet thread polls its queue before it sleeps, and how long.
 *
 * A thread that sleeps is awake again some 10 µs after its packet came, on a virtual machine whose
 * processor was halted 20 to 50 µs: more than the packet costs. Where packets come faster than
 * that, asking again is quicker. As the kernel itself does before it halts a processor (Linux,
 * Documentation/virt/kvm/halt-polling.rst): a wait that was short opens the window, a longer one
 * closes it. Where nothing comes, or seldom, nothing is polled for.
 *
 * Owns no packets. Times: ms, on any steady clock.
 */

/** So many windows are a short wait: that of a thread that slept holds its waking as well. */
const SHORT_WINDOWS = 2;
/** So long between two looks at the queue: somebody else needs the processor. */
const LOST_MS = 2;
/** He has it for so long. */
const YIELD_MS = 100;

export class BusyPoll {
  private windowMs = 0;
  private isOpen = false;
  private beganMs = 0;
  private lookedMs = 0;
  private yieldsUntilMs = Number.NEGATIVE_INFINITY;

  /** The longest that it polls; 0: never. */
  set windowUs(us: number) {
    this.windowMs = us / 1000;
  }

  /** A wait begins. Is the queue looked at before the thread sleeps? */
  begin(nowMs: number): boolean {
    this.beganMs = nowMs;
    this.lookedMs = nowMs;
    return this.isOpen && this.windowMs > 0 && nowMs >= this.yieldsUntilMs;
  }

  /** It was looked at, in vain. Once more? */
  goesOn(nowMs: number): boolean {
    const isLost = nowMs - this.lookedMs >= LOST_MS;
    this.lookedMs = nowMs;
    if (isLost) this.yieldsUntilMs = nowMs + YIELD_MS;
    return !isLost && nowMs - this.beganMs < this.windowMs;
  }

  /** The wait is over. */
  end(nowMs: number): void {
    this.isOpen = nowMs - this.beganMs < this.windowMs * SHORT_WINDOWS;
  }
}
