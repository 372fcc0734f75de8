/**
 * Connections on which a reset is held, or was false, and nobody looked for a while: behind a
 * restart, or because the packet thread had no processor. Times: ms.
 */
import { describe, expect, it } from 'vitest';
import { RST_REFUTED, RST_RELEASED } from '../../src/engine/codes.ts';
import { INJECT_FAR, VERDICT_DROP } from '../../src/engine/verdict.ts';
import { ACK, RST } from '../../src/engine/wire/segment.ts';
import { A, C } from './phantom-rig.ts';
import { Rig } from './rig.ts';

const answer = (rig: Rig) => rig.in({ flags: 0, seq: A + 11, ack: C + 22 });

/** An exact reset from elsewhere, on a session that said its last a second ago. */
function held(): Rig {
  const rig = new Rig();
  rig.connect(C, A);
  rig.out({ flags: 0, seq: C + 1, ack: A + 1, payload: 21 });
  rig.in({ flags: 0, seq: A + 1, ack: C + 22, payload: 10 });
  rig.out({ flags: 0, seq: C + 22, ack: A + 11 });
  rig.nowMs += 1000;
  expect(rig.in({ flags: RST, seq: A + 11, ttl: 200 })).toBe(VERDICT_DROP);
  return rig;
}

/** The main thread is away for so long; then the probe leaves, and is answered soon behind it. */
function livesThrough(rig: Rig, awayMs: number): void {
  rig.stalled = true;
  rig.pass(awayMs);
  rig.stalled = false;
  rig.pass(90);
  expect(rig.count(RST_RELEASED)).toBe(0);
  answer(rig);
  rig.pass(3000);
  expect(rig.count(RST_RELEASED)).toBe(0);
}

describe('a reset that is held over a gap', () => {
  it.each([true, false])('is asked about again, and delivered only into silence: %s', (lives) => {
    const rig = held();
    rig.pass(4);
    rig.restart();
    rig.nowMs += 1200;
    const before = rig.injected.length;
    rig.pass(2);
    expect(rig.injected.slice(before)).toMatchObject([{ path: INJECT_FAR, flags: ACK }]);
    if (lives) answer(rig);
    rig.pass(1000);
    expect(rig.count(RST_RELEASED)).toBe(lives ? 0 : 1);
    expect(rig.count(RST_REFUTED)).toBe(lives ? 1 : 0);
  });
});

it('waits for a probe that the main thread, busy with its start, has not sent yet', () => {
  const rig = held();
  rig.pass(4);
  rig.restart();
  rig.nowMs += 3000;
  livesThrough(rig, 800);
});

it('is delivered in the end, however often the shim is killed meanwhile', () => {
  const rig = held();
  for (let kills = 0; kills < 60 && rig.count(RST_RELEASED) === 0; kills++) {
    rig.pass(50);
    rig.restart();
    rig.nowMs += 1200;
  }
  expect(rig.count(RST_RELEASED)).toBe(1);
});

describe('a connection whose reset was false, behind a gap', () => {
  /** The far end spoke behind the reset, and is watched: can it do so again? */
  function watched(): Rig {
    const rig = held();
    rig.in({ flags: 0, seq: A + 11, ack: C + 22, payload: 5 });
    rig.out({ flags: 0, seq: C + 22, ack: A + 16 });
    expect(rig.count(RST_REFUTED)).toBe(1);
    return rig;
  }

  /** So long; `answers`: each probe is answered. */
  function wait(rig: Rig, ms: number, answers: boolean): number {
    const from = rig.injected.length;
    for (let t = 0; t < ms; t += 2) {
      const before = rig.injected.length;
      rig.pass(2);
      if (!answers || rig.injected.length === before) continue;
      rig.pass(2);
      answer(rig);
    }
    return rig.injected.length - from;
  }

  it('is left alone once the far end is heard, although the near end says nothing', () => {
    const rig = watched();
    rig.restart();
    expect(wait(rig, 5000, true)).toBe(1);
    expect(rig.count(RST_RELEASED)).toBe(0);
  });

  it.each([true, false])('is asked about anew, for the answers may have gone by: %s', (lives) => {
    const rig = watched();
    expect(wait(rig, 1700, false)).toBe(2);
    rig.restart();
    rig.nowMs += 1200;
    wait(rig, 500, lives);
    expect(rig.count(RST_RELEASED)).toBe(0);
    wait(rig, 3000, lives);
    expect(rig.count(RST_RELEASED)).toBe(lives ? 0 : 1);
  });

  it.each([true, false])('has its time to answer where nobody looked for a while: %s', (lives) => {
    const rig = watched();
    rig.nowMs += 5000;
    expect(wait(rig, 90, false)).toBe(1);
    expect(rig.count(RST_RELEASED)).toBe(0);
    if (lives) answer(rig);
    wait(rig, 2000, false);
    expect(rig.count(RST_RELEASED)).toBe(lives ? 0 : 1);
  });

  it('has its time to answer a probe that was sent late', () => {
    const rig = watched();
    wait(rig, 1290, false);
    livesThrough(rig, 700);
  });

  it('is not taken for dead in the last moments of a check that began before it', () => {
    const rig = held();
    expect(wait(rig, 390, false)).toBe(2);
    rig.restart();
    expect(wait(rig, 350, false)).toBe(0); // Linux would not answer yet
    expect(wait(rig, 100, true)).toBe(1);
    wait(rig, 1000, true);
    expect(rig.count(RST_RELEASED)).toBe(0);
  });
});
