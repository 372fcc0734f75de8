/** One clock for all threads, also for one that lost its processor while it was set. */
import { describe, expect, it } from 'vitest';
import { clockOffsetMs } from '../../../src/datapath/nfqueue/monotonic.ts';

const BOOTED_MS = 1_234_567;
const STARTED_MS = 40;
const READING_MS = 0.001;

/** Loses the processor for `lostMs` before these readings, in the order in which they are made. */
function machine(lostMs: number, before: (reading: number) => boolean) {
  let ms = BOOTED_MS;
  let readings = 0;
  const read = () => {
    if (before(readings++)) ms += lostMs;
    ms += READING_MS;
    return ms;
  };
  const monotonic = (): [number, number] => {
    const nowMs = read();
    return [Math.floor(nowMs / 1000), (nowMs % 1000) * 1e6];
  };
  return { monotonic, now: () => read() - BOOTED_MS + STARTED_MS, count: () => readings };
}

describe('the offset between a thread and the machine', () => {
  it.each([0, 1, 2, 3])('is right where it lost its processor before reading %i', (lost) => {
    const { monotonic, now } = machine(50, (reading) => reading === lost);
    expect(clockOffsetMs(monotonic, now)).toBeCloseTo(BOOTED_MS - STARTED_MS, 2);
  });

  it('is the best there was where it always loses it, in a bounded time', () => {
    const { monotonic, now, count } = machine(50, () => true);
    const offsetMs = clockOffsetMs(monotonic, now);
    expect(Math.abs(offsetMs - (BOOTED_MS - STARTED_MS))).toBeLessThan(51);
    expect(count()).toBeLessThanOrEqual(300);
  });
});
