/**
 * ICMP errors that quote a segment of a translated flow: each end hears them in the numbers that it
 * uses itself, and only of what it has in flight. RFC 1191, RFC 5927 §4.1.
 */
import { describe, expect, it } from 'vitest';
import * as code from '../../src/engine/codes.ts';
import { Engine } from '../../src/engine/engine.ts';
import { createEngineMemory, POLICY_OBSERVE } from '../../src/engine/memory.ts';
import {
  HOOK_POSTROUTING,
  TO_FAR,
  VERDICT_ACCEPT,
  VERDICT_REWRITTEN,
} from '../../src/engine/verdict.ts';
import * as jump from './jump-talk.ts';
import { A, B, C, reanchored } from './phantom-rig.ts';
import type { Rig } from './rig.ts';

/** Where the bench writes a packet, and the length of its error. */
const OFF = 64;
const ERROR_BYTES = 68;
/** Of the error, and of the segment that it quotes, in it. */
const CHECKSUM_AT = 22;
const SEQ_AT = 52;

describe('a re-anchored flow', () => {
  /** The server has sent 40 octets, in its own numbers. */
  function talking(): Rig {
    const rig = reanchored();
    rig.out({ flags: 0, seq: C + 22, ack: A + 1 });
    rig.in({ flags: 0, seq: B + 1, ack: C + 22, payload: 40 });
    return rig;
  }

  it('has its errors told to the server in the server’s numbers', () => {
    const rig = talking();
    expect(rig.tooBig((A + 1) | 0, true)).toBe(VERDICT_REWRITTEN);
    expect(rig.quotedSeq()).toBe(B + 1);
    expect(rig.count(code.ICMP_TRANSLATED)).toBe(1);
    expect(rig.events.at(-1)).toMatchObject({ code: code.ICMP_TRANSLATED });
  });

  it('changes nothing in them but that number and the checksum', () => {
    const rig = talking();
    new Int32Array(rig.memory.policy)[POLICY_OBSERVE] = 1;
    rig.tooBig((A + 1) | 0, true);
    const before = rig.arena.slice(OFF, OFF + ERROR_BYTES);
    new Int32Array(rig.memory.policy)[POLICY_OBSERVE] = 0;
    rig.tooBig((A + 1) | 0, true);
    const after = rig.arena.slice(OFF, OFF + ERROR_BYTES);
    const changed = [...after.keys()].filter((at) => after[at] !== before[at]);
    const allowed = new Set([
      CHECKSUM_AT,
      CHECKSUM_AT + 1,
      SEQ_AT,
      SEQ_AT + 1,
      SEQ_AT + 2,
      SEQ_AT + 3,
    ]);
    expect(changed.length).toBeGreaterThan(2);
    expect(changed.filter((at) => !allowed.has(at))).toEqual([]);
  });

  it('leaves those to the client alone: its numbers are the same on both sides', () => {
    const rig = talking();
    rig.out({ flags: 0, seq: C + 22, ack: A + 41, payload: 30 });
    expect(rig.tooBig(C + 22, false)).toBe(VERDICT_ACCEPT);
    expect(rig.quotedSeq()).toBe(C + 22);
  });

  it('leaves alone what quotes no segment in flight, and other ports', () => {
    const rig = talking();
    for (const seq of [A - 5000, A + 5000, B + 1]) {
      expect(rig.tooBig(seq | 0, true)).toBe(VERDICT_ACCEPT);
      expect(rig.quotedSeq()).toBe(seq | 0);
    }
    rig.ports = (40_271 << 16) | 22;
    expect(rig.tooBig((A + 1) | 0, true)).toBe(VERDICT_ACCEPT);
    expect(rig.count(code.ICMP_TRANSLATED)).toBe(0);
  });

  it('is known to the engines of other threads', () => {
    const rig = talking();
    const other = createEngineMemory(1024, (bytes) => new ArrayBuffer(bytes));
    const engine = new Engine(other, 7, [rig.memory]);
    engine.attach(rig.arena);
    new Int32Array(rig.memory.policy)[POLICY_OBSERVE] = 1; // its own leaves it as it is
    rig.tooBig((A + 1) | 0, true);
    const verdict = engine.step(OFF, ERROR_BYTES, TO_FAR, HOOK_POSTROUTING, 0, 0, rig.nowMs);
    expect(verdict).toBe(VERDICT_REWRITTEN);
    expect(rig.quotedSeq()).toBe(B + 1);
  });

  it.each([
    ['another version', OFF + 28, 0x55],
    ['UDP', OFF + 28 + 9, 17],
    ['a later fragment', OFF + 28 + 7, 1],
    ['options beyond the end', OFF + 28, 0x4f],
  ])('leaves alone what quotes %s', (_, at, octet) => {
    const rig = talking();
    new Int32Array(rig.memory.policy)[POLICY_OBSERVE] = 1;
    rig.tooBig((A + 1) | 0, true);
    new Int32Array(rig.memory.policy)[POLICY_OBSERVE] = 0;
    rig.arena[at] = octet;
    const before = rig.arena.slice();
    const verdict = rig.engine.step(OFF, ERROR_BYTES, TO_FAR, HOOK_POSTROUTING, 0, 0, rig.nowMs);
    expect(verdict).toBe(VERDICT_ACCEPT);
    expect(rig.arena).toEqual(before);
  });

  it.each([ERROR_BYTES - 13, 20 + 8 + 19, 20 + 8])(
    'leaves alone what ends after %i octets',
    (bytes) => {
      const rig = talking();
      new Int32Array(rig.memory.policy)[POLICY_OBSERVE] = 1;
      rig.tooBig((A + 1) | 0, true);
      new Int32Array(rig.memory.policy)[POLICY_OBSERVE] = 0;
      const before = rig.arena.slice();
      const verdict = rig.engine.step(OFF, bytes, TO_FAR, HOOK_POSTROUTING, 0, 0, rig.nowMs);
      expect(verdict).toBe(VERDICT_ACCEPT);
      expect(rig.arena).toEqual(before);
    },
  );

  it.each([
    ['no TCP', 6, 17],
    ['IPv4', 0, 0x45],
    ['TCP of nobody', 6, 6],
  ])('leaves alone an ICMPv6 error that quotes %s', (_, at, octet) => {
    const rig = talking();
    const { arena } = rig;
    arena.fill(0);
    arena.set([0x60, 0, 0, 0, 0, 68, 58, 64], OFF);
    arena[OFF + 40] = 2; // packet too big
    arena.set([0x60, 0, 0, 0, 0, 20, 6, 64], OFF + 48);
    arena[OFF + 48 + at] = octet;
    const before = arena.slice();
    const verdict = rig.engine.step(OFF, 108, TO_FAR, HOOK_POSTROUTING, 0, 0, rig.nowMs);
    expect(verdict).toBe(VERDICT_ACCEPT);
    expect(arena).toEqual(before);
  });

  it('in observe mode is only said to need it', () => {
    const rig = talking();
    new Int32Array(rig.memory.policy)[POLICY_OBSERVE] = 1;
    expect(rig.tooBig((A + 1) | 0, true)).toBe(VERDICT_ACCEPT);
    expect(rig.count(code.ICMP_TRANSLATED + code.WOULD)).toBe(1);
  });
});

describe('a flow behind a jump', () => {
  it('has its errors told to each end in its own numbers', () => {
    const [seqBy, ackBy] = [0x12345678, 0x7abcdef0];
    const talk = jump.jumped(seqBy, ackBy);
    expect(jump.typing(talk)).toBe(VERDICT_REWRITTEN);
    const { rig } = talk;
    talk.near(101, 201, 36);
    expect(rig.tooBig((jump.C + 101 + ackBy) | 0, false)).toBe(VERDICT_REWRITTEN);
    expect(rig.quotedSeq()).toBe(jump.C + 101);
    talk.far(201, 101, 50);
    expect(rig.tooBig((jump.S + 201) | 0, true)).toBe(VERDICT_REWRITTEN);
    expect(rig.quotedSeq()).toBe((jump.S + 201 + seqBy) | 0);
  });

  it('and one that nothing is wrong with hears them as they are', () => {
    const { rig } = jump.session();
    expect(rig.tooBig(jump.C + 101, false)).toBe(VERDICT_ACCEPT);
    expect(rig.tooBig((jump.S + 201) | 0, true)).toBe(VERDICT_ACCEPT);
    expect(rig.count(code.STAT_PASSED_NOT_TCP)).toBe(2);
  });
});
