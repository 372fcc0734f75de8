/**
 * Engine time as wall clock time: one anchor for many packets, so that they keep their distances,
 * until the two clocks have drifted apart. Owns the anchor. Times: ms.
 */
import { engineMs } from '../nfqueue/monotonic.ts';

/** Slewing moves less in a file's time; a step moves more. */
const DRIFT_MS = 20;
/** int32 engine time wraps behind 24 days. */
const ANCHOR_MS = 86_400_000;

export class WallTime {
  private anchorMs = engineMs();
  private anchorDate = Date.now();

  /** Between packets. */
  adjust(): void {
    const nowMs = engineMs();
    const nowDate = Date.now();
    const sinceMs = (nowMs - this.anchorMs) | 0;
    if (Math.abs(nowDate - this.anchorDate - sinceMs) <= DRIFT_MS && sinceMs < ANCHOR_MS) return;
    this.anchorMs = nowMs;
    this.anchorDate = nowDate;
  }

  dateOf(atMs: number): number {
    return this.anchorDate + ((atMs - this.anchorMs) | 0);
  }
}
