/**
 * Settled connections that are forwarded: whose empty segments tell their numbers, how a reset is
 * checked with them, and that nobody asks a socket. RFC 9293 §3.8.4, §3.10.7.4.
 */
import { beforeEach, describe, expect, it } from 'vitest';
import * as code from '../../src/engine/codes.ts';
import { INDEX_COUNT, INDEX_SETTLED } from '../../src/engine/flow/layout.ts';
import { IDLE_ESTABLISHED_MS, IDLE_TRANSITORY_MS } from '../../src/engine/limits.ts';
import { POLICY_BYPASS, POLICY_GATEWAY } from '../../src/engine/memory.ts';
import {
  HOOK_FORWARD,
  INJECT_FAR_WAKE,
  INJECT_NEAR,
  VERDICT_ACCEPT,
  VERDICT_DROP,
  WORD_READY,
  WORD_SETTLED,
  WORD_UNSETTLED,
  WORD_WAKES,
} from '../../src/engine/verdict.ts';
import { ACK, FIN, RST } from '../../src/engine/wire/segment.ts';
import { Rig } from './rig.ts';

const ISS = 1000;
const IRS = -0x80000000;
/** As many octets as go by between two words of either end: past the wrap. */
const UP = 0x30000000;
const DOWN = 0x3fff0000;
const FORGED_TTL = 99;

let rig: Rig;
beforeEach(() => {
  rig = new Rig();
  rig.plainHook = HOOK_FORWARD;
  const policy = new Int32Array(rig.memory.policy);
  policy[POLICY_GATEWAY] = 1;
  policy[POLICY_BYPASS] = 1;
  rig.connect(ISS, IRS);
  rig.out({ flags: ACK, seq: near(0), ack: far(0), payload: 20 });
  rig.in({ flags: ACK, seq: far(0), ack: near(20) });
  expect(rig.engine.word).toBe(WORD_READY);
  rig.engine.settle();
  rig.nowMs += 5000;
});

const far = (octets: number) => (IRS + 1 + octets) | 0;
const near = (octets: number) => (ISS + 1 + octets) | 0;
const settledCount = () => new Int32Array(rig.memory.index)[INDEX_SETTLED];
const toNear = () => rig.injected.filter(({ path }) => path === INJECT_NEAR);

/** Both ends say that they have everything. */
function speak(up: number, down: number): void {
  rig.in({ flags: ACK, seq: far(down), ack: near(up) });
  expect(rig.engine.word).toBe(WORD_SETTLED);
  rig.out({ flags: ACK, seq: near(up), ack: far(down) });
  expect(rig.engine.word).toBe(WORD_SETTLED);
}

function forge(seq: number): number {
  return rig.in({ flags: RST, seq, ttl: FORGED_TTL });
}

describe('a forwarded connection that is settled', () => {
  it('stays so whatever its empty segments say, however far it went between two of them', () => {
    for (let i = 1; i < 20; i++) speak(UP * i, DOWN * i);
    expect(settledCount()).toBe(1);
    expect(rig.asked).toBe(0);
    expect(rig.injected).toEqual([]);
    expect(rig.events).toEqual([]);
  });

  it('comes back with plain data, and its mark goes with all that is seen for a while', () => {
    rig.out({ flags: ACK, seq: near(UP), ack: far(DOWN), payload: 100 });
    expect(rig.engine.word).toBe(WORD_WAKES);
    rig.in({ flags: ACK, seq: far(DOWN), ack: near(UP + 100) });
    expect(rig.engine.word).toBe(WORD_WAKES);
    rig.nowMs += 1000;
    rig.in({ flags: ACK, seq: far(DOWN), ack: near(UP + 100), payload: 10 });
    expect(rig.engine.word).toBe(WORD_UNSETTLED);
    rig.out({ flags: ACK, seq: near(UP + 100), ack: far(DOWN + 10), payload: 10 });
    rig.in({ flags: ACK, seq: far(DOWN + 10), ack: near(UP + 110) });
    expect(rig.engine.word).toBe(WORD_READY);
    expect(rig.asked).toBe(0);
  });

  it('comes back with SACK blocks that no window holds, and its mark goes', () => {
    const ack = near(UP);
    const edge = ack + 0x12345678;
    const bytes = [edge, edge + 1448].flatMap((at) => [at >>> 24, at >>> 16, at >>> 8, at]);
    const options = [1, 1, 5, 10, ...bytes.map((byte) => byte & 255)];
    rig.in({ flags: ACK, seq: far(DOWN), ack, wnd: 65_000, options });
    rig.tick();
    expect(settledCount()).toBe(0);
    expect(rig.injected).toMatchObject([{ path: INJECT_FAR_WAKE, seq: ack, ack: far(0) }]);
  });

  it('is over with its FINs', () => {
    rig.in({ flags: FIN | ACK, seq: far(DOWN), ack: near(UP) });
    rig.out({ flags: FIN | ACK, seq: near(UP), ack: far(DOWN + 1) });
    rig.in({ flags: ACK, seq: far(DOWN + 1), ack: near(UP + 1) });
    expect(forge(far(DOWN + 1))).toBe(VERDICT_ACCEPT);
    expect(rig.count(code.RST_HELD)).toBe(0);
  });

  it('is forgotten when it says nothing for as long as any other', () => {
    rig.nowMs += IDLE_ESTABLISHED_MS - 10_000;
    rig.pass(200);
    expect(settledCount()).toBe(1);
    rig.nowMs += 10_000;
    rig.pass(200);
    expect(settledCount()).toBe(0);
    expect(rig.asked).toBe(0);
    rig.out({ flags: ACK, seq: near(UP), ack: far(DOWN) });
    expect(rig.engine.word).toBe(WORD_WAKES); // the connection has its mark still
  });
});

describe('a reset on it', () => {
  it('of foreign origin is asked about in the numbers of now, and refuted', () => {
    speak(UP, DOWN);
    rig.nowMs += 20_000;
    expect(forge(far(DOWN))).toBe(VERDICT_DROP);
    rig.pass(4);
    const probe = { path: INJECT_FAR_WAKE, flags: ACK, payload: 0, octet: -1 };
    expect(rig.injected).toEqual([{ ...probe, seq: near(UP - 1), ack: far(DOWN) }]);
    rig.in({ flags: ACK, seq: far(DOWN), ack: near(UP) });
    expect(rig.engine.word).toBe(WORD_WAKES);
    expect(rig.count(code.RST_REFUTED)).toBe(1);
    rig.pass(3000);
    expect(toNear()).toEqual([]);
    expect(rig.asked).toBe(0);
  });

  it('beyond what was seen is refuted by an answer from there: data went by in the kernel', () => {
    speak(UP, DOWN);
    expect(forge(far(DOWN + 500_000))).toBe(VERDICT_DROP);
    rig.pass(4);
    rig.in({ flags: ACK, seq: far(DOWN + 500_000), ack: near(UP + 700) });
    expect(rig.count(code.RST_REFUTED)).toBe(1);
    rig.nowMs += 2000;
    expect(forge(far(DOWN + 500_000))).toBe(VERDICT_DROP);
    rig.pass(4);
    expect(rig.injected.at(-1)).toMatchObject({ seq: near(UP + 699), ack: far(DOWN) });
  });

  it.each([
    ['silence', () => {}],
    ['an answer below it', () => rig.in({ flags: ACK, seq: far(DOWN), ack: near(UP) })],
  ])('is delivered as it came, within a second, behind %s', (_, answer) => {
    speak(UP, DOWN);
    expect(forge(far(DOWN + 5000))).toBe(VERDICT_DROP);
    rig.pass(4);
    answer();
    rig.pass(750);
    expect(toNear()).toMatchObject([{ flags: RST, seq: far(DOWN + 5000) }]);
    expect(rig.count(code.RST_RELEASED)).toBe(1);
  });

  it('with the exact number ends it when the far end is silent', () => {
    speak(UP, DOWN);
    expect(forge(far(DOWN))).toBe(VERDICT_DROP);
    rig.pass(750);
    expect(toNear()).toMatchObject([{ flags: RST, seq: far(DOWN) }]);
    expect(forge(far(DOWN))).toBe(VERDICT_ACCEPT); // it is over
  });

  it('below what the near end has acknowledged passes unchanged, unasked', () => {
    speak(UP, DOWN);
    expect(forge(far(DOWN - 1))).toBe(VERDICT_ACCEPT);
    expect(rig.count(code.RST_INEXACT)).toBe(1);
    rig.pass(100);
    expect(rig.injected).toEqual([]);
    expect(settledCount()).toBe(1);
  });

  it('passes at once when nothing speaks against it; an exact one has ended the connection', () => {
    speak(UP, DOWN);
    expect(rig.in({ flags: RST, seq: far(DOWN) })).toBe(VERDICT_ACCEPT);
    expect(rig.count(code.STAT_RST_PASSED)).toBe(1);
    expect(settledCount()).toBe(0);
    expect(forge(far(DOWN))).toBe(VERDICT_ACCEPT);
    expect(rig.count(code.RST_HELD)).toBe(0);
  });

  it('which may have ended it leaves it in doubt until the far end speaks', () => {
    const flowCount = () => new Int32Array(rig.memory.index)[INDEX_COUNT];
    speak(UP, DOWN);
    for (const ends of [false, true]) {
      expect(rig.in({ flags: RST, seq: far(DOWN + 3000) })).toBe(VERDICT_ACCEPT);
      expect(settledCount()).toBe(0);
      if (!ends) rig.in({ flags: ACK, seq: far(DOWN), ack: near(UP) });
      rig.nowMs += IDLE_TRANSITORY_MS;
      rig.pass(200);
      expect(flowCount()).toBe(ends ? 0 : 1);
    }
  });

  it('is not misled by keep-alives, nor for long by a segment of somebody else', () => {
    speak(UP, DOWN);
    rig.in({ flags: ACK, seq: far(12345), ack: near(54321) });
    rig.in({ flags: ACK, seq: far(DOWN - 1), ack: near(UP) });
    rig.out({ flags: ACK, seq: near(UP), ack: far(DOWN) });
    rig.out({ flags: ACK, seq: near(UP - 1), ack: far(DOWN) });
    rig.in({ flags: ACK, seq: far(DOWN), ack: near(UP) });
    expect(forge(far(DOWN))).toBe(VERDICT_DROP);
    rig.pass(4);
    expect(rig.injected).toMatchObject([{ seq: near(UP - 1), ack: far(DOWN) }]);
  });
});
