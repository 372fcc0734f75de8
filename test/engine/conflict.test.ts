/** What is told of a second SYN-ACK: both numberings, when, and from how far away each came. */
import { describe, expect, it } from 'vitest';
import * as code from '../../src/engine/codes.ts';
import { VERDICT_ACCEPT, VERDICT_DROP } from '../../src/engine/verdict.ts';
import { ACK, SYN } from '../../src/engine/wire/segment.ts';
import { Rig } from './rig.ts';

const C = 9_000;
const A = 50_000_000;
const B = 70_000_000;
const TTL = 61;
const OTHER_TTL = 120;

/** Acknowledged before the second one comes, or behind it. */
function conflict(rig: Rig, chosen = A): void {
  rig.out({ flags: SYN, seq: C });
  rig.nowMs += 30;
  expect(rig.in({ flags: SYN, seq: A, ack: C + 1, ttl: TTL })).toBe(VERDICT_ACCEPT);
  if (chosen === A) rig.out({ flags: ACK, seq: C + 1, ack: A + 1 });
  rig.nowMs += 12;
  const second = rig.in({ flags: SYN, seq: B, ack: C + 1, ttl: OTHER_TTL });
  expect(second).toBe(chosen === A ? VERDICT_DROP : VERDICT_ACCEPT);
  if (chosen !== A) rig.out({ flags: ACK, seq: C + 1, ack: chosen + 1 });
}

const told = (rig: Rig) => rig.events.filter((event) => event.code === code.SYNACK_CONFLICT);

describe('a second SYN-ACK', () => {
  it('behind the ACK is told with the one that was acknowledged, once', () => {
    const rig = new Rig();
    conflict(rig);
    expect(told(rig).map(({ args }) => args)).toEqual([[A, B, 42, TTL, OTHER_TTL]]);
    rig.nowMs += 5;
    expect(rig.in({ flags: SYN, seq: B, ack: C + 1, ttl: OTHER_TTL })).toBe(VERDICT_DROP);
    expect(rig.in({ flags: SYN, seq: B + 7, ack: C + 1, ttl: 3 })).toBe(VERDICT_DROP);
    expect(told(rig).length).toBe(1);
    expect(rig.count(code.SYNACK_DROPPED)).toBe(3);
  });

  it('before it is told with the one that the client took', () => {
    const rig = new Rig();
    conflict(rig, B);
    expect(told(rig).map(({ args }) => args)).toEqual([[B, A, 42, OTHER_TTL, TTL]]);
  });

  it('of the same numbers is the first one again', () => {
    const rig = new Rig();
    rig.connect(C, A);
    expect(rig.in({ flags: SYN, seq: A, ack: C + 1 })).toBe(VERDICT_ACCEPT);
    expect(told(rig)).toEqual([]);
    expect(rig.count(code.SYNACK_DROPPED)).toBe(0);
  });
});
