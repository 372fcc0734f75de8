/** A firewall re-makes its translation in mid-flow: who may move the flow, and by how much. */
import { describe, expect, it } from 'vitest';
import * as code from '../../src/engine/codes.ts';
import {
  INJECT_FAR,
  INJECT_NEAR,
  VERDICT_ACCEPT,
  VERDICT_DROP,
  VERDICT_REWRITTEN,
} from '../../src/engine/verdict.ts';
import { RST, SYN } from '../../src/engine/wire/segment.ts';
import { Rig } from './rig.ts';

const C = 1_000_000;
const S = 4_294_967_000 | 0; // the far end's numbers wrap on purpose
const CLIENT_TS = 7_000_000;
const SERVER_TS = 9_000_000;

function stamp(tsVal: number, tsEcr: number): readonly number[] {
  const bytes = (n: number) => [n >>> 24, (n >>> 16) & 255, (n >>> 8) & 255, n & 255];
  return [1, 1, 8, 10, ...bytes(tsVal), ...bytes(tsEcr)];
}

/** A session in which each end knows what it has: numbers relative to the initial ones. */
class Talk {
  readonly rig = new Rig();
  /** What the firewall adds: to arriving SEQ, and to arriving ACK. */
  seqBy = 0;
  ackBy = 0;
  /** TSval of the client's last segment that the server accepted. */
  heard = CLIENT_TS;
  readonly stamped: boolean;

  constructor(stamped = true) {
    this.stamped = stamped;
    const { rig } = this;
    rig.out({ flags: SYN, seq: C, options: this.options(CLIENT_TS, 0) });
    rig.nowMs += 1;
    rig.in({ flags: SYN, seq: S, ack: C + 1, options: this.options(SERVER_TS, CLIENT_TS) });
    this.near(1, 1);
    this.hear();
  }

  options(tsVal: number, tsEcr: number): readonly number[] {
    return this.stamped ? stamp(tsVal, tsEcr) : [];
  }

  /** The client sends; `seq` and `ack` count from its and the server's initial number. */
  near(seq: number, ack: number, payload = 0): number {
    const tsVal = CLIENT_TS + this.rig.nowMs;
    const options = this.options(tsVal, SERVER_TS + this.rig.nowMs);
    return this.rig.out({ flags: 0, seq: (C + seq) | 0, ack: (S + ack) | 0, payload, options });
  }

  /** The server accepts what the client sent last. */
  hear(): void {
    this.heard = CLIENT_TS + this.rig.nowMs;
  }

  far(seq: number, ack: number, payload = 0, flags = 0, fill = 0): number {
    const options = this.options(SERVER_TS + this.rig.nowMs, this.heard);
    return this.rig.in({
      flags,
      seq: (S + seq + this.seqBy) | 0,
      ack: (C + ack + this.ackBy) | 0,
      payload,
      fill,
      options,
    });
  }

  probes(): number {
    return this.rig.injected.filter((packet) => packet.path === INJECT_FAR).length;
  }
}

/** A quiet session: 100 octets up, 200 down, everything acknowledged, long ago. */
function session(stamped = true): Talk {
  const talk = new Talk(stamped);
  talk.rig.nowMs += 10;
  talk.near(1, 1, 100);
  talk.hear();
  talk.rig.nowMs += 10;
  talk.far(1, 101, 200);
  talk.near(101, 201);
  talk.hear();
  talk.rig.nowMs += 5000;
  return talk;
}

function jumped(seqBy: number, ackBy: number): Talk {
  const talk = session();
  talk.seqBy = seqBy;
  talk.ackBy = ackBy;
  return talk;
}

/** The client types; the server answers each of its tries, and every probe, with an empty ACK. */
function typing(talk: Talk, ms = 7000, answer = () => talk.far(201, 101)): number {
  let verdict = VERDICT_ACCEPT;
  for (let t = 0; t < ms && verdict === VERDICT_ACCEPT; t += 2) {
    const before = talk.probes();
    talk.rig.pass(2);
    if ([0, 200, 600, 1400, 3000, 6200].includes(t)) {
      talk.near(101, 201, 36);
      verdict = answer();
    } else if (talk.probes() > before) verdict = answer();
    if (verdict === VERDICT_ACCEPT && t % 200 === 0) talk.near(137, 201); // it refuses them
  }
  return verdict;
}

const BOTH = [
  [0x12345678, 0x7abcdef0],
  [0, -0x12345678],
  [-0x32345678, 0x12345678],
  [0x7fffff00, -0x7fffff00],
] as const;

describe('a jump on a quiet session', () => {
  it.each(BOTH)('by %i in SEQ and %i in ACK is translated from then on', (seqBy, ackBy) => {
    const talk = jumped(seqBy, ackBy);
    expect(typing(talk)).toBe(VERDICT_REWRITTEN);
    const { rig } = talk;
    expect(rig.wire()).toMatchObject({ seq: (S + 201) | 0, ack: C + 101 });
    expect(rig.count(code.RESYNCED)).toBe(1);
    const found = rig.events.filter((event) => event.code === code.SEQUENCE_JUMP);
    expect(found.map((event) => event.args.slice(2, 4))).toEqual([[seqBy, ackBy]]);
    expect(rig.rules).toEqual(['add']);
    // What the client sends now means the same to the server as before.
    expect(talk.near(101, 201, 36)).toBe(VERDICT_REWRITTEN);
    expect(rig.wire()).toMatchObject({ seq: (C + 101 + ackBy) | 0, ack: (S + 201 + seqBy) | 0 });
    talk.hear();
    expect(talk.far(201, 137, 50)).toBe(VERDICT_REWRITTEN);
    expect(rig.wire()).toMatchObject({ seq: (S + 201) | 0, ack: C + 137 });
  });

  it('is translated again when it jumps again', () => {
    const talk = jumped(0x12345678, 0x11111111);
    expect(typing(talk)).toBe(VERDICT_REWRITTEN);
    talk.seqBy = -0x22222222;
    talk.ackBy = 0x33333333;
    talk.rig.nowMs += 1000;
    expect(typing(talk)).toBe(VERDICT_REWRITTEN);
    expect(talk.rig.wire()).toMatchObject({ seq: (S + 201) | 0, ack: C + 101 });
    expect(talk.rig.count(code.RESYNCED)).toBe(2);
  });

  it('by something in SEQ alone is left alone: by how much cannot be told', () => {
    const talk = jumped(0x12345678, 0);
    typing(talk);
    expect(talk.rig.count(code.RESYNCED)).toBe(0);
  });

  it('takes the reset of the far end along, and drops one in the old numbers', () => {
    const talk = jumped(0x12345678, 0x11111111);
    typing(talk);
    expect(talk.rig.in({ flags: RST, seq: (S + 201) | 0 })).toBe(VERDICT_DROP);
    expect(talk.far(201, 101, 0, RST)).toBe(VERDICT_REWRITTEN);
    expect(talk.rig.wire().seq).toBe((S + 201) | 0);
  });

  it('is taken back as soon as the old numbers come', () => {
    const talk = jumped(0x12345678, 0x11111111);
    typing(talk);
    talk.seqBy = talk.ackBy = 0;
    expect(talk.far(201, 101, 5)).toBe(VERDICT_ACCEPT);
    expect(talk.rig.count(code.STAT_RESYNC_CANCELLED)).toBe(1);
    expect(talk.near(101, 206, 36)).toBe(VERDICT_ACCEPT);
    expect(talk.rig.rules).toEqual(['add', 'del']);
  });
});

describe('a jump with data on its way', () => {
  it('of the far end, which sends it again: TSecr names the ACK that it has', () => {
    const talk = session();
    talk.near(101, 201, 36); // accepted, and answered in new numbers
    talk.hear();
    talk.seqBy = 0x44444444;
    talk.ackBy = 0x22222222;
    talk.rig.nowMs += 3;
    const data = () => talk.far(201, 137, 80);
    data();
    expect(typing(talk, 7000, data)).toBe(VERDICT_REWRITTEN);
    expect(talk.rig.wire()).toMatchObject({ seq: (S + 201) | 0, ack: C + 137 });
  });

  it('whose ACK was lost with the old numbers: the older ACK is meant', () => {
    const talk = session();
    talk.far(201, 101, 80);
    talk.rig.nowMs += 2;
    talk.seqBy = 0x44444444;
    talk.ackBy = 0x22222222;
    talk.near(101, 281); // the firewall has jumped: the server never gets this
    talk.rig.nowMs += 200;
    const again = () => talk.far(201, 101, 80);
    again();
    let verdict = VERDICT_ACCEPT;
    for (let t = 0; t < 7000 && verdict === VERDICT_ACCEPT; t += 2) {
      talk.rig.pass(2);
      if (t % 200 !== 0) continue;
      talk.near(101, 281);
      verdict = again();
    }
    expect(verdict).toBe(VERDICT_REWRITTEN);
    expect(talk.rig.wire()).toMatchObject({ seq: (S + 201) | 0, ack: C + 101 });
  });

  it('where two ACKs share a TSval, is left alone', () => {
    const talk = session();
    talk.far(201, 101, 80);
    talk.near(101, 281);
    talk.hear();
    talk.far(281, 101, 80);
    talk.near(101, 361);
    talk.seqBy = 0x44444444;
    talk.ackBy = 0x22222222;
    talk.rig.nowMs += 200;
    typing(talk, 7000, () => talk.far(281, 101, 80));
    expect(talk.rig.count(code.RESYNCED)).toBe(0);
  });
});

describe('what looks like a jump', () => {
  it('with a TSecr that was never sent, or is old, opens no watch', () => {
    for (const heard of [CLIENT_TS + 9_000_000, CLIENT_TS - 1, CLIENT_TS + 1]) {
      const talk = jumped(0x12345678, 0x11111111);
      talk.heard = heard;
      typing(talk);
      expect(talk.rig.count(code.RESYNCED)).toBe(0);
      expect(talk.probes()).toBe(0);
    }
  });

  it('ends when the far end answers the probe in the old numbers', () => {
    const talk = jumped(0x12345678, 0x11111111);
    for (let t = 0; t < 3000; t += 2) {
      const before = talk.probes();
      talk.rig.pass(2);
      if (t % 100 === 0) expect(talk.far(201, 101)).toBe(VERDICT_ACCEPT); // forged
      if (talk.probes() === before) continue;
      const { seqBy, ackBy } = talk;
      talk.seqBy = talk.ackBy = 0;
      talk.far(201, 101);
      talk.near(101, 201);
      talk.seqBy = seqBy;
      talk.ackBy = ackBy;
    }
    expect(talk.rig.count(code.RESYNCED)).toBe(0);
  });

  it('ends when the near end acknowledges it: we had missed something', () => {
    const talk = jumped(3_000_000, 0);
    talk.far(201, 101, 100);
    talk.near(101, 3_000_301);
    typing(talk, 7000, () => talk.far(301, 101));
    expect(talk.rig.count(code.RESYNCED)).toBe(0);
    expect(talk.near(101, 3_000_301, 36)).toBe(VERDICT_ACCEPT);
  });

  it('without timestamps moves nothing while no acknowledgment advances', () => {
    for (const ageMs of [5000, 300_000]) {
      const talk = session(false);
      talk.rig.nowMs += ageMs;
      talk.seqBy = 0x12345678;
      talk.ackBy = 0x11111111;
      typing(talk);
      expect(talk.rig.count(code.RESYNCED)).toBe(0);
    }
  });

  it('on ports that are used again does nothing within 2 MSL', () => {
    const talk = session();
    const { rig } = talk;
    rig.out({ flags: SYN, seq: C - 1000, options: stamp(CLIENT_TS + rig.nowMs, 0) });
    rig.in({
      flags: SYN,
      seq: S,
      ack: C - 999,
      options: stamp(SERVER_TS + rig.nowMs, CLIENT_TS + rig.nowMs),
    });
    rig.out({
      flags: 0,
      seq: C - 999,
      ack: (S + 1) | 0,
      options: stamp(CLIENT_TS + rig.nowMs, SERVER_TS),
    });
    talk.hear();
    rig.in({
      flags: 0,
      seq: (S + 1) | 0,
      ack: C - 999,
      payload: 200,
      options: stamp(SERVER_TS + rig.nowMs, talk.heard),
    });
    rig.nowMs += 1000;
    talk.seqBy = 0x12345678;
    talk.ackBy = 0x11111111;
    typing(talk);
    expect(rig.count(code.RESYNCED)).toBe(0);
  });

  it('in observe mode is told and left as it is', () => {
    const talk = jumped(0x12345678, 0x11111111);
    new Int32Array(talk.rig.memory.policy)[0] = 1;
    expect(typing(talk)).toBe(VERDICT_ACCEPT);
    expect(talk.rig.count(code.SEQUENCE_JUMP)).toBe(1);
    expect(talk.rig.count(code.RESYNCED + code.WOULD)).toBe(1);
    expect(talk.rig.injected).toEqual([]);
    expect(talk.rig.rules).toEqual([]);
  });

  it('never resets the near end', () => {
    const talk = jumped(0x12345678, 0x11111111);
    typing(talk);
    expect(talk.rig.injected.filter((packet) => packet.path === INJECT_NEAR)).toEqual([]);
  });
});
