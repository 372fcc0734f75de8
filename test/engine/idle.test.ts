/** Idle flows: who is asked, who is found dead, what a path's limit is; nobody else is touched. */
import { beforeEach, describe, expect, it } from 'vitest';
import * as code from '../../src/engine/codes.ts';
import { FACT_IDLE } from '../../src/engine/flow/path-table.ts';
import {
  IDLE_FORGET,
  IDLE_KEEPALIVE,
  IDLE_RESET,
  POLICY_BYPASS,
  POLICY_IDLE,
  POLICY_IDLE_AFTER_MS,
  POLICY_OBSERVE,
  POLICY_OFF,
} from '../../src/engine/memory.ts';
import { SOCKET_LIVES } from '../../src/engine/outbox.ts';
import { INJECT_FAR, INJECT_NEAR, VERDICT_ACCEPT } from '../../src/engine/verdict.ts';
import { ACK, RST, SYN } from '../../src/engine/wire/segment.ts';
import { Rig } from './rig.ts';

const ISS = 1000;
const IRS = 5000;
const IDLE_MS = 30_000;
const OTHER_PORTS = (40271 << 16) | 22;
const ELSEWHERE_PORTS = (40272 << 16) | 23;

let rig: Rig;
let mainPorts: number;
let otherSaid: number;
beforeEach(() => {
  rig = new Rig();
  mainPorts = rig.ports;
  otherSaid = 0;
});

function policy(action: number, afterMs = 0, observe = 0): void {
  const words = new Int32Array(rig.memory.policy);
  words[POLICY_IDLE] = action;
  words[POLICY_IDLE_AFTER_MS] = afterMs;
  words[POLICY_OBSERVE] = observe;
}

/** A handshake, a question and its answer: 20 octets either way. */
function talk(): void {
  rig.connect(ISS, IRS);
  rig.out({ flags: ACK, seq: ISS + 1, ack: IRS + 1, payload: 20 });
  rig.in({ flags: ACK, seq: IRS + 1, ack: ISS + 21, payload: 20 });
  rig.out({ flags: ACK, seq: ISS + 21, ack: IRS + 21 });
}

/** Another connection, of other ports: to the same server unless said otherwise. */
function other(work: () => void, ports = OTHER_PORTS): void {
  rig.ports = ports;
  work();
  rig.ports = mainPorts;
}

function otherSpeaks(ports = OTHER_PORTS): void {
  other(() => {
    rig.in({ flags: ACK, seq: IRS + 21 + otherSaid, ack: ISS + 21, payload: 1 });
    otherSaid++;
    rig.out({ flags: ACK, seq: ISS + 21, ack: IRS + 21 + otherSaid });
  }, ports);
}

/** Time passes while another connection says something each half second. */
function passWhileOthersLive(ms: number, ports = OTHER_PORTS): void {
  for (let passed = 0; passed < ms; passed += 500) {
    rig.pass(500);
    otherSpeaks(ports);
  }
}

const keepAlives = () => rig.count(code.KEEPALIVE_SENT);
const answer = () => rig.in({ flags: ACK, seq: IRS + 21, ack: ISS + 21 });
const found = (wanted: number) => rig.events.filter((entry) => entry.code === wanted);

/** The main flow, silent, is found dead by the words that its near end repeats. */
function repeatUnanswered(silentMs = IDLE_MS): void {
  talk();
  other(talk);
  passWhileOthersLive(silentMs);
  for (let i = 0; i < 6; i++) {
    rig.out({ flags: ACK, seq: ISS + 21, ack: IRS + 21, payload: 36 });
    passWhileOthersLive(1000);
  }
}

describe('keepalive', () => {
  it('asks the far end of who says nothing, in the near end’s name, and what it answers passes', () => {
    policy(IDLE_KEEPALIVE, IDLE_MS);
    talk();
    rig.pass(IDLE_MS - 200);
    expect(keepAlives()).toBe(0);
    rig.pass(400);
    expect(rig.injected).toEqual([
      { path: INJECT_FAR, flags: ACK, seq: ISS + 20, ack: IRS + 21, payload: 0, octet: -1 },
    ]);
    expect(answer()).toBe(VERDICT_ACCEPT);
    rig.pass(IDLE_MS - 200);
    expect(keepAlives()).toBe(1);
    rig.pass(400);
    expect(keepAlives()).toBe(2);
    expect(rig.count(code.PROBE_SENT)).toBe(0);
  });

  it('asks twice in each of two intervals, then says so and asks nobody for nothing', () => {
    policy(IDLE_KEEPALIVE, IDLE_MS);
    talk();
    rig.pass(IDLE_MS + 200);
    expect(keepAlives()).toBe(1);
    rig.pass(1100);
    expect(keepAlives()).toBe(2);
    rig.pass(3900);
    expect(keepAlives()).toBe(3);
    rig.pass(2200);
    expect(keepAlives()).toBe(4);
    expect(found(code.KEEPALIVE_UNANSWERED).map(({ args }) => args[1])).toEqual([4]);
    rig.pass(4 * IDLE_MS);
    expect(keepAlives()).toBe(4);
    expect(rig.count(code.KEEPALIVE_UNANSWERED)).toBe(1);
    expect(rig.count(code.IDLE_DROP) + rig.count(code.FLOW_ENDED)).toBe(0);
  });

  it('masks no dead server: the near end hears nothing that the far end has not said', () => {
    policy(IDLE_KEEPALIVE, IDLE_MS);
    talk();
    rig.pass(3 * IDLE_MS);
    expect(rig.injected.every(({ path }) => path === INJECT_FAR)).toBe(true);
  });

  it('waits while nothing can leave', () => {
    policy(IDLE_KEEPALIVE, IDLE_MS);
    talk();
    rig.pass(IDLE_MS - 200);
    rig.fillOutbox();
    rig.pass(10_000);
    expect(keepAlives()).toBe(0);
    rig.emptyOutbox();
    rig.pass(400);
    expect(keepAlives()).toBe(1);
    rig.stalled = true;
    rig.pass(60_000);
    expect(keepAlives()).toBe(2); // the second waits in the outbox: nobody was asked
    expect(rig.count(code.KEEPALIVE_UNANSWERED)).toBe(0);
    rig.emptyOutbox();
  });

  it('is left where its code is switched off', () => {
    policy(IDLE_KEEPALIVE, IDLE_MS);
    const words = new Int32Array(rig.memory.policy);
    words[POLICY_OFF + (code.KEEPALIVE_SENT >> 5)] = 1 << (code.KEEPALIVE_SENT & 31);
    talk();
    rig.pass(3 * IDLE_MS);
    expect(rig.injected).toEqual([]);
    expect(rig.count(code.KEEPALIVE_UNANSWERED)).toBe(0);
  });

  it('begins again once it is answered', () => {
    policy(IDLE_KEEPALIVE, IDLE_MS);
    talk();
    rig.pass(2 * IDLE_MS);
    answer();
    rig.pass(IDLE_MS + 200);
    expect(keepAlives()).toBe(5);
  });

  it('goes on when the path is heard again through another connection', () => {
    policy(IDLE_KEEPALIVE, IDLE_MS);
    talk();
    rig.pass(2 * IDLE_MS);
    expect(keepAlives()).toBe(4);
    other(talk);
    rig.pass(200);
    expect(keepAlives()).toBe(5);
    answer();
    rig.pass(2000);
    expect(keepAlives()).toBe(5);
    expect(rig.count(code.IDLE_DROP)).toBe(0);
  });

  it('leaves alone who has words under way, or is over', () => {
    policy(IDLE_KEEPALIVE, IDLE_MS);
    talk();
    rig.out({ flags: ACK, seq: ISS + 21, ack: IRS + 21, payload: 36 });
    other(() => {
      talk();
      rig.out({ flags: RST, seq: ISS + 21 });
    });
    rig.pass(3 * IDLE_MS);
    expect(keepAlives()).toBe(0);
  });

  it('asks nothing without a time and a limit, and nothing in observe mode but counts it once', () => {
    policy(IDLE_KEEPALIVE);
    talk();
    rig.pass(3 * IDLE_MS);
    expect(rig.injected).toEqual([]);
    policy(IDLE_KEEPALIVE, IDLE_MS, 1);
    rig.pass(3 * IDLE_MS);
    expect(rig.injected).toEqual([]);
    expect(keepAlives()).toBe(0);
    expect(rig.count(code.KEEPALIVE_SENT + code.WOULD)).toBe(1);
  });

  it('asks at 0.8 of a limit that is known, or earlier where it is told to', () => {
    policy(IDLE_FORGET);
    repeatUnanswered();
    policy(IDLE_KEEPALIVE, 10 * IDLE_MS);
    other(talk, (40274 << 16) | 22);
    rig.injected.length = 0;
    passWhileOthersLive(IDLE_MS * 0.8 - 1000);
    expect(keepAlives()).toBe(0);
    passWhileOthersLive(2000);
    expect(keepAlives()).toBe(1);
    expect(rig.events.at(-1)?.cause).toBe(code.IDLE_DROP);
  });
});

describe('a flow that something has forgotten', () => {
  it('is told from a server that is gone: by words that are repeated while others live', () => {
    repeatUnanswered();
    expect(found(code.IDLE_DROP)).toHaveLength(1);
    const [silentMs, , probes, byReset, limitMs] = found(code.IDLE_DROP)[0]?.args ?? [];
    expect(silentMs).toBeGreaterThanOrEqual(IDLE_MS);
    expect([probes, byReset, limitMs]).toEqual([0, 0, silentMs]);
    expect(rig.pathHolds(FACT_IDLE)).toBe(true);
    expect(rig.injected).toEqual([]); // `forget` touches nobody
  });

  it('is none when nobody else is heard, or only somebody of another port', () => {
    talk();
    other(talk, ELSEWHERE_PORTS);
    passWhileOthersLive(IDLE_MS, ELSEWHERE_PORTS);
    for (let i = 0; i < 10; i++) {
      rig.out({ flags: ACK, seq: ISS + 21, ack: IRS + 21, payload: 36 });
      passWhileOthersLive(2000, ELSEWHERE_PORTS);
    }
    expect(rig.count(code.IDLE_DROP)).toBe(0);
    expect(rig.pathHolds(FACT_IDLE)).toBe(false);
  });

  it('is none when it had just been speaking, or when the words are too large for some links', () => {
    talk();
    other(talk);
    passWhileOthersLive(1000);
    for (let i = 0; i < 6; i++) {
      rig.out({ flags: ACK, seq: ISS + 21, ack: IRS + 21, payload: 36 });
      passWhileOthersLive(1000);
    }
    expect(rig.count(code.IDLE_DROP)).toBe(0);
    answer();
    passWhileOthersLive(IDLE_MS);
    for (let i = 0; i < 6; i++) {
      rig.out({ flags: ACK, seq: ISS + 57, ack: IRS + 21, payload: 1200 });
      passWhileOthersLive(1000);
    }
    expect(rig.count(code.IDLE_DROP)).toBe(0);
  });

  it('is none when an outage explains it: what was lost before others were heard counts once', () => {
    talk();
    other(talk);
    rig.pass(IDLE_MS);
    for (let i = 0; i < 8; i++) {
      rig.out({ flags: ACK, seq: ISS + 21, ack: IRS + 21, payload: 36 });
      rig.pass(1000);
    }
    otherSpeaks();
    rig.out({ flags: ACK, seq: ISS + 21, ack: IRS + 21, payload: 36 });
    rig.pass(1000);
    rig.in({ flags: ACK, seq: IRS + 21, ack: ISS + 57 });
    passWhileOthersLive(10_000);
    expect(rig.count(code.IDLE_DROP)).toBe(0);
  });

  it('is none for what somebody makes up in the name of others: their numbers are none', () => {
    talk();
    other(talk);
    rig.pass(IDLE_MS);
    for (let i = 0; i < 8; i++) {
      rig.out({ flags: ACK, seq: ISS + 21, ack: IRS + 21, payload: 36 });
      rig.pass(500);
      other(() => rig.in({ flags: ACK, seq: IRS + 0x50000000, ack: ISS + 21 }));
      rig.pass(500);
    }
    expect(rig.count(code.IDLE_DROP)).toBe(0);
  });

  it('is told by a reset that answers its first words, while an older one lives', () => {
    other(talk);
    rig.pass(100);
    talk();
    passWhileOthersLive(IDLE_MS);
    rig.out({ flags: ACK, seq: ISS + 21, ack: IRS + 21, payload: 36 });
    rig.pass(2);
    expect(rig.in({ flags: RST, seq: IRS + 21 })).toBe(VERDICT_ACCEPT);
    expect(found(code.IDLE_DROP).map(({ args }) => args[3])).toEqual([1]);
    expect(rig.pathHolds(FACT_IDLE)).toBe(true);
  });

  it('is not told by who refuses the next connection on its ports: that has not been silent', () => {
    policy(IDLE_FORGET);
    other(talk);
    talk();
    passWhileOthersLive(IDLE_MS);
    rig.out({ flags: ACK, seq: ISS + 21, ack: IRS + 21, payload: 20 });
    rig.pass(10);
    rig.out({ flags: SYN, seq: ISS + 500_000 });
    otherSpeaks();
    rig.in({ flags: RST, seq: 0, ack: ISS + 500_001 });
    expect(found(code.IDLE_DROP)).toEqual([]);
  });

  it('is not told by one where all that live are younger: the server may have begun anew', () => {
    talk();
    rig.pass(IDLE_MS);
    other(talk);
    rig.out({ flags: ACK, seq: ISS + 21, ack: IRS + 21, payload: 36 });
    rig.pass(2);
    otherSpeaks();
    rig.in({ flags: RST, seq: IRS + 21 });
    expect(rig.count(code.IDLE_DROP)).toBe(0);
  });
});

describe('the limit of a path', () => {
  it('is longer than the longest silence that was survived', () => {
    talk();
    other(talk);
    passWhileOthersLive(2 * IDLE_MS);
    rig.out({ flags: ACK, seq: ISS + 21, ack: IRS + 21, payload: 36 });
    rig.in({ flags: ACK, seq: IRS + 21, ack: ISS + 57 });
    passWhileOthersLive(IDLE_MS);
    for (let i = 0; i < 6; i++) {
      rig.out({ flags: ACK, seq: ISS + 57, ack: IRS + 21, payload: 36 });
      passWhileOthersLive(1000);
    }
    expect(found(code.IDLE_DROP).map(({ args }) => args[4])).toEqual([0]);
    expect(rig.pathHolds(FACT_IDLE)).toBe(false);
  });

  it('is disproved by who survives it', () => {
    repeatUnanswered();
    other(talk, (40274 << 16) | 22);
    rig.pass(2 * IDLE_MS);
    expect(rig.pathHolds(FACT_IDLE)).toBe(true);
    other(
      () => rig.in({ flags: ACK, seq: IRS + 21, ack: ISS + 21, payload: 1 }),
      (40274 << 16) | 22,
    );
    expect(rig.pathHolds(FACT_IDLE)).toBe(false);
  });
});

describe('reset', () => {
  it('ends who is dead while others live, with the exact number, within seconds', () => {
    policy(IDLE_RESET, IDLE_MS);
    talk();
    other(talk);
    passWhileOthersLive(IDLE_MS + 5000);
    expect(keepAlives()).toBe(4);
    expect(rig.count(code.IDLE_DROP)).toBe(1);
    expect(rig.injected.at(-1)).toMatchObject({
      path: INJECT_NEAR,
      flags: RST | ACK,
      seq: IRS + 21,
    });
    expect(rig.count(code.FLOW_ENDED)).toBe(1);
    expect(found(code.FLOW_ENDED)[0]?.cause).toBe(code.IDLE_DROP);
  });

  it('ends nobody who answers, and nobody when nothing else is heard', () => {
    policy(IDLE_RESET, IDLE_MS);
    talk();
    rig.pass(4 * IDLE_MS);
    expect(rig.count(code.FLOW_ENDED)).toBe(0);
    expect(rig.count(code.KEEPALIVE_UNANSWERED)).toBe(1);
    answer();
    other(talk);
    passWhileOthersLive(IDLE_MS);
    answer();
    passWhileOthersLive(2000);
    expect(rig.count(code.FLOW_ENDED)).toBe(0);
  });

  it('ends who says words that nobody answers, once the far end was asked as well', () => {
    policy(IDLE_RESET, 10 * IDLE_MS);
    repeatUnanswered();
    expect(keepAlives()).toBeGreaterThan(0);
    expect(rig.count(code.FLOW_ENDED)).toBe(1);
  });

  it('only counts in observe mode', () => {
    policy(IDLE_RESET, 10 * IDLE_MS, 1);
    repeatUnanswered();
    expect(rig.count(code.IDLE_DROP)).toBe(1);
    expect(rig.injected).toEqual([]);
    expect(rig.count(code.FLOW_ENDED + code.WOULD)).toBe(1);
  });
});

describe('a settled flow', () => {
  it('is asked when its socket says that it has been silent', () => {
    policy(IDLE_KEEPALIVE, IDLE_MS);
    new Int32Array(rig.memory.policy)[POLICY_BYPASS] = 1;
    rig.socket = { state: SOCKET_LIVES, acked: 20, sent: 20, received: 20, quietMs: 0 };
    rig.connect(ISS, IRS);
    rig.out({ flags: ACK, seq: ISS + 1, ack: IRS + 1, payload: 20 });
    rig.in({ flags: ACK, seq: IRS + 1, ack: ISS + 21, payload: 20 });
    rig.engine.settle();
    rig.pass(3 * IDLE_MS);
    expect(rig.asked).toBeGreaterThan(10);
    expect(keepAlives()).toBe(0); // it speaks, in the kernel
    rig.socket = { ...rig.socket, quietMs: IDLE_MS };
    rig.pass(1100);
    expect(keepAlives()).toBe(1);
    expect(rig.injected).toMatchObject([{ seq: ISS + 20, ack: IRS + 21 }]);
    answer();
    rig.pass(2000);
    expect(keepAlives()).toBe(1);
  });
});
