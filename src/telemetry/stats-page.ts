/**
 * What the packet worker and the main thread know of each other: one page of shared memory.
 *
 * Owns the layout: int32 control words, then float64 counters, then two histograms in microseconds:
 * latency from the first receive to the verdict, and pauses of the worker's garbage collector. The
 * worker writes all but STOP, BUDGET_US and BUSY_POLL_US.
 */
import { HISTOGRAM_BYTES, Histogram } from './histogram.ts';

/** Int32 words. */
export const PAGE_STATE = 0;
/** Set by the main thread: let go of the queue and exit. */
export const PAGE_STOP = 1;
/** Engine time of the last turn of the loop, ms. */
export const PAGE_HEARTBEAT_MS = 2;
/** Netlink port id of the queue's socket: where wake-ups go. */
export const PAGE_PORT_ID = 3;
/** Of a `Pace`, likewise by the main thread. */
export const PAGE_BUDGET_US = 4;
export const PAGE_BUSY_POLL_US = 5;
const CONTROL_WORDS = 16;

export const STATE_STARTING = 0;
export const STATE_RUNNING = 1;
export const STATE_STOPPED = 2;
export const STATE_FAILED = 3;

/** Float64 counters. */
export const PAGE_PACKETS = 0;
export const PAGE_BATCHES = 1;
/** Batches whose last verdict came later than the budget allows. */
export const PAGE_BUDGET_EXCEEDED = 2;
/** Packets accepted uninspected under overload. */
export const PAGE_SHED = 3;
/** Errors that the kernel reported for verdicts: packets flushed meanwhile. */
export const PAGE_KERNEL_ERRORS = 4;
/** Sends of verdicts that had to be repeated. */
export const PAGE_SEND_FAILURES = 5;
/** Bytes of heap in use in the worker, sampled once a second. */
export const PAGE_HEAP_BYTES = 6;
const COUNTER_COUNT = 16;

const COUNTERS_OFFSET = CONTROL_WORDS * 4;
const HISTOGRAM_OFFSET = COUNTERS_OFFSET + COUNTER_COUNT * 8;
const PAGE_BYTES = HISTOGRAM_OFFSET + 2 * HISTOGRAM_BYTES;

/** What the main thread may change at any time. Microseconds. */
export interface Pace {
  /** Latency budget of a batch. */
  readonly budgetUs: number;
  /** How long the worker polls before it sleeps, while packets come that fast; 0: never. */
  readonly busyPollUs: number;
}

export class StatsPage {
  readonly buffer: SharedArrayBuffer;
  readonly control: Int32Array;
  readonly counters: Float64Array;
  readonly latencyUs: Histogram;
  readonly gcPauseUs: Histogram;

  constructor(buffer: SharedArrayBuffer = new SharedArrayBuffer(PAGE_BYTES)) {
    this.buffer = buffer;
    this.control = new Int32Array(buffer, 0, CONTROL_WORDS);
    this.counters = new Float64Array(buffer, COUNTERS_OFFSET, COUNTER_COUNT);
    this.latencyUs = new Histogram(buffer, HISTOGRAM_OFFSET);
    this.gcPauseUs = new Histogram(buffer, HISTOGRAM_OFFSET + HISTOGRAM_BYTES);
  }

  setPace({ budgetUs, busyPollUs }: Pace): void {
    this.control[PAGE_BUDGET_US] = budgetUs;
    this.control[PAGE_BUSY_POLL_US] = busyPollUs;
  }

  counter(index: number): number {
    return this.counters[index] ?? 0;
  }
}
