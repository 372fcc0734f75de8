/**
 * A firewall re-makes its translation under a connection whose packets stay in the kernel: what
 * brings it back, what its socket proves, and what it does not.
 */
import { beforeEach, describe, expect, it } from 'vitest';
import * as code from '../../src/engine/codes.ts';
import { INDEX_SETTLED } from '../../src/engine/flow/layout.ts';
import { POLICY_BYPASS, POLICY_GATEWAY, POLICY_OBSERVE } from '../../src/engine/memory.ts';
import { SOCKET_LIVES, SOCKET_UNKNOWN } from '../../src/engine/outbox.ts';
import {
  HOOK_FORWARD,
  INJECT_FAR_WAKE,
  VERDICT_ACCEPT,
  VERDICT_REWRITTEN,
  WORD_READY,
} from '../../src/engine/verdict.ts';
import { C, CLIENT_TS, S, Talk } from './jump-talk.ts';

/** What went by in the kernel: more than half of all numbers, in both directions. */
const UP = 0x90000000;
const DOWN = 0xa0000000;

let talk: Talk;

const settledCount = () => new Int32Array(talk.rig.memory.index)[INDEX_SETTLED] ?? 0;

/** Settled, and much went by; its socket is looked at and gets on. */
beforeEach(() => {
  talk = new Talk();
  const { rig } = talk;
  new Int32Array(rig.memory.policy)[POLICY_BYPASS] = 1;
  rig.nowMs += 10;
  talk.near(1, 1, 20);
  talk.hear();
  talk.far(1, 21);
  // It spoke before the far end had proven itself: twice more, and its clock is known.
  for (let i = 0; i < 2; i++) talk.near(21, 1);
  talk.far(1, 21);
  expect(rig.engine.word).toBe(WORD_READY);
  rig.engine.settle();
  rig.socket = {
    state: SOCKET_LIVES,
    acked: UP,
    sent: UP,
    received: DOWN,
    retransmits: 0,
    dataSegments: 1000,
    busyMs: 5000,
    dataMs: 0,
  };
  rig.pass(60_000);
});

/** The socket counts on. */
function pass(ms: number): void {
  const { socket } = talk.rig;
  for (let t = 0; t < ms; t += 2) {
    socket.dataMs = (socket.dataMs ?? 0) + 2;
    if (socket.acked !== socket.sent && socket.busyMs !== -1) {
      socket.busyMs = (socket.busyMs ?? 0) + 2;
    }
    talk.rig.pass(2);
  }
}

/** The socket's last octet came so long ago. */
function quietFor(ms: number): void {
  talk.rig.socket.dataMs = 0;
  pass(ms);
}

/** A new translation, by so much. */
function jump(seqBy: number, ackBy: number): void {
  talk.seqBy = seqBy;
  talk.ackBy = ackBy;
}

/** Behind the bypass the near end says what it has, and the far end answers; the last verdict. */
function answers(ms: number, far = () => talk.far(1 + DOWN, 1 + UP)): number {
  let verdict = VERDICT_ACCEPT;
  for (let t = 0; t < ms && verdict === VERDICT_ACCEPT; t += 2) {
    const before = talk.probes();
    pass(2);
    if (t % 200 === 0) talk.near(1 + UP, 1 + DOWN);
    if (t % 300 === 0 || talk.probes() > before) verdict = far();
  }
  return verdict;
}

describe('a settled flow is taken back', () => {
  it('where segments with data arrive and are of no use, in looks a second apart', () => {
    quietFor(3000);
    expect(settledCount()).toBe(1);
    const asked = talk.rig.asked;
    talk.rig.pass(10_000);
    expect(talk.rig.asked - asked).toBeGreaterThanOrEqual(8);
    expect(talk.rig.asked - asked).toBeLessThanOrEqual(11);
    talk.rig.socket.dataSegments = 1001;
    talk.rig.pass(1200);
    expect(settledCount()).toBe(0);
    const woken = [{ path: INJECT_FAR_WAKE, seq: (C + 1 + UP) | 0, ack: (S + 1 + DOWN) | 0 }];
    expect(talk.rig.injected).toMatchObject(woken);
  });

  it('where its own segments are sent again and again', () => {
    talk.rig.socket.sent = UP + 36;
    talk.rig.socket.retransmits = 1;
    talk.rig.pass(5000);
    expect(settledCount()).toBe(1);
    talk.rig.socket.retransmits = 2;
    talk.rig.pass(1200);
    expect(settledCount()).toBe(0);
  });

  it('not while it gets on, loses what it may, or is only looked at', () => {
    for (let i = 1; i < 20; i++) {
      talk.rig.socket.acked = talk.rig.socket.sent = (UP + i) | 0;
      talk.rig.socket.retransmits = 3;
      talk.rig.socket.dataSegments = 1000 + i;
      talk.rig.pass(1000);
    }
    expect(settledCount()).toBe(1);
    new Int32Array(talk.rig.memory.policy)[POLICY_OBSERVE] = 1;
    const { asked } = talk.rig;
    talk.rig.pass(5000);
    expect(talk.rig.asked).toBe(asked);
    expect(settledCount()).toBe(1);
  });

  it('by what conntrack calls INVALID: its numbers teach nothing, the socket is asked', () => {
    quietFor(3000);
    jump(0x12345678, 0x11111111);
    talk.hear();
    const { asked } = talk.rig;
    talk.rig.socket.state = SOCKET_UNKNOWN;
    talk.far(1 + DOWN, 1 + UP, 36);
    expect(settledCount()).toBe(0);
    expect(talk.rig.asked).toBe(asked + 1);
    talk.rig.pass(10);
    expect(talk.rig.injected).toEqual([]);
    talk.rig.nowMs += 1000;
    talk.rig.socket.state = SOCKET_LIVES;
    talk.far(1 + DOWN, 1 + UP, 36); // no answer: asked again
    talk.rig.pass(10);
    expect(talk.rig.injected).toMatchObject([{ ack: (S + 1 + DOWN) | 0 }]);
  });
});

describe('a look that is under way when the bypass ends', () => {
  it('is no answer to the question behind it, not even within one millisecond', () => {
    const { rig } = talk;
    rig.stalled = true;
    const before = rig.requestCount();
    for (let ms = 0; ms < 2000 && rig.requestCount() === before; ms += 2) rig.pass(2);
    expect(rig.requestCount()).toBe(before + 1);
    jump(0x12345678, 0x11111111);
    talk.hear();
    talk.far(1 + DOWN + 36, 1 + UP, 36);
    const last = rig.asked + rig.requestCount() - before;
    // Between the looks and the question it has received 36 octets.
    Object.defineProperty(rig.socket, 'received', {
      get: () => (rig.asked === last ? DOWN + 36 : DOWN),
    });
    rig.stalled = false;
    rig.pass(10);
    expect(rig.asked).toBe(last);
    expect(rig.injected).toMatchObject([{ ack: (S + 1 + DOWN + 36) | 0 }]);
  });
});

describe('its jump is repaired', () => {
  /** What the far end has heard last: the answer to what came `ms` ago, so long behind it. */
  function back(quietMs: number, heardBehindMs: number): void {
    quietFor(quietMs);
    talk.heard = CLIENT_TS + talk.rig.nowMs - quietMs + heardBehindMs;
    talk.rig.socket.dataSegments = 1001;
    pass(1200);
    expect(settledCount()).toBe(0);
  }

  it('of the client alone, where nothing is in flight, and not before three probes', () => {
    back(3000, 0);
    jump(0, -0x11111111);
    expect(answers(3000)).toBe(VERDICT_REWRITTEN);
    // One below SND.NXT, as a keep-alive.
    expect(talk.rig.injected.filter(({ seq }) => seq === ((C + UP) | 0))).toHaveLength(3);
    expect(talk.rig.wire()).toMatchObject({ seq: (S + 1 + DOWN) | 0, ack: (C + 1 + UP) | 0 });
  });

  it('of both, where the far end echoes an answer that was surely sent behind the last octet', () => {
    back(3000, 100);
    jump(0x22222222, -0x11111111);
    expect(answers(8000)).toBe(VERDICT_REWRITTEN);
    expect(talk.rig.wire()).toMatchObject({ seq: (S + 1 + DOWN) | 0, ack: (C + 1 + UP) | 0 });
  });

  it('of both, not where an older answer may be meant', () => {
    back(3000, 0);
    jump(0x22222222, -0x11111111);
    answers(14_000);
    expect(talk.rig.count(code.RESYNCED)).toBe(0);
  });

  /** The far end's oldest octet comes again by its timer, first sent at `firstMs`. */
  function byTimer(firstMs: number): number {
    const { rig } = talk;
    const { nowMs } = rig;
    let waitMs = 200;
    let dueMs = firstMs;
    while (dueMs < nowMs) {
      dueMs += waitMs;
      waitMs *= 2;
    }
    let verdict = VERDICT_ACCEPT;
    for (let t = 0; t < 14_000 && verdict === VERDICT_ACCEPT; t += 2) {
      const before = talk.probes();
      pass(2);
      if (rig.nowMs >= dueMs) {
        verdict = talk.far(1 + DOWN, 1 + UP, 80);
        dueMs += waitMs;
        waitMs *= 2;
      } else if (talk.probes() > before) verdict = talk.far(1 + DOWN + 80, 1 + UP);
      if (t % 500 === 0) talk.near(1 + UP, 1 + DOWN);
    }
    return verdict;
  }

  it.each([
    ['both', -0x11111111],
    ['the server', 0],
  ])('of %s, where the far end’s timer says that its octet is a new one', (_, ackBy) => {
    back(20_000, 0);
    jump(0x22222222, ackBy);
    expect(byTimer(talk.rig.nowMs - 700)).toBe(VERDICT_REWRITTEN);
    expect(talk.rig.wire()).toMatchObject({ seq: (S + 1 + DOWN) | 0, ack: (C + 1 + UP) | 0 });
  });

  it('of both, not where that octet may be one that the near end has had', () => {
    back(5000, 0);
    jump(0x22222222, -0x11111111);
    byTimer(talk.rig.nowMs - 6300);
    expect(talk.rig.count(code.RESYNCED)).toBe(0);
  });

  /** 36 octets have been in flight for `ms`, behind a last look at which none were. */
  function inFlight(ms: number, heardMs: number, busyMs = 5000 + ms): void {
    quietFor(3000);
    const { rig } = talk;
    rig.socket.sent = UP + 36;
    rig.socket.busyMs = busyMs;
    rig.socket.retransmits = 4;
    talk.heard = CLIENT_TS + rig.nowMs - heardMs;
    jump(0, -0x11111111);
    pass(1200);
    expect(settledCount()).toBe(0);
  }

  it('of the client, where the far end echoes what is older than all that is in flight', () => {
    inFlight(800, 2000);
    expect(answers(3000)).toBe(VERDICT_REWRITTEN);
    expect(talk.rig.wire()).toMatchObject({ ack: (C + 1 + UP) | 0 });
  });

  it.each([
    ['it may have some of it', 800, 700, 5800],
    ['how long it is in flight is not known', 800, 2000, -1],
  ])('of the client, not where %s', (_, ms, heardMs, busyMs) => {
    inFlight(ms, heardMs, busyMs);
    answers(6000);
    expect(talk.rig.count(code.RESYNCED)).toBe(0);
  });
});

it('numbers from before are not taken for what the socket says', () => {
  const { rig } = talk;
  // A SACK in impossible numbers ends the bypass; the answer puts them right.
  const at = (n: number) => [n >>> 24, (n >>> 16) & 255, (n >>> 8) & 255, n & 255];
  const left = C + 0x33333333;
  const options = [1, 1, 5, 10, ...at(left), ...at(left + 100)];
  rig.in({ flags: 0, seq: S + 0x22222222, ack: C + 0x11111111, options });
  expect(settledCount()).toBe(0);
  rig.pass(4);
  expect(rig.injected.at(-1)).toMatchObject({ seq: (C + 1 + UP) | 0, ack: (S + 1 + DOWN) | 0 });
});

it('of a forwarded connection is not: what was in flight there nobody can say', () => {
  const routed = new Talk();
  const { rig } = routed;
  rig.plainHook = HOOK_FORWARD;
  const policy = new Int32Array(rig.memory.policy);
  policy[POLICY_GATEWAY] = policy[POLICY_BYPASS] = 1;
  rig.nowMs += 10;
  routed.near(1, 1, 20);
  routed.hear();
  routed.far(1, 21);
  rig.engine.settle();
  rig.nowMs += 5000;
  routed.near(21, 1);
  routed.hear();
  rig.nowMs += 5000; // 36 octets go by in the kernel, and are never taken
  routed.ackBy = -0x11111111;
  for (let t = 0; t < 8000; t += 100) {
    routed.far(1, 21, 10);
    rig.pass(100);
    routed.near(57, 1);
  }
  expect(rig.count(code.RESYNCED)).toBe(0);
  expect(rig.rules).toEqual([]); // nobody is asked
});
