/** A flow table that an end at any instruction has left, and flows that nobody watched then. */
import { describe, expect, it } from 'vitest';
import { PROBE_SENT, REANCHORED, STAT_FLOW_PICKED_UP } from '../../src/engine/codes.ts';
import {
  DELTA,
  FAR_ADDR,
  FLOW_FLAGS,
  FLOW_NEAR_RESPONDS,
  FLOW_SETTLED,
  FLOW_TRANSLATED,
  FLOW_UNSEEN,
  GENERATION,
  INDEX_COUNT,
  INDEX_HIGH,
  INDEX_SETTLED,
  INDEX_TRANSLATED,
  NEAR_ADDR,
  NEAR_DELTA,
  PORTS,
  REPAIR,
  SCALE_FIX,
  TS_DELTA,
} from '../../src/engine/flow/layout.ts';
import { POLICY_GATEWAY } from '../../src/engine/memory.ts';
import { SOCKET_LIVES } from '../../src/engine/outbox.ts';
import { Recovery } from '../../src/engine/recovery.ts';
import {
  INJECT_FAR,
  VERDICT_ACCEPT,
  VERDICT_DROP,
  VERDICT_REWRITTEN,
} from '../../src/engine/verdict.ts';
import { RST, SYN } from '../../src/engine/wire/segment.ts';
import { jumped, typing } from './jump-talk.ts';
import { A, answering, B, C, phantom, reanchored } from './phantom-rig.ts';
import { Rig } from './rig.ts';

function rowsOf(rig: Rig): Int32Array {
  return new Int32Array(rig.memory.flows);
}

function indexOf(rig: Rig): Int32Array {
  return new Int32Array(rig.memory.index);
}

describe('a table whose own words are no numbers of rows', () => {
  it.each([-1, 1 << 20])('is looked through whole: %i', (high) => {
    const rig = reanchored();
    indexOf(rig)[INDEX_HIGH] = high;
    rowsOf(rig)[FLOW_FLAGS] = (rowsOf(rig)[FLOW_FLAGS] ?? 0) | FLOW_SETTLED;
    expect(new Recovery(rig.memory, 1).tornCount).toBe(0);
    expect(indexOf(rig)[INDEX_COUNT]).toBe(1);
    expect(indexOf(rig)[INDEX_TRANSLATED]).toBe(1);
    expect(indexOf(rig)[INDEX_SETTLED]).toBe(1);
  });
});

describe('a gap', () => {
  it('is not held against a handshake that was under way in it', () => {
    const rig = new Rig();
    rig.out({ flags: SYN, seq: C });
    rig.restart();
    expect((rowsOf(rig)[FLOW_FLAGS] ?? 0) & FLOW_UNSEEN).toBe(0);
    expect(rig.in({ flags: SYN, seq: A, ack: C + 1 })).toBe(VERDICT_ACCEPT);
    rig.out({ flags: 0, seq: C + 1, ack: A + 1 });
    expect(rig.in({ flags: SYN, seq: B, ack: C + 1 })).toBe(VERDICT_DROP);
  });
});

describe('a half-written row', () => {
  it.each([
    ['DELTA', DELTA],
    ['TS_DELTA', TS_DELTA],
    ['SCALE_FIX', SCALE_FIX],
    ['GENERATION', GENERATION],
    ['NEAR_ADDR', NEAR_ADDR],
    ['FAR_ADDR', FAR_ADDR + 3],
    ['PORTS', PORTS],
  ])('is known by its %s and set aside', (_, word) => {
    const rig = reanchored();
    const rows = rowsOf(rig);
    rows[word] = (rows[word] ?? 0) ^ 1;
    expect(new Recovery(rig.memory, 1).tornCount).toBe(1);
    expect(rows[FLOW_FLAGS]).toBe(0);
    expect(indexOf(rig)[INDEX_COUNT]).toBe(0);
    expect(indexOf(rig)[INDEX_TRANSLATED]).toBe(0);
  });

  it.each([DELTA, NEAR_DELTA])(
    'is known by either shift, where the numbers jumped: word %i',
    (word) => {
      const talk = jumped(1 << 28, 1 << 27);
      expect(typing(talk)).toBe(VERDICT_REWRITTEN);
      expect(new Recovery(talk.rig.memory, 1).tornCount).toBe(0);
      rowsOf(talk.rig)[word] = (rowsOf(talk.rig)[word] ?? 0) ^ 1;
      expect(new Recovery(talk.rig.memory, 1).tornCount).toBe(1);
    },
  );

  it.each([FLOW_TRANSLATED, FLOW_NEAR_RESPONDS])('is known by flag %i', (flag) => {
    const rig = reanchored();
    const rows = rowsOf(rig);
    rows[FLOW_FLAGS] = (rows[FLOW_FLAGS] ?? 0) ^ flag;
    expect(new Recovery(rig.memory, 1).tornCount).toBe(1);
  });

  it('becomes a flow older than the shim with its next packet', () => {
    const rig = reanchored();
    rowsOf(rig)[DELTA] = 7;
    expect(rig.restart()).toBe(1);
    expect(rig.out({ flags: 0, seq: C + 22, ack: A + 1 })).toBe(VERDICT_ACCEPT);
    expect(rig.wire().ack).toBe(A + 1);
    expect(rig.count(STAT_FLOW_PICKED_UP)).toBe(1);
  });
});

describe('what is whole', () => {
  it('goes on, whatever became of chains, free list and counts', () => {
    const rig = reanchored();
    indexOf(rig).fill(0x5a5a5a5a, 2);
    expect(rig.restart()).toBe(0);
    expect(indexOf(rig)[INDEX_COUNT]).toBe(1);
    expect(indexOf(rig)[INDEX_TRANSLATED]).toBe(1);
    expect(indexOf(rig)[INDEX_SETTLED]).toBe(0);
    expect(rig.out({ flags: 0, seq: C + 22, ack: A + 1 })).toBe(VERDICT_REWRITTEN);
    expect(rig.wire().ack).toBe(B + 1);
  });

  it('keeps its repair slot; a slot of nobody is free again', () => {
    const rig = new Rig();
    phantom(rig);
    const slot = rowsOf(rig)[REPAIR];
    expect(slot).toBe(1);
    rig.restart();
    expect(rowsOf(rig)[REPAIR]).toBe(slot);
    rowsOf(rig)[REPAIR] = 77;
    rig.restart();
    expect(rowsOf(rig)[REPAIR]).toBe(0);
  });

  it('goes on asking and is re-anchored after all, although probes were lost on the way', () => {
    const rig = new Rig();
    phantom(rig);
    rig.stalled = true;
    rig.in({ flags: RST, seq: A + 1 });
    rig.pass(50);
    // What waited in the outbox is lost with the program.
    const outbox = new Int32Array(rig.memory.outbox);
    outbox.fill(0);
    rig.stalled = false;
    expect(rig.restart()).toBe(0);
    const before = rig.injected.length;
    rig.pass(1500);
    expect(rig.injected.length).toBeGreaterThan(before);
  });
});

describe('an open question behind a gap, while the client says nothing', () => {
  function insisting(answer: (rig: Rig) => void, ms = 8000): Rig {
    const rig = new Rig();
    phantom(rig);
    rig.pass(20);
    rig.restart();
    for (let t = 0; t < ms; t += 2) {
      const before = rig.injected.length;
      rig.pass(2);
      if ([1000, 3000, 7000].includes(t)) rig.in({ flags: SYN, seq: B, ack: C + 1 });
      if (rig.injected.slice(before).some(({ path }) => path === INJECT_FAR)) answer(rig);
    }
    return rig;
  }

  it('hears the server that lives', () => {
    const rig = insisting((one) => one.in({ flags: 0, seq: A + 1, ack: C + 22 }));
    expect(rig.count(REANCHORED)).toBe(0);
    expect(rig.count(PROBE_SENT)).toBeLessThan(3);
  });

  it('moves nobody: the connection may have ended', () => {
    const rig = insisting((one) => one.in({ flags: RST, seq: A + 1 }), 3500);
    expect(rig.count(REANCHORED)).toBe(0);
    // It has not: the client speaks.
    rig.out({ flags: 0, seq: C + 1, ack: A + 1, payload: 21 });
    rig.in({ flags: SYN, seq: B, ack: C + 1 });
    answering(rig, 3000);
    expect(rig.count(REANCHORED)).toBe(1);
  });
});

describe('a translated flow behind a gap', () => {
  it('is translated when its next packet fits', () => {
    const rig = reanchored();
    rig.ruled = true;
    rig.restart();
    expect(rig.in({ flags: 0, seq: B + 1, ack: C + 22, payload: 10 })).toBe(VERDICT_REWRITTEN);
    expect(rig.wire().seq).toBe(A + 1);
    expect(rig.out({ flags: 0, seq: C + 22, ack: A + 11 })).toBe(VERDICT_REWRITTEN);
    expect(rig.wire().ack).toBe(B + 11);
  });

  it('passes untouched when that is of another connection on its ports', () => {
    const rig = reanchored();
    rig.ruled = true;
    rig.restart();
    expect(rig.out({ flags: 0, seq: 77_000_000, ack: 99_000_000, payload: 5 })).toBe(
      VERDICT_ACCEPT,
    );
    expect(rig.wire()).toMatchObject({ seq: 77_000_000, ack: 99_000_000 });
    expect(rig.count(STAT_FLOW_PICKED_UP)).toBe(1);
    expect(rig.in({ flags: 0, seq: 99_000_000, ack: 77_000_005, payload: 5 })).toBe(VERDICT_ACCEPT);
    expect(rig.wire().seq).toBe(99_000_000);
    expect(rig.rules.at(-1)).toContain('del');
    expect(indexOf(rig)[INDEX_TRANSLATED]).toBe(0);
  });
});

describe('any other flow behind a gap', () => {
  it('is judged again from the near end’s next ACK on', () => {
    const rig = new Rig();
    rig.connect(C, A);
    rig.restart();
    // A gigabyte has gone by meanwhile.
    const far = (A + 1_000_000_000) | 0;
    const near = (C + 1_500_000_000) | 0;
    expect(rig.in({ flags: 0, seq: far, ack: near, payload: 10 })).toBe(VERDICT_ACCEPT);
    rig.socket = {
      state: SOCKET_LIVES,
      acked: 1_499_999_999,
      sent: 1_499_999_999,
      received: 1_000_000_009,
    };
    expect(rig.out({ flags: 0, seq: near, ack: far + 10 })).toBe(VERDICT_ACCEPT);
    rig.pass(4);
    expect(rig.asked).toBe(1);
    rig.in({ flags: SYN, seq: B, ack: C + 1 });
    expect(rig.in({ flags: RST, seq: far + 9 }), 'inexact').toBe(VERDICT_ACCEPT);
    expect(rig.in({ flags: RST, seq: far + 10 }), 'exact, tainted').toBe(VERDICT_DROP);
  });

  it.each(['its socket tells', 'nobody tells'])(
    'is not moved by what it has in flight: %s what was acknowledged',
    (who) => {
      const talk = jumped(0, 1 << 30);
      talk.near(101, 201, 36); // on its way when nobody looks; the server never gets it
      talk.rig.restart();
      const policy = new Int32Array(talk.rig.memory.policy);
      policy[POLICY_GATEWAY] = who === 'nobody tells' ? 1 : 0;
      talk.rig.socket = { state: SOCKET_LIVES, acked: 100, sent: 136, received: 200 };
      talk.near(137, 201); // the first that is seen: an empty ACK at SND.NXT
      talk.rig.pass(4);
      const verdict = typing(talk, 14_000);
      // Rewritten, it would acknowledge 36 octets that the server never had.
      expect(verdict).toBe(VERDICT_ACCEPT);
    },
  );
});
