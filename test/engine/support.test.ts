/** What is told in support of a reset's foreign origin, and that it decides nothing. */
import { beforeEach, describe, expect, it } from 'vitest';
import * as code from '../../src/engine/codes.ts';
import { POLICY_BYPASS } from '../../src/engine/memory.ts';
import { SUPPORT_DF, SUPPORT_IP_ID, SUPPORT_NO_TIMESTAMPS } from '../../src/engine/support-bits.ts';
import { VERDICT_ACCEPT, VERDICT_DROP, WORD_READY } from '../../src/engine/verdict.ts';
import { ACK, RST, SYN } from '../../src/engine/wire/segment.ts';
import { Rig, type Sent } from './rig.ts';

const C = 77;
const A = 5000;
const FIRST_ID = 0xfff0;
const OTHER_TTL = 200;

let rig: Rig;
beforeEach(() => {
  rig = new Rig();
});

function timestamps(value: number): number[] {
  return [1, 1, 8, 10, 0, 0, 0, value, 0, 0, 0, value];
}

/** Timestamps on all; the server's data has IDs of one series, its SYN-ACK has 0, as of Linux. */
function session(change: Partial<Sent> = {}): void {
  const options = timestamps(1);
  rig.out({ flags: SYN, seq: C, options });
  rig.nowMs += 1;
  rig.in({ flags: SYN, seq: A, ack: C + 1, options });
  rig.out({ flags: ACK, seq: C + 1, ack: A + 1, options });
  rig.out({ flags: ACK, seq: C + 1, ack: A + 1, options, payload: 20 });
  rig.in({ flags: ACK, seq: A + 1, ack: C + 21, options, id: FIRST_ID, ...change });
}

/** SUPPORT_* of the reset's event. */
function supportOf(reset: Partial<Sent>, finding = code.RST_FOREIGN): number {
  const sent = { flags: RST, seq: A + 1, ttl: OTHER_TTL, id: 4, options: timestamps(1), ...reset };
  expect(rig.in(sent)).toBe(VERDICT_DROP);
  const told = rig.events.filter((event) => event.code === finding);
  expect(told.length).toBe(1);
  const held = rig.events.filter((event) => event.code === code.RST_HELD);
  expect(held.map(({ args }) => args[3])).toEqual([told[0]?.args[3]]);
  return told[0]?.args[3] ?? -1;
}

describe('supportOf()', () => {
  it.each([
    ['nothing of one that looks like the rest, its ID past the wrap', {}, 0],
    ['no timestamps', { options: [] }, SUPPORT_NO_TIMESTAMPS],
    ['no DF', { df: false }, SUPPORT_DF],
    ['the ID 0', { id: 0 }, SUPPORT_IP_ID],
    ['an ID from before', { id: FIRST_ID - 1 }, SUPPORT_IP_ID],
    ['an ID far ahead', { id: 5000 }, SUPPORT_IP_ID],
    [
      'all at once',
      { id: 0, df: false, options: [] },
      SUPPORT_IP_ID | SUPPORT_DF | SUPPORT_NO_TIMESTAMPS,
    ],
  ])('tells %s', (_, reset, support) => {
    session();
    expect(supportOf(reset)).toBe(support);
  });

  it('counts the packets that were seen, one more for each 512 octets, and 256 unseen', () => {
    for (const [ahead, support] of [
      [1 + 256, 0],
      [1 + 257, SUPPORT_IP_ID],
    ] as const) {
      rig = new Rig();
      session();
      expect(supportOf({ id: (FIRST_ID + ahead) & 0xffff })).toBe(support);
    }
    for (const [ahead, support] of [
      [2 + 2 + 256, 0],
      [2 + 2 + 257, SUPPORT_IP_ID],
    ] as const) {
      rig = new Rig();
      session();
      const more = { flags: ACK, seq: A + 1, ack: C + 21, payload: 1100, options: timestamps(1) };
      rig.in({ ...more, id: FIRST_ID + 1 });
      expect(supportOf({ seq: A + 1101, id: (FIRST_ID + ahead) & 0xffff })).toBe(support);
    }
  });

  it('tells only an ID 0 where it went by in the kernel how far the series is', () => {
    for (const [id, support] of [
      [30_000, 0],
      [0, SUPPORT_IP_ID],
    ] as const) {
      rig = new Rig();
      new Int32Array(rig.memory.policy)[POLICY_BYPASS] = 1;
      session();
      expect(rig.engine.word).toBe(WORD_READY);
      rig.engine.settle();
      rig.nowMs += 1000;
      expect(supportOf({ id })).toBe(support);
    }
  });

  it('tells nothing of IDs that are 0 always, nor of timestamps that were never used', () => {
    session({ id: 0 });
    expect(supportOf({ id: 0 })).toBe(0);
    rig = new Rig();
    rig.connect(C, A);
    rig.in({ flags: ACK, seq: A + 1, ack: C + 1, payload: 5 });
    expect(supportOf({ seq: A + 6, id: 0, options: [] })).toBe(0);
  });

  it('decides nothing: a reset from where the rest comes from passes, whatever it looks like', () => {
    session();
    expect(rig.in({ flags: RST, seq: A + 1, id: 0, df: false })).toBe(VERDICT_ACCEPT);
    expect(rig.count(code.RST_HELD)).toBe(0);
  });
});
