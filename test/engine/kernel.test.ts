/** Translation left to conntrack: who is asked, what passes meanwhile, and in which numbers. */
import { describe, expect, it } from 'vitest';
import * as code from '../../src/engine/codes.ts';
import { POLICY_BYPASS, POLICY_GATEWAY, POLICY_KERNEL } from '../../src/engine/memory.ts';
import {
  INJECT_FAR,
  INJECT_NEAR,
  VERDICT_ACCEPT,
  VERDICT_DROP,
  VERDICT_REWRITTEN,
  WORD_SETTLED,
  WORD_UNSETTLED,
} from '../../src/engine/verdict.ts';
import { ACK, FIN, RST, SYN } from '../../src/engine/wire/segment.ts';
import { stamp } from './jump-talk.ts';
import { Rig } from './rig.ts';

const C = 1_000_000;
const A = 4_000_000_000 | 0; // near the wrap on purpose
const B = 500_000;
const DELTA = (B - A) | 0;
const OTHER_TTL = 33;

interface Offer {
  readonly chosen: readonly number[];
  readonly other: readonly number[];
}

const scale = (shift: number) => [1, 3, 3, shift] as const;
const stamps = (value: number) => [1, 1, 8, 10, 0, 0, 0, value, 0, 0, 0, 1] as const;
const SAME: Offer = { chosen: scale(7), other: scale(7) };

function setPolicy(rig: Rig, word: number): void {
  new Int32Array(rig.memory.policy)[word] = 1;
}

/** As in `phantom.test.ts`, up to the moment when the flow moves. */
function reanchored(rig: Rig, { chosen, other }: Offer = SAME): Rig {
  setPolicy(rig, POLICY_KERNEL);
  rig.out({ flags: SYN, seq: C, options: chosen });
  rig.nowMs += 1;
  rig.in({ flags: SYN, seq: A, ack: C + 1, options: chosen });
  rig.out({ flags: 0, seq: C + 1, ack: A + 1 });
  rig.in({ flags: SYN, seq: B, ack: C + 1, options: other });
  rig.out({ flags: 0, seq: C + 1, ack: A + 1, payload: 21 });
  rig.in({ flags: RST, seq: A + 1 });
  answering(rig, 1000);
  rig.in({ flags: SYN, seq: B, ack: C + 1, options: other });
  answering(rig, 10);
  return rig;
}

/** Lets `ms` pass; the server answers every probe with RST A+1. */
function answering(rig: Rig, ms: number): void {
  for (let t = 0; t < ms && rig.kernel.length === 0; t += 2) {
    const before = rig.injected.length;
    rig.pass(2);
    const probed = rig.injected.slice(before).some((packet) => packet.path === INJECT_FAR);
    if (probed && rig.kernel.length === 0) rig.in({ flags: RST, seq: A + 1 });
  }
}

/** Both ends have spoken. */
function talking(): Rig {
  const rig = reanchored(new Rig());
  rig.pass(2);
  rig.out({ flags: 0, seq: C + 1, ack: A + 1, payload: 21 });
  expect(rig.in({ flags: 0, seq: B + 1, ack: C + 22, payload: 40 })).toBe(VERDICT_ACCEPT);
  rig.out({ flags: 0, seq: C + 22, ack: A + 41 });
  return rig;
}

describe('--translate kernel', () => {
  it('asks the kernel for the difference of the two numberings, and rewrites nothing', () => {
    const rig = talking();
    expect(rig.kernel).toEqual([`add ${DELTA}`]);
    expect(rig.count(code.TRANSLATED_BY_KERNEL)).toBe(1);
    expect(rig.count(code.SEGMENT_TRANSLATED)).toBe(0);
    expect(rig.wire()).toMatchObject({ ack: (A + 41) | 0 });
    expect(rig.rules).toEqual(['add', 'del']);
  });

  it('lets nothing pass while it is not known who translates, then sends the first data', () => {
    const rig = new Rig();
    rig.refused = undefined;
    reanchored(rig);
    const before = rig.injected.length;
    expect(rig.out({ flags: 0, seq: C + 1, ack: A + 1, payload: 21 })).toBe(VERDICT_DROP);
    expect(rig.in({ flags: RST, seq: A + 1 })).toBe(VERDICT_DROP);
    expect(rig.in({ flags: 0, seq: B + 1, ack: C + 22, payload: 40 })).toBe(VERDICT_DROP);
    expect(rig.count(code.STAT_MOVING_DROPPED)).toBe(3);
    expect(rig.injected.length).toBe(before);
    rig.answerKernel(0);
    rig.pass(2);
    expect(rig.injected.slice(before)).toMatchObject([
      { path: INJECT_FAR, seq: C + 1, ack: (A + 1) | 0, payload: 0 },
      { path: INJECT_FAR, seq: C + 1, ack: (A + 1) | 0, payload: 21 },
    ]);
  });

  it('falls back to userspace when the kernel refuses', () => {
    const rig = new Rig();
    rig.refused = 2;
    reanchored(rig);
    rig.pass(2);
    expect(rig.count(code.KEPT_IN_USERSPACE)).toBe(1);
    const kept = rig.events.find((event) => event.code === code.KEPT_IN_USERSPACE);
    expect(kept?.args.slice(0, 3)).toEqual([0, 0, 2]);
    rig.out({ flags: 0, seq: C + 1, ack: A + 1, payload: 21 });
    expect(rig.wire()).toMatchObject({ ack: B + 1 });
    const data = { flags: 0, seq: B + 1, ack: C + 22, payload: 40 };
    expect(rig.in(data)).toBe(VERDICT_REWRITTEN);
    expect(rig.wire()).toMatchObject({ seq: (A + 1) | 0 });
  });

  it('ends the flow where the kernel refuses while the shim stops', () => {
    const rig = new Rig();
    rig.refused = undefined;
    reanchored(rig);
    rig.endAll();
    rig.injected.length = 0;
    rig.answerKernel(2);
    rig.pass(2);
    expect(rig.injected).toMatchObject([{ path: INJECT_NEAR, flags: RST | ACK, seq: (A + 1) | 0 }]);
    expect(rig.count(code.FLOW_ENDED)).toBe(1);
  });

  it.each([
    ['window scales', { chosen: scale(2), other: scale(7) }],
    ['timestamps', { chosen: stamps(5), other: stamps(9) }],
  ])('does not ask where %s differ', (_, offer) => {
    const rig = new Rig();
    setPolicy(rig, POLICY_KERNEL);
    rig.out({ flags: SYN, seq: C, options: offer.chosen });
    rig.nowMs += 1;
    rig.in({ flags: SYN, seq: A, ack: C + 1, options: offer.chosen });
    rig.out({ flags: 0, seq: C + 1, ack: A + 1 });
    rig.in({ flags: SYN, seq: B, ack: C + 1, options: offer.other });
    rig.in({ flags: RST, seq: A + 1 });
    for (let t = 0; t < 1100; t += 2) {
      const before = rig.injected.length;
      rig.pass(2);
      if (rig.injected.length > before) rig.in({ flags: RST, seq: A + 1 });
      if (t === 1000) rig.in({ flags: SYN, seq: B, ack: C + 1, options: offer.other });
    }
    expect(rig.count(code.REANCHORED)).toBe(1);
    expect(rig.kernel).toEqual([]);
    expect(rig.count(code.KEPT_IN_USERSPACE)).toBe(1);
  });

  it('judges resets in near numbers, and delivers them in the far end’s', () => {
    const rig = talking();
    // The number of the conflict's first victim: it answers the old numbering.
    expect(rig.in({ flags: RST, seq: A + 1 })).toBe(VERDICT_DROP);
    expect(rig.in({ flags: RST, seq: B + 41, ttl: OTHER_TTL })).toBe(VERDICT_DROP);
    expect(rig.in({ flags: 0, seq: B + 41, ack: C + 22 })).toBe(VERDICT_ACCEPT);
    expect(rig.count(code.RST_REFUTED)).toBe(1);
    rig.pass(3000);
    expect(rig.count(code.FAR_END_SILENT)).toBe(1);
    const reset = rig.injected.filter((packet) => packet.path === INJECT_NEAR);
    expect(reset.map((packet) => packet.seq)).toEqual([B + 41]);
  });

  it('lets an inexact reset pass as it is', () => {
    const rig = talking();
    expect(rig.in({ flags: RST, seq: B + 5000 })).toBe(VERDICT_ACCEPT);
    expect(rig.wire()).toMatchObject({ seq: B + 5000 });
    expect(rig.count(code.RST_INEXACT)).toBe(1);
  });

  it('ends the flow visibly when the phantom speaks after all', () => {
    const rig = talking();
    expect(rig.in({ flags: 0, seq: A + 41, ack: C + 22, payload: 10 })).toBe(VERDICT_DROP);
    expect(rig.count(code.ANCHOR_CONTRADICTED)).toBe(1);
    const reset = rig.injected.filter((packet) => packet.path === INJECT_NEAR);
    expect(reset.map((packet) => packet.seq)).toEqual([B + 41]);
  });

  it('is settled at once, tainted as it is, and woken by a FIN with the right numbers', () => {
    const rig = new Rig();
    setPolicy(rig, POLICY_BYPASS);
    reanchored(rig);
    rig.pass(6);
    rig.out({ flags: 0, seq: C + 1, ack: A + 1, payload: 21 });
    rig.out({ flags: 0, seq: C + 22, ack: A + 1, payload: 21 });
    rig.in({ flags: 0, seq: B + 1, ack: C + 43 });
    rig.engine.settle();
    rig.socket = { ...rig.socket, state: 1, acked: 42, sent: 42, received: 1_000_000 };
    expect(rig.in({ flags: FIN, seq: B + 1_000_001, ack: C + 43 })).toBe(VERDICT_ACCEPT);
    rig.pass(2);
    expect(rig.asked).toBe(1);
    rig.out({ flags: FIN, seq: C + 43, ack: A + 1_000_002 });
    expect(rig.in({ flags: RST, seq: A + 1 })).not.toBe(VERDICT_REWRITTEN);
    expect(rig.count(code.SEGMENT_TRANSLATED)).toBe(0);
  });

  it('is settled on the answer to a probe, before the first data is sent again', () => {
    const rig = new Rig();
    setPolicy(rig, POLICY_BYPASS);
    reanchored(rig);
    rig.pass(2);
    // The kernel translates; its own rules are not gone yet.
    expect(rig.out({ flags: 0, seq: C + 1, ack: A + 1, payload: 21 })).toBe(VERDICT_DROP);
    const before = rig.injected.length;
    rig.pass(6);
    expect(rig.injected.slice(before)).toMatchObject([
      { path: INJECT_FAR, seq: C + 1, ack: (A + 1) | 0, payload: 0 },
      { path: INJECT_FAR, seq: C, ack: (A + 1) | 0, payload: 0 },
    ]);
    expect(rig.in({ flags: 0, seq: B + 1, ack: C + 1 })).toBe(VERDICT_ACCEPT);
    expect(rig.engine.word).toBe(WORD_SETTLED);
    expect(rig.injected.slice(before + 2)).toMatchObject([
      { path: INJECT_FAR, seq: C + 1, ack: (A + 1) | 0, payload: 21 },
    ]);
    rig.in({ flags: 0, seq: B + 1, ack: C + 22, payload: 10 });
    expect(rig.count(code.FIRST_DATA_RESENT)).toBe(1);
  });

  it('gives the entry back 65 s behind the end, not before', () => {
    const rig = talking();
    rig.in({ flags: FIN, seq: B + 41, ack: C + 22 });
    rig.out({ flags: FIN, seq: C + 22, ack: A + 42 });
    rig.in({ flags: 0, seq: B + 42, ack: C + 23 });
    rig.pass(60_000);
    expect(rig.kernel).toEqual([`add ${DELTA}`]);
    rig.pass(10_000);
    expect(rig.kernel).toEqual([`add ${DELTA}`, 'del']);
    expect(rig.ended).toEqual([1]);
  });

  it('drops the first SYN of a new connection on the same ports', () => {
    const rig = talking();
    expect(rig.out({ flags: SYN, seq: C + 9000 })).toBe(VERDICT_DROP);
    expect(rig.kernel).toEqual([`add ${DELTA}`, 'del']);
    expect(rig.ended).toEqual([1]);
    expect(rig.out({ flags: SYN, seq: C + 9000 })).toBe(VERDICT_ACCEPT);
    expect(rig.in({ flags: SYN, seq: 77, ack: C + 9001 })).toBe(VERDICT_ACCEPT);
    expect(rig.out({ flags: 0, seq: C + 9001, ack: 78 })).toBe(VERDICT_ACCEPT);
  });

  it('leaves what an older run has left to the kernel alone', () => {
    const rig = new Rig();
    rig.adopt(DELTA);
    for (let i = 0; i < 5; i++) {
      const leaving = { flags: 0, seq: C + i, ack: A + 10 * i, payload: 1 };
      expect(rig.out(leaving)).toBe(VERDICT_ACCEPT);
      const arriving = { flags: 0, seq: B + 10 * i, ack: C + i + 1, payload: 10 };
      expect(rig.in(arriving)).toBe(VERDICT_ACCEPT);
    }
    expect(rig.in({ flags: RST, seq: B + 50 })).toBe(VERDICT_ACCEPT);
    rig.pass(2000);
    expect(rig.injected).toEqual([]);
    expect(rig.count(code.STAT_FLOW_PICKED_UP)).toBe(0);
  });
});

describe('on the gateway that takes over', () => {
  /** The far end in its own numbers, the near end in those of the phantom: nothing fits. */
  function talksOn(rig: Rig, from: number): void {
    for (let i = from; i < from + 20; i++) {
      const now = stamp(7_000_000 + rig.nowMs, 9_000_000 + rig.nowMs);
      const leaving = { flags: 0, seq: C + i, ack: A + 10 * i, payload: 1, options: now };
      expect(rig.out(leaving)).toBe(VERDICT_ACCEPT);
      const then = stamp(9_000_000 + rig.nowMs, 7_000_000 + rig.nowMs);
      const arriving = { flags: 0, seq: B + 10 * i, ack: C + i + 1, payload: 10, options: then };
      expect(rig.in(arriving)).toBe(VERDICT_ACCEPT);
      rig.pass(15_000);
    }
  }

  function gateway(): Rig {
    const rig = new Rig();
    setPolicy(rig, POLICY_KERNEL);
    setPolicy(rig, POLICY_GATEWAY);
    return rig;
  }

  it('nothing is translated, asked or injected before it is known who translates', () => {
    const rig = gateway();
    talksOn(rig, 0);
    expect(rig.count(code.STAT_FLOW_PICKED_UP)).toBe(1);
    expect([rig.injected, rig.kernel]).toEqual([[], []]);
    expect(rig.count(code.RESYNCED)).toBe(0);
  });

  it('what was picked up before it was known is left alone from then on', () => {
    const rig = gateway();
    talksOn(rig, 0);
    rig.adopt(DELTA);
    talksOn(rig, 20);
    expect(rig.in({ flags: RST, seq: B + 400 })).toBe(VERDICT_ACCEPT);
    expect(rig.out({ flags: SYN, seq: C + 9000 })).toBe(VERDICT_DROP); // known as the kernel's
    expect([rig.injected, rig.kernel, rig.ended]).toEqual([[], ['del'], [1]]);
  });

  it('keeps the mark of one that has settled there, and gives none to another', () => {
    const rig = gateway();
    rig.adopt(DELTA, 1);
    const arriving = { flags: 0, seq: B, ack: C + 1, payload: 10 };
    rig.in(arriving);
    expect(rig.engine.word).toBe(WORD_SETTLED);
    rig.adopt(DELTA, 0); // the mark has gone
    rig.in(arriving);
    expect(rig.engine.word).toBe(WORD_UNSETTLED);
    expect(rig.kernel).toEqual([]);
  });

  it('does not touch what this run has moved itself', () => {
    const rig = talking();
    rig.adopt(DELTA + 1);
    rig.out({ flags: FIN, seq: C + 22, ack: A + 41 });
    expect(rig.in({ flags: FIN, seq: B + 41, ack: C + 23 })).toBe(VERDICT_ACCEPT);
    rig.out({ flags: 0, seq: C + 23, ack: A + 42 });
    rig.pass(70_000);
    expect(rig.kernel).toEqual([`add ${DELTA}`, 'del']);
  });
});
