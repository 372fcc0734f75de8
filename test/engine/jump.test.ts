/** A firewall re-makes its translation in mid-flow: who may move the flow, and by how much. */
import { describe, expect, it } from 'vitest';
import * as code from '../../src/engine/codes.ts';
import { SOCKET_LIVES } from '../../src/engine/outbox.ts';
import {
  INJECT_NEAR,
  VERDICT_ACCEPT,
  VERDICT_DROP,
  VERDICT_REWRITTEN,
} from '../../src/engine/verdict.ts';
import { RST, SYN } from '../../src/engine/wire/segment.ts';
import { C, CLIENT_TS, jumped, S, SERVER_TS, session, stamp, typing } from './jump-talk.ts';

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

  it('by something in SEQ alone is left alone where an older ACK of ours may be the last', () => {
    const talk = jumped(0x12345678, 0);
    typing(talk, 14_000);
    expect(talk.rig.count(code.RESYNCED)).toBe(0);
  });

  it.each([
    ['shows nothing', 0],
    ['shows data, whose number is lower than what its probes’ answers carry', 80],
  ])(
    'by something in SEQ alone is translated where the far end had our ACK, and %s',
    (_, octets) => {
      const talk = session();
      talk.far(201, 101); // it echoes what acknowledged all
      talk.rig.nowMs += 1000;
      talk.seqBy = 0x12345678;
      let turns = 0;
      const answer = () => {
        turns++;
        return turns % 3 === 2 ? talk.far(201, 101, octets) : talk.far(201 + octets, 101);
      };
      expect(typing(talk, 9000, answer)).toBe(VERDICT_REWRITTEN);
      const found = talk.rig.events.filter((event) => event.code === code.SEQUENCE_JUMP);
      expect(found.map((event) => event.args.slice(2, 4))).toEqual([[0x12345678, 0]]);
      talk.near(101, 201, 36);
      expect(talk.rig.wire()).toMatchObject({ seq: C + 101, ack: (S + 201 + 0x12345678) | 0 });
    },
  );

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

  it('ends when the near end’s socket has received more: we had missed something', () => {
    for (const [received, resynced] of [
      [200, 1],
      [240, 0],
    ] as const) {
      const talk = jumped(0x12345678, 0x7abcdef0);
      talk.rig.socket = { state: SOCKET_LIVES, acked: 100, sent: 100, received };
      typing(talk);
      expect(talk.rig.asked).toBeGreaterThan(0);
      expect(talk.rig.count(code.RESYNCED)).toBe(resynced);
    }
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
