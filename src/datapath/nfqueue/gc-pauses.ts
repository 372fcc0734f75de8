/**
 * Pauses of the garbage collector in the packet thread, which never comes to its event loop: an
 * observer of `perf_hooks` would hear nothing there. V8's own profiler counts, and is asked when
 * the loop has time. Owns the profiler. Units: µs.
 */
import { GCProfiler } from 'node:v8';
import type { Histogram } from '../../telemetry/histogram.ts';

export class GcPauses {
  private readonly pausesUs: Histogram;
  private profiler: GCProfiler | undefined;

  constructor(pausesUs: Histogram) {
    this.pausesUs = pausesUs;
  }

  /** Those since the last time. Some µs, and a few hundred bytes that the next pause takes. */
  sample(): void {
    for (const { cost } of this.profiler?.stop()?.statistics ?? []) this.pausesUs.record(cost, 1);
    this.profiler = new GCProfiler();
    this.profiler.start();
  }
}
