/** Resets: which pass at once, which are asked about, and what becomes of them. DESIGN §4.2. */
import { describe, expect, it } from 'vitest';
import * as code from '../../src/engine/codes.ts';
import { TAINT_MS } from '../../src/engine/limits.ts';
import { POLICY_OBSERVE } from '../../src/engine/memory.ts';
import { INJECT_FAR, INJECT_NEAR, VERDICT_ACCEPT, VERDICT_DROP } from '../../src/engine/verdict.ts';
import { ACK, FIN, RST, SYN } from '../../src/engine/wire/segment.ts';
import { Rig } from './rig.ts';

const C = 77;
const A = 0x7ffffff0; // crosses the sign of an int32 on purpose

function session(rig: Rig): void {
  rig.out({ flags: SYN, seq: C });
  rig.nowMs += 1;
  rig.in({ flags: SYN, seq: A, ack: C + 1 });
  rig.out({ flags: 0, seq: C + 1, ack: A + 1 });
  rig.in({ flags: 0, seq: A + 1, ack: C + 1, payload: 100 });
  rig.out({ flags: 0, seq: C + 1, ack: A + 101, payload: 10 });
  rig.in({ flags: 0, seq: A + 101, ack: C + 11 });
}

const near = (rig: Rig) => rig.injected.filter((packet) => packet.path === INJECT_NEAR);
const probes = (rig: Rig) => rig.injected.filter((packet) => packet.path === INJECT_FAR);
const FORGED = { flags: RST, seq: (A + 101) | 0, ttl: 250 };

describe('resets', () => {
  it('pass at once in SYN-SENT: refused stays fast', () => {
    const rig = new Rig();
    rig.out({ flags: SYN, seq: C });
    expect(rig.in({ flags: RST, seq: 0, ack: C + 1 })).toBe(VERDICT_ACCEPT);
  });

  it('pass at once when exact, of known origin and without a conflict', () => {
    const rig = new Rig();
    session(rig);
    expect(rig.in({ flags: RST, seq: A + 101 })).toBe(VERDICT_ACCEPT);
    expect(rig.count(code.RST_HELD)).toBe(0);
  });

  it('pass unchanged when inexact, whatever their origin', () => {
    const rig = new Rig();
    session(rig);
    for (const seq of [A + 100, A + 102, A - 5, A + 70_000, C]) {
      expect(rig.in({ flags: RST, seq, ttl: 250 })).toBe(VERDICT_ACCEPT);
    }
    expect(rig.count(code.RST_INEXACT)).toBe(4 + 1);
    expect(rig.injected).toEqual([]);
  });

  it('of foreign origin are asked about, and refuted by the answer', () => {
    const rig = new Rig();
    session(rig);
    expect(rig.in(FORGED)).toBe(VERDICT_DROP);
    rig.pass(4);
    expect(probes(rig)).toMatchObject([{ seq: C + 10, ack: (A + 101) | 0, payload: 0 }]);
    rig.in({ flags: 0, seq: A + 101, ack: C + 11 });
    rig.pass(550);
    for (let i = 0; i < 40; i++) {
      rig.pass(50);
      rig.in({ flags: 0, seq: A + 101, ack: C + 11 });
    }
    expect(near(rig)).toEqual([]);
    expect(rig.count(code.RST_REFUTED)).toBe(1);
  });

  it('are asked about on the ports of a connection that two end points had answered', () => {
    const rig = new Rig();
    session(rig);
    rig.in({ flags: SYN, seq: A + 7_000_000, ack: C + 1 });
    rig.in({ flags: RST | ACK, seq: A + 101, ack: C + 11 });
    rig.pass(1000);
    expect(near(rig)).toHaveLength(1);
    rig.nowMs += 500;
    const [c, a] = [C + 900_000, A + 900_000];
    rig.connect(c, a);
    rig.in({ flags: ACK, seq: a + 1, ack: c + 1, payload: 39 });
    rig.out({ flags: ACK, seq: c + 1, ack: a + 40 });
    expect(rig.in({ flags: RST, seq: a + 40 })).toBe(VERDICT_DROP);
    rig.pass(4);
    rig.in({ flags: ACK, seq: a + 40, ack: c + 1 });
    expect(rig.count(code.RST_REFUTED)).toBe(1);
    expect(near(rig)).toHaveLength(1);
  });

  it('pass at once on ports where that is more than a minute ago', () => {
    const rig = new Rig();
    session(rig);
    rig.in({ flags: SYN, seq: A + 7_000_000, ack: C + 1 });
    rig.nowMs += TAINT_MS;
    const [c, a] = [C + 900_000, A + 900_000];
    rig.connect(c, a);
    rig.in({ flags: ACK, seq: a + 1, ack: c + 1, payload: 39 });
    expect(rig.in({ flags: RST, seq: a + 40 })).toBe(VERDICT_ACCEPT);
  });

  it('of foreign origin outlast a path that stalls for a moment', () => {
    const rig = new Rig();
    session(rig);
    rig.in(FORGED);
    rig.pass(380);
    expect(probes(rig)).toHaveLength(2);
    rig.in({ flags: 0, seq: A + 101, ack: C + 11 });
    rig.pass(1000);
    expect(near(rig)).toEqual([]);
    expect(rig.count(code.RST_REFUTED)).toBe(1);
  });

  it('reach the near end within 410 ms when nothing speaks against them', () => {
    const rig = new Rig();
    session(rig);
    rig.in(FORGED);
    rig.pass(410);
    expect(near(rig)).toMatchObject([{ seq: (A + 101) | 0 }]);
    expect(rig.count(code.RST_RELEASED)).toBe(1);
  });

  it('a second one 200 ms later is asked about again, behind the challenge interval', () => {
    const rig = new Rig();
    session(rig);
    rig.in(FORGED);
    rig.pass(4);
    rig.in({ flags: 0, seq: A + 101, ack: C + 11 });
    rig.pass(200);
    expect(rig.in(FORGED)).toBe(VERDICT_DROP);
    rig.pass(300); // Linux answers nothing within 500 ms
    expect(near(rig)).toEqual([]);
    rig.pass(60);
    expect(probes(rig).length).toBeGreaterThanOrEqual(3);
    rig.in({ flags: 0, seq: A + 101, ack: C + 11 });
    expect(rig.count(code.RST_REFUTED)).toBe(2);
  });

  it('are delivered after all when a refuted far end falls silent', () => {
    const rig = new Rig();
    session(rig);
    rig.in(FORGED);
    rig.pass(2);
    rig.in({ flags: 0, seq: A + 101, ack: C + 11, payload: 20 });
    rig.pass(2100);
    expect(rig.count(code.FAR_END_SILENT)).toBe(1);
    expect(near(rig)).toMatchObject([{ seq: (A + 121) | 0 }]); // where RCV.NXT is by now
  });

  it('older segments prove nothing', () => {
    const rig = new Rig();
    session(rig);
    rig.in(FORGED);
    rig.in({ flags: 0, seq: A + 1, ack: C + 1, payload: 100 });
    rig.pass(410);
    expect(near(rig)).toHaveLength(1);
  });

  it('in a shower are all refuted, and probes stay bounded', () => {
    const rig = new Rig();
    session(rig);
    for (let i = 0; i < 100; i++) {
      expect(rig.in(FORGED)).toBe(VERDICT_DROP);
      rig.pass(20);
      rig.in({ flags: 0, seq: A + 101, ack: C + 11, payload: 0 });
      rig.pass(4);
    }
    expect(near(rig)).toEqual([]);
    // 2.4 s: eight at once, then one in 550 ms, and those of the dead-man check.
    expect(probes(rig).length).toBeLessThanOrEqual(8 + 5 + 3);
    expect(rig.count(code.STAT_CHECK_LIMIT)).toBeGreaterThan(0);
  });

  it('in a shower: one behind an answered probe is its echo, a second one may be genuine', () => {
    const rig = new Rig();
    session(rig);
    const answer = { flags: 0, seq: A + 101, ack: C + 11 };
    for (let round = 1; round <= 9; round++) {
      rig.pass(3000);
      expect(rig.in(FORGED)).toBe(VERDICT_DROP);
      rig.pass(4);
      rig.in(answer);
      expect(rig.count(code.RST_HELD)).toBe(round);
      expect(probes(rig).length).toBe(round);
    }
    rig.nowMs += 10;
    const dropped = rig.count(code.RST_DROPPED);
    expect(rig.in(FORGED)).toBe(VERDICT_DROP);
    expect([rig.count(code.RST_HELD), rig.count(code.RST_DROPPED)]).toEqual([9, dropped + 1]);
    rig.nowMs += 10;
    expect(rig.in(FORGED)).toBe(VERDICT_DROP);
    expect([rig.count(code.RST_HELD), rig.count(code.RST_DROPPED)]).toEqual([10, dropped + 1]);
    // Its probe leaves behind the challenge interval.
    rig.pass(400);
    expect(probes(rig).length).toBe(9);
    rig.pass(160);
    expect(probes(rig).length).toBe(10);
  });

  it('a few in a minute are no shower: each is asked about', () => {
    const rig = new Rig();
    session(rig);
    const answer = { flags: 0, seq: A + 101, ack: C + 11 };
    let held = 0;
    for (const pauseMs of [3000, 3000, 3000, 3000, 61_000, 3000, 3000, 3000]) {
      rig.pass(pauseMs);
      rig.in(FORGED);
      rig.pass(4);
      rig.in(answer);
      rig.nowMs += 10;
      rig.in(FORGED);
      held += 2;
      expect(rig.count(code.RST_HELD)).toBe(held);
      rig.pass(600);
      rig.in(answer);
    }
  });

  it('are not true because nobody was asked: the wait begins when the probe has left', () => {
    const rig = new Rig();
    session(rig);
    rig.in(FORGED);
    rig.stalled = true;
    rig.pass(600);
    rig.stalled = false;
    rig.pass(4);
    expect(probes(rig)).toHaveLength(1);
    expect(near(rig)).toEqual([]);
    rig.in({ flags: 0, seq: A + 101, ack: C + 11 });
    expect(rig.count(code.RST_REFUTED)).toBe(1);
  });

  it('are delivered all the same when probes cannot leave for two seconds', () => {
    const rig = new Rig();
    session(rig);
    rig.in(FORGED);
    rig.stalled = true;
    rig.pass(2200);
    rig.stalled = false;
    rig.tick();
    expect(near(rig)).toHaveLength(1);
  });

  it('pass once both ends have closed', () => {
    const rig = new Rig();
    session(rig);
    rig.out({ flags: FIN, seq: C + 11, ack: A + 101 });
    rig.in({ flags: FIN, seq: A + 101, ack: C + 12 });
    expect(rig.in({ flags: RST, seq: A + 102, ttl: 250 })).toBe(VERDICT_ACCEPT);
  });

  it('in observe mode pass, are counted, and are refuted by what follows', () => {
    const rig = new Rig();
    new Int32Array(rig.memory.policy)[POLICY_OBSERVE] = 1;
    session(rig);
    expect(rig.in(FORGED)).toBe(VERDICT_ACCEPT);
    expect(rig.count(code.RST_HELD + code.WOULD)).toBe(1);
    rig.in({ flags: 0, seq: A + 101, ack: C + 11, payload: 20 });
    expect(rig.count(code.RST_REFUTED)).toBe(1);
    rig.pass(3000);
    expect(rig.injected).toEqual([]);
  });
});

describe('the round trip of the handshake', () => {
  it.each([
    [20, 100],
    [100, 300],
    [300, 700],
    [400, 800],
  ])('of %i ms says how long an answer is waited for: %i ms', (rttMs, waitMs) => {
    const rig = new Rig();
    rig.out({ flags: SYN, seq: 1000 });
    rig.nowMs += rttMs;
    rig.in({ flags: SYN, seq: 5000, ack: 1001 });
    rig.out({ flags: ACK, seq: 1001, ack: 5001 });
    rig.in({ flags: SYN, seq: 90_000, ack: 1001 }); // taints
    rig.in({ flags: ACK, seq: 5001, ack: 1001, payload: 20 });
    rig.out({ flags: ACK, seq: 1001, ack: 5021 });
    expect(rig.in({ flags: RST, seq: 5021 })).toBe(VERDICT_DROP);
    const delivered = () => rig.injected.filter(({ path }) => path === INJECT_NEAR).length;
    rig.pass(waitMs - 20);
    expect(delivered()).toBe(0);
    rig.pass(60);
    expect(delivered()).toBe(1);
  });
});
