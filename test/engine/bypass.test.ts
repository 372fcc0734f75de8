/**
 * Which flows stay in the kernel, what brings them back, and that nothing is judged by the numbers
 * that have grown old meanwhile. RFC 5961 §3.2, RFC 2018.
 */
import { beforeEach, describe, expect, it } from 'vitest';
import {
  PROBE_SENT,
  RST_DROPPED,
  RST_HELD,
  RST_REFUTED,
  RST_RELEASED,
  STAT_RST_PASSED,
} from '../../src/engine/codes.ts';
import { INDEX_SETTLED } from '../../src/engine/flow/layout.ts';
import { CHALLENGE_INTERVAL_MS, IDLE_SETTLED_MS, TAINT_MS } from '../../src/engine/limits.ts';
import { POLICY_BYPASS, POLICY_OFF } from '../../src/engine/memory.ts';
import { SOCKET_GONE, SOCKET_LIVES, SOCKET_UNKNOWN } from '../../src/engine/outbox.ts';
import {
  INJECT_FAR_WAKE,
  INJECT_NEAR,
  VERDICT_ACCEPT,
  VERDICT_DROP,
  WORD_READY,
  WORD_SETTLED,
  WORD_UNSETTLED,
  WORD_WAKES,
} from '../../src/engine/verdict.ts';
import { ACK, FIN, RST, SYN } from '../../src/engine/wire/segment.ts';
import { Rig } from './rig.ts';

const ISS = 1000;
const IRS = -0x80000000;
/** As many octets as a day of a fast transfer, past the wrap and more than half the space. */
const UP = 0x90000000;
const DOWN = 0xa0000000;
const FORGED_TTL = 99;

let rig: Rig;
beforeEach(() => {
  rig = new Rig();
  new Int32Array(rig.memory.policy)[POLICY_BYPASS] = 1;
});

function open(): void {
  rig.connect(ISS, IRS);
}

/** The client has spoken, and everything is acknowledged. */
function settle(): void {
  open();
  rig.out({ flags: ACK, seq: ISS + 1, ack: IRS + 1, payload: 20 });
  rig.in({ flags: ACK, seq: IRS + 1, ack: ISS + 21 });
  expect(rig.engine.word).toBe(WORD_READY);
  rig.engine.settle();
  expect(settledCount()).toBe(1);
}

it('no flow is settled without the probes that could end it', () => {
  new Int32Array(rig.memory.policy)[POLICY_OFF + (PROBE_SENT >> 5)] = 1 << (PROBE_SENT & 31);
  open();
  rig.out({ flags: ACK, seq: ISS + 1, ack: IRS + 1, payload: 20 });
  rig.in({ flags: ACK, seq: IRS + 1, ack: ISS + 21 });
  expect(rig.engine.word).not.toBe(WORD_READY);
});

function settledCount(): number {
  return new Int32Array(rig.memory.index)[INDEX_SETTLED] ?? 0;
}

const far = (octets: number) => (IRS + 1 + octets) | 0;
const near = (octets: number) => (ISS + 1 + octets) | 0;

function sack(...edges: number[]): number[] {
  const bytes = edges.flatMap((edge) => [edge >>> 24, edge >>> 16, edge >>> 8, edge]);
  return [1, 1, 5, 2 + bytes.length, ...bytes.map((byte) => byte & 255)];
}

describe('a flow is ready', () => {
  it('on an arriving segment that is the newest in both directions', () => {
    open();
    rig.out({ flags: ACK, seq: near(0), ack: far(0), payload: 20 });
    expect(rig.engine.word).toBe(WORD_UNSETTLED);
    rig.in({ flags: ACK, seq: far(0), ack: near(20) });
    expect(rig.engine.word).toBe(WORD_READY);
    rig.out({ flags: ACK, seq: near(20), ack: far(0) });
    expect(rig.engine.word).toBe(WORD_UNSETTLED);
    rig.in({ flags: ACK, seq: far(0), ack: near(10) });
    expect(rig.engine.word).toBe(WORD_UNSETTLED);
  });

  it('in the middle of a large transfer, either way', () => {
    open();
    rig.out({ flags: ACK, seq: near(0), ack: far(0), payload: 1400 });
    rig.out({ flags: ACK, seq: near(1400), ack: far(0), payload: 1400 });
    rig.in({ flags: ACK, seq: far(0), ack: near(1400), payload: 1400 });
    expect(rig.engine.word).toBe(WORD_READY);
    rig.in({ flags: ACK, seq: far(1400), ack: near(1400), payload: 1400 });
    expect(rig.engine.word).toBe(WORD_READY);
  });

  it('not before it has carried a load: octets either way, or segments at a pace', () => {
    const policy = new Int32Array(rig.memory.policy);
    const outcome = (step: () => void): number => {
      rig.ports += 1 << 16;
      open();
      step();
      return rig.engine.word;
    };
    policy[POLICY_BYPASS] = 2000;
    expect(outcome(() => exchange(0))).toBe(WORD_UNSETTLED);
    const up = () => {
      rig.out({ flags: ACK, seq: near(0), ack: far(0), payload: 1400 });
      rig.out({ flags: ACK, seq: near(1400), ack: far(0), payload: 1400 });
      rig.in({ flags: ACK, seq: far(0), ack: near(2800) });
    };
    expect(outcome(up)).toBe(WORD_READY);
    const down = () => {
      exchange(0);
      rig.in({ flags: ACK, seq: far(0), ack: near(20), payload: 1400 });
      rig.in({ flags: ACK, seq: far(1400), ack: near(20), payload: 1400 });
    };
    expect(outcome(down)).toBe(WORD_READY);
    policy[POLICY_BYPASS] = 1 << 30;
    const rounds = (everyMs: number) => () => {
      for (let i = 0; i < 130; i++) {
        rig.pass(everyMs);
        exchange(20 * i);
      }
    };
    expect(outcome(rounds(15))).toBe(WORD_READY);
    expect(outcome(rounds(25))).toBe(WORD_UNSETTLED);
  });

  it('not with something of the far end missing', () => {
    open();
    rig.out({ flags: ACK, seq: near(0), ack: far(0), payload: 20 });
    rig.in({ flags: ACK, seq: far(1400), ack: near(20), payload: 1400 });
    expect(rig.engine.word).toBe(WORD_UNSETTLED);
    rig.in({ flags: ACK, seq: far(1400), ack: near(20) });
    expect(rig.engine.word).toBe(WORD_UNSETTLED);
    rig.out({ flags: ACK, seq: near(20), ack: far(2800) });
    rig.in({ flags: ACK, seq: far(2800), ack: near(20) });
    expect(rig.engine.word).toBe(WORD_READY);
  });

  it('with something missing behind what the near end waits for: a fast lossy path is never whole', () => {
    open();
    rig.out({ flags: ACK, seq: near(0), ack: far(0), payload: 20 });
    rig.in({ flags: ACK, seq: far(0), ack: near(20), payload: 1400 });
    rig.out({ flags: ACK, seq: near(20), ack: far(1400) });
    for (const at of [2800, 5600]) {
      rig.in({ flags: ACK, seq: far(at), ack: near(20), payload: 1400 });
      expect(rig.engine.word).toBe(WORD_UNSETTLED);
    }
    rig.out({ flags: ACK, seq: near(20), ack: far(1400), options: sack(far(2800), far(4200)) });
    // What it has already, and what it does not wait for yet.
    rig.in({ flags: ACK, seq: far(0), ack: near(20), payload: 1400 });
    expect(rig.engine.word).toBe(WORD_UNSETTLED);
    rig.in({ flags: ACK, seq: far(4200), ack: near(20), payload: 1400 });
    expect(rig.engine.word).toBe(WORD_UNSETTLED);
    rig.in({ flags: ACK, seq: far(1400), ack: near(20), payload: 1400 });
    expect(rig.engine.word).toBe(WORD_READY);
  });

  it('not where everything that comes lies ahead: its numbers may have jumped', () => {
    open();
    rig.out({ flags: ACK, seq: near(0), ack: far(0), payload: 20 });
    rig.in({ flags: ACK, seq: far(0), ack: near(20), payload: 1400 });
    rig.out({ flags: ACK, seq: near(20), ack: far(1400) });
    for (let at = 20_000; at < 40_000; at += 1400) {
      rig.in({ flags: ACK, seq: far(at), ack: near(20), payload: 1400 });
      expect(rig.engine.word).toBe(WORD_UNSETTLED);
    }
  });

  it.each([
    ['without the option', () => new Int32Array(rig.memory.policy).fill(0)],
    ['after a conflict', () => rig.in({ flags: SYN, seq: IRS + 5_000_000, ack: ISS + 1 })],
  ])('not %s', (_, spoil) => {
    open();
    spoil();
    rig.out({ flags: ACK, seq: near(0), ack: far(0), payload: 20 });
    rig.in({ flags: ACK, seq: far(0), ack: near(20) });
    expect(rig.engine.word).toBe(WORD_UNSETTLED);
  });

  /** The client says something, and all of it is acknowledged. */
  function exchange(at: number): number {
    rig.out({ flags: ACK, seq: near(at), ack: far(0), payload: 20 });
    rig.in({ flags: ACK, seq: far(0), ack: near(at + 20) });
    return rig.engine.word;
  }

  it('not within a minute of a conflict, and behind it', () => {
    open();
    rig.in({ flags: SYN, seq: IRS + 5_000_000, ack: ISS + 1 });
    expect(exchange(0)).toBe(WORD_UNSETTLED);
    rig.nowMs += TAINT_MS - 1;
    rig.tick();
    expect(exchange(20)).toBe(WORD_UNSETTLED);
    rig.nowMs += 1;
    expect(exchange(40)).toBe(WORD_READY);
  });

  it('not before the client has said something', () => {
    open();
    rig.in({ flags: ACK, seq: far(0), ack: near(0) });
    expect(rig.engine.word).toBe(WORD_UNSETTLED);
  });

  it('not before a client that has waited for the server speaks again: its clock is not known', () => {
    open();
    rig.pass(1000);
    rig.out({ flags: ACK, seq: near(0), ack: far(0) }); // of a SYN-ACK that came twice
    rig.pass(200);
    for (let at = 0; at < 4000; at += 1000) {
      rig.in({ flags: ACK, seq: far(at), ack: near(0), payload: 1000 });
      expect(rig.engine.word).toBe(WORD_UNSETTLED);
    }
    for (const at of [2000, 4000]) rig.out({ flags: ACK, seq: near(0), ack: far(at) });
    rig.in({ flags: ACK, seq: far(4000), ack: near(0), payload: 1000 });
    expect(rig.engine.word).toBe(WORD_READY);
  });

  it('not when one end has said that it will send no more', () => {
    open();
    rig.out({ flags: ACK, seq: near(0), ack: far(0), payload: 20 });
    rig.out({ flags: ACK | FIN, seq: near(20), ack: far(0) });
    rig.in({ flags: ACK, seq: far(0), ack: near(21) });
    expect(rig.engine.word).toBe(WORD_UNSETTLED);
    rig.ports += 1 << 16;
    open();
    rig.out({ flags: ACK, seq: near(0), ack: far(0), payload: 20 });
    rig.in({ flags: ACK | FIN, seq: far(0), ack: near(20) });
    rig.in({ flags: ACK, seq: far(1), ack: near(20) });
    expect(rig.engine.word).toBe(WORD_UNSETTLED);
  });

  it('not with something missing in what it has sent', () => {
    open();
    rig.out({ flags: ACK, seq: near(0), ack: far(0), payload: 20 });
    rig.in({ flags: ACK, seq: far(0), ack: near(20), options: sack(near(30), near(40)) });
    expect(rig.engine.word).toBe(WORD_UNSETTLED);
  });

  it('not while a reset is asked about', () => {
    open();
    rig.out({ flags: ACK, seq: near(0), ack: far(0), payload: 20 });
    rig.in({ flags: ACK, seq: far(0), ack: near(20), payload: 40 });
    rig.out({ flags: ACK, seq: near(20), ack: far(40), payload: 20 });
    expect(rig.in({ flags: RST, seq: far(40), ttl: FORGED_TTL })).toBe(VERDICT_DROP);
    rig.in({ flags: ACK, seq: far(30), ack: near(40) }); // older than the reset: refutes nothing
    expect(rig.engine.word).toBe(WORD_UNSETTLED);
  });

  it('on a path with a known fault only after five seconds', () => {
    open();
    rig.in({ flags: SYN, seq: 77, ack: ISS + 1 }); // a second end point
    rig.in({ flags: ACK, seq: far(0), ack: near(0), payload: 20 });
    rig.ports += 1 << 16;
    open();
    expect(exchange(0)).toBe(WORD_UNSETTLED);
    rig.pass(5000);
    expect(exchange(20)).toBe(WORD_READY);
  });

  it('never when it is older than we are', () => {
    for (let i = 0; i < 10; i++) {
      rig.out({ flags: ACK, seq: near(20 * i), ack: far(0), payload: 20 });
      rig.in({ flags: ACK, seq: far(0), ack: near(20 * i + 20) });
      rig.pass(100);
    }
    expect(rig.engine.word).toBe(WORD_UNSETTLED);
  });
});

describe('a settled flow', () => {
  it('keeps what was queued before, and a SACK that nothing is wrong with', () => {
    settle();
    rig.out({ flags: ACK, seq: near(20), ack: far(0), payload: 500 });
    expect(rig.engine.word).toBe(WORD_SETTLED);
    rig.nowMs += 5000;
    const ack = near(UP);
    const options = sack(ack + 3000, ack + 9000);
    expect(rig.in({ flags: ACK, seq: far(0), ack, wnd: 65_000, options })).toBe(VERDICT_ACCEPT);
    expect(rig.engine.word).toBe(WORD_SETTLED);
    expect(rig.asked).toBe(0);
  });

  it('keeps a D-SACK that tells of more than the window now offers', () => {
    settle();
    rig.nowMs += 5000;
    const ack = near(UP);
    const options = sack(ack - 260_640, ack - 195_480);
    expect(rig.in({ flags: ACK, seq: far(0), ack, wnd: 0, options })).toBe(VERDICT_ACCEPT);
    expect(rig.engine.word).toBe(WORD_SETTLED);
  });

  it('comes back with blocks that no window holds, and its mark goes', () => {
    settle();
    rig.nowMs += 5000;
    rig.socket = { state: SOCKET_LIVES, acked: UP, sent: UP + 9000, received: DOWN };
    const ack = near(UP);
    const options = sack(ack + 0x12345678, ack + 0x12345678 + 1448);
    rig.in({ flags: ACK, seq: far(DOWN), ack, wnd: 65_000, options });
    expect(rig.engine.word).toBe(WORD_WAKES);
    expect(settledCount()).toBe(0);
    rig.tick();
    expect(rig.injected).toMatchObject([{ path: INJECT_FAR_WAKE, seq: near(UP), ack: far(DOWN) }]);
  });

  it('comes back when a plain packet is seen long after', () => {
    settle();
    rig.nowMs += 5000;
    rig.out({ flags: ACK, seq: near(UP), ack: far(DOWN), payload: 10 });
    expect(rig.engine.word).toBe(WORD_WAKES);
    expect(rig.asked).toBe(1);
    expect(rig.injected).toEqual([]);
  });

  it('is over with its FINs, whatever its numbers were', () => {
    settle();
    rig.nowMs += 5000;
    rig.socket = { state: SOCKET_LIVES, acked: UP, sent: UP, received: DOWN };
    rig.in({ flags: FIN | ACK, seq: far(DOWN), ack: near(UP) });
    expect(rig.engine.word).toBe(WORD_WAKES);
    rig.out({ flags: FIN | ACK, seq: near(UP), ack: far(DOWN + 1) });
    rig.in({ flags: ACK, seq: far(DOWN + 1), ack: near(UP + 1) });
    expect(rig.in({ flags: RST, seq: far(DOWN + 1), ttl: FORGED_TTL })).toBe(VERDICT_ACCEPT);
    expect(rig.count(RST_HELD)).toBe(0);
  });

  it('can be settled again a second later', () => {
    settle();
    rig.nowMs += 5000;
    rig.socket = { state: SOCKET_LIVES, acked: UP, sent: UP + 10, received: DOWN };
    rig.out({ flags: ACK, seq: near(UP), ack: far(DOWN), payload: 10 });
    rig.tick();
    rig.in({ flags: ACK, seq: far(DOWN), ack: near(UP + 10) });
    expect(rig.engine.word).toBe(WORD_UNSETTLED);
    rig.pass(1000);
    rig.out({ flags: ACK, seq: near(UP + 10), ack: far(DOWN), payload: 10 });
    rig.in({ flags: ACK, seq: far(DOWN), ack: near(UP + 20) });
    expect(rig.engine.word).toBe(WORD_READY);
  });

  it('does not expire while its socket lives', () => {
    settle();
    for (let i = 0; i < 3; i++) {
      rig.socket = { state: SOCKET_LIVES, acked: 20, sent: 20, received: 0 };
      rig.nowMs += IDLE_SETTLED_MS;
      rig.pass(200);
      expect(settledCount()).toBe(1);
    }
    rig.socket = { state: SOCKET_GONE, acked: 0, sent: 0, received: 0 };
    rig.nowMs += IDLE_SETTLED_MS;
    rig.pass(200);
    expect(settledCount()).toBe(0);
  });

  it('leaves no trace when its port is used again', () => {
    settle();
    rig.nowMs += 5000;
    rig.out({ flags: SYN, seq: ISS + 77 });
    expect(settledCount()).toBe(0);
    expect(rig.engine.word).not.toBe(WORD_SETTLED);
  });
});

describe('a reset on a settled flow', () => {
  const numbers = { state: SOCKET_LIVES, acked: UP, sent: UP, received: DOWN };

  function forge(seq: number): number {
    return rig.in({ flags: RST, seq, ttl: FORGED_TTL });
  }

  beforeEach(() => {
    settle();
    rig.nowMs += 20_000;
    rig.socket = numbers;
  });

  it('passes at once when nothing speaks against it, and the socket is asked later', () => {
    expect(rig.in({ flags: RST, seq: far(DOWN) })).toBe(VERDICT_ACCEPT);
    expect(rig.count(STAT_RST_PASSED)).toBe(1);
    rig.socket = { ...numbers, state: SOCKET_GONE };
    rig.pass(6000);
    expect(settledCount()).toBe(0);
  });

  it('of foreign origin is asked about with the numbers of the socket, and refuted', () => {
    expect(forge(far(DOWN))).toBe(VERDICT_DROP);
    rig.pass(4);
    expect(rig.injected).toEqual([
      {
        path: INJECT_FAR_WAKE,
        flags: ACK,
        seq: near(UP - 1),
        ack: far(DOWN),
        payload: 0,
        octet: -1,
      },
    ]);
    rig.in({ flags: ACK, seq: far(DOWN), ack: near(UP) });
    expect(rig.count(RST_REFUTED)).toBe(1);
    rig.pass(3000);
    expect(rig.injected.filter(({ path }) => path === INJECT_NEAR)).toEqual([]);
  });

  it('is delivered as it was when the far end is silent', () => {
    expect(forge(far(DOWN))).toBe(VERDICT_DROP);
    rig.pass(720);
    const delivered = rig.injected.filter(({ path }) => path === INJECT_NEAR);
    expect(delivered).toMatchObject([{ flags: RST, seq: far(DOWN) }]);
    expect(rig.count(RST_RELEASED)).toBe(1);
  });

  it('is asked about again when who has answered somebody in the kernel may answer again', () => {
    expect(forge(far(DOWN))).toBe(VERDICT_DROP);
    rig.pass(CHALLENGE_INTERVAL_MS);
    expect(rig.injected).toHaveLength(1);
    rig.pass(100);
    expect(rig.injected).toHaveLength(2);
    rig.in({ flags: ACK, seq: far(DOWN), ack: near(UP) });
    rig.pass(3000);
    expect(rig.count(RST_REFUTED)).toBe(1);
    expect(rig.count(RST_RELEASED)).toBe(0);
  });

  it('with an inexact number goes on to the host, unasked', () => {
    expect(forge(far(DOWN + 77))).toBe(VERDICT_DROP);
    rig.pass(4);
    expect(rig.injected).toMatchObject([{ path: INJECT_NEAR, flags: RST, seq: far(DOWN + 77) }]);
  });

  it('that data has overtaken in the kernel is dropped, and the far end watched', () => {
    expect(forge(far(DOWN - 41))).toBe(VERDICT_DROP);
    rig.pass(700);
    expect(rig.injected).toMatchObject([{ path: INJECT_FAR_WAKE, ack: far(DOWN) }]);
    expect(rig.count(RST_DROPPED)).toBe(1);
    rig.in({ flags: ACK, seq: far(DOWN), ack: near(UP) });
    rig.pass(3000);
    expect(rig.injected.length).toBe(1);
  });

  it('that was dropped so is delivered where the far end is silent after all', () => {
    expect(forge(far(DOWN - 41))).toBe(VERDICT_DROP);
    rig.pass(2100);
    expect(rig.injected.at(-1)).toMatchObject({ path: INJECT_NEAR, seq: far(DOWN) });
  });

  it('that came while such a one was in doubt is delivered within a second', () => {
    expect(forge(far(DOWN - 41))).toBe(VERDICT_DROP);
    expect(forge(far(DOWN))).toBe(VERDICT_DROP);
    rig.pass(1000);
    expect(rig.count(RST_DROPPED)).toBe(1);
    expect(rig.injected.at(-1)).toMatchObject({ path: INJECT_NEAR, seq: far(DOWN) });
  });

  it('that came so is false when the far end answers, at once or the second time', () => {
    expect(forge(far(DOWN - 41))).toBe(VERDICT_DROP);
    expect(forge(far(DOWN))).toBe(VERDICT_DROP);
    rig.pass(CHALLENGE_INTERVAL_MS + 20);
    expect(rig.injected).toHaveLength(2);
    rig.in({ flags: ACK, seq: far(DOWN), ack: near(UP) });
    rig.pass(3000);
    expect(rig.injected).toHaveLength(2);
  });

  it('is not judged by what the socket told before the reset came', () => {
    rig.socket = { ...numbers, received: DOWN - 1223 };
    rig.out({ flags: ACK, seq: near(UP), ack: far(DOWN - 1223), payload: 10 });
    rig.nowMs += 80; // the answer waits in the inbox, and 1223 octets go by in the kernel
    rig.socket = { ...numbers, acked: UP + 10, sent: UP + 10 };
    expect(forge(far(DOWN))).toBe(VERDICT_DROP);
    rig.pass(4);
    expect(rig.injected.filter(({ path }) => path === INJECT_NEAR)).toEqual([]);
    rig.in({ flags: ACK, seq: far(DOWN), ack: near(UP + 10) });
    expect(rig.count(RST_REFUTED)).toBe(1);
  });

  it('goes on when the kernel does not say', () => {
    rig.socket = { ...numbers, state: SOCKET_UNKNOWN };
    expect(forge(far(DOWN))).toBe(VERDICT_DROP);
    rig.pass(4);
    expect(rig.injected).toMatchObject([{ path: INJECT_NEAR, flags: RST, seq: far(DOWN) }]);
  });

  it('goes on when the main thread is away', () => {
    rig.stalled = true;
    expect(forge(far(DOWN))).toBe(VERDICT_DROP);
    rig.pass(600);
    rig.stalled = false;
    rig.tick();
    expect(rig.injected).toMatchObject([{ path: INJECT_NEAR, flags: RST, seq: far(DOWN) }]);
  });
});
