/** What comes round again is let go; what merely looks alike is not. */
import { describe, expect, it } from 'vitest';
import { RepeatGuard } from '../../../src/datapath/nfqueue/repeat-guard.ts';
import { HOOK_INPUT, HOOK_POSTROUTING } from '../../../src/engine/verdict.ts';
import { Random, SEED, SEED_HINT } from '../../helpers/seed.ts';

const LEN = 60;
const OFF = 64;

/** An arena with one packet of seeded bytes, and a guard for it. */
function arena(seed = 1): { bytes: Uint8Array; guard: RepeatGuard } {
  const random = new Random(seed);
  const bytes = new Uint8Array(4096).map(() => random.below(256));
  return { bytes, guard: new RepeatGuard(bytes) };
}

/** The packet arrives and, if it is judged, is let through. Returns whether it was judged. */
function turn(guard: RepeatGuard, nowMs: number, off = OFF, len = LEN): boolean {
  if (guard.isReturned(off, len, HOOK_POSTROUTING, nowMs)) return false;
  guard.note(off, len, HOOK_POSTROUTING, false, nowMs);
  return true;
}

describe('RepeatGuard', () => {
  it('lets a packet go that has come back three times', () => {
    const { guard } = arena();
    expect([0, 0, 1, 1, 1].map((nowMs) => turn(guard, nowMs))).toEqual([
      true,
      true,
      true,
      true,
      false,
    ]);
    expect(guard.caughtCount).toBe(1);
  });

  it(`lets all go that come round at the same time (${SEED_HINT})`, () => {
    const COUNT = 1000;
    const bytes = new Uint8Array(COUNT * 64);
    const words = new Int32Array(bytes.buffer);
    const random = new Random(SEED);
    for (let i = 0; i < words.length; i++) words[i] = random.below(0x7fffffff);
    const guard = new RepeatGuard(bytes);
    let inside = Array.from({ length: COUNT }, (_, i) => i * 64);
    let rounds = 0;
    for (; inside.length > 0 && rounds < 100; rounds++) {
      inside = inside.filter((off) => turn(guard, 0, off));
    }
    expect(inside).toEqual([]);
    expect(rounds).toBeGreaterThan(3);
  });

  it('lets a packet go at once that we had rewritten', () => {
    const { bytes, guard } = arena();
    expect(guard.isReturned(OFF, LEN, HOOK_POSTROUTING, 0)).toBe(false);
    bytes[OFF + 25] = (bytes[OFF + 25] ?? 0) ^ 0xff;
    guard.note(OFF, LEN, HOOK_POSTROUTING, true, 0);
    expect(guard.isReturned(OFF, LEN, HOOK_POSTROUTING, 0)).toBe(true);
    // As it came first it is another packet: a retransmission, which must be rewritten too.
    bytes[OFF + 25] = (bytes[OFF + 25] ?? 0) ^ 0xff;
    expect(guard.isReturned(OFF, LEN, HOOK_POSTROUTING, 0)).toBe(false);
  });

  it('takes equals further apart for what they are: new packets', () => {
    const { guard } = arena();
    const judged = Array.from({ length: 20 }, (_, i) => turn(guard, i * 51));
    expect(judged).toEqual(judged.map(() => true));
  });

  it('tells hooks and lengths apart', () => {
    const { guard } = arena();
    for (let i = 0; i < 4; i++) turn(guard, 0);
    expect(guard.isReturned(OFF, LEN, HOOK_INPUT, 0)).toBe(false);
    expect(guard.isReturned(OFF, LEN + 1, HOOK_POSTROUTING, 0)).toBe(false);
    expect(guard.isReturned(OFF, LEN, HOOK_POSTROUTING, 0)).toBe(true);
  });

  it('works across the wrap of the clock', () => {
    const { guard } = arena();
    const end = 0x7fffffff;
    for (let i = 0; i < 4; i++) turn(guard, end);
    expect(guard.isReturned(OFF, LEN, HOOK_POSTROUTING, (end + 10) | 0)).toBe(true);
    expect(guard.isReturned(OFF, LEN, HOOK_POSTROUTING, (end + 60) | 0)).toBe(false);
  });

  it(`never mistakes one of a million packets for another (${SEED_HINT})`, () => {
    const bytes = new Uint8Array(LEN);
    const words = new Int32Array(bytes.buffer);
    const guard = new RepeatGuard(bytes);
    const random = new Random(SEED);
    // Alike but for the sequence number, as in a transfer, and rewritten: the stricter state.
    for (let i = 0; i < 1_000_000; i++) {
      words[6] = Math.imul(i, 1448) + random.below(4);
      if (guard.isReturned(0, LEN, HOOK_POSTROUTING, i >> 10)) break;
      guard.note(0, LEN, HOOK_POSTROUTING, true, i >> 10);
    }
    expect(guard.caughtCount).toBe(0);
  });
});
