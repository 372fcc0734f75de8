/**
 * Whether the packet thread polls its queue before it sleeps, and how long.
 *
 * A thread that sleeps is awake again some 10 µs after its packet came, on a virtual machine whose
 * processor was halted 20 to 50 µs: more than the packet costs. Where packets come faster than
 * that, asking again is quicker. As the kernel itself does before it halts a processor (Linux,
 * Documentation/virt/kvm/halt-polling.rst): a wait that was short opens the window, a longer one
 * closes it. Where nothing comes, or seldom, nothing is polled for.
 *
 * Owns no packets. Times: µs on any steady clock, int32 that wraps: a number with a fraction would
 * be an allocation for every look.
 */

/** So many windows are a short wait: that of a thread that slept holds its waking as well. */
const SHORT_WINDOWS = 2;
/** So long between two looks at the queue: somebody else needs the processor. */
const LOST_US = 2000;
/** He has it for so long. */
const YIELD_US = 100_000;

export class BusyPoll {
  /** The longest that it polls; 0: never. */
  windowUs = 0;
  private isOpen = false;
  private isYielding = false;
  private beganUs = 0;
  private lookedUs = 0;
  private yieldedUs = 0;

  /** A wait begins. Is the queue looked at before the thread sleeps? */
  begin(nowUs: number): boolean {
    this.beganUs = nowUs;
    this.lookedUs = nowUs;
    if (this.isYielding) this.isYielding = sinceUs(this.yieldedUs, nowUs) < YIELD_US;
    return this.isOpen && !this.isYielding;
  }

  /** It was looked at, in vain. Once more? */
  goesOn(nowUs: number): boolean {
    const isLost = sinceUs(this.lookedUs, nowUs) >= LOST_US;
    this.lookedUs = nowUs;
    if (isLost) {
      this.isYielding = true;
      this.yieldedUs = nowUs;
    }
    return !isLost && sinceUs(this.beganUs, nowUs) < this.windowUs;
  }

  /** The wait is over. */
  end(nowUs: number): void {
    this.isOpen = sinceUs(this.beganUs, nowUs) < this.windowUs * SHORT_WINDOWS;
  }
}

function sinceUs(fromUs: number, toUs: number): number {
  return (toUs - fromUs) >>> 0;
}
