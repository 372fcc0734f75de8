/**
 * What is full costs a flow its repair, not its connection: no slot for a repair, no room to ask
 * the main thread. Times: ms.
 */
import { describe, expect, it } from 'vitest';
import * as code from '../../src/engine/codes.ts';
import { RepairTable } from '../../src/engine/flow/repair-table.ts';
import { REPAIR_COUNT } from '../../src/engine/limits.ts';
import { VERDICT_ACCEPT, VERDICT_DROP, VERDICT_REWRITTEN } from '../../src/engine/verdict.ts';
import { ACK, FIN, RST, SYN } from '../../src/engine/wire/segment.ts';
import { A, answering, B, C, reanchored, WSCALE } from './phantom-rig.ts';
import { Rig } from './rig.ts';

/** Every slot is taken, by flows that there are none of. */
function fillRepairs(rig: Rig): void {
  const table = new RepairTable(rig.memory.repairs);
  for (let i = 0; i < REPAIR_COUNT; i++) table.take(rig.memory.flowCountMax - 1);
}

describe('without a slot for a repair', () => {
  it('a second answer is kept away all the same, and that the table was full is counted', () => {
    const rig = new Rig();
    fillRepairs(rig);
    rig.connect(C, A);
    expect(rig.in({ flags: SYN, seq: B, ack: C + 1 })).toBe(VERDICT_DROP);
    expect(rig.count(code.STAT_REPAIR_FULL)).toBeGreaterThan(0);
    expect(rig.in({ flags: ACK, seq: A + 1, ack: C + 1, payload: 40 })).toBe(VERDICT_ACCEPT);
  });

  it('a reset that cannot be checked passes at once', () => {
    const rig = new Rig();
    fillRepairs(rig);
    rig.connect(C, A);
    rig.in({ flags: SYN, seq: B, ack: C + 1 });
    expect(rig.in({ flags: RST, seq: A + 1 })).toBe(VERDICT_ACCEPT);
  });

  it('numbers that jump are left as they are', () => {
    const rig = new Rig();
    rig.connect(C, A);
    rig.out({ flags: ACK, seq: C + 1, ack: A + 1, payload: 20 });
    rig.in({ flags: ACK, seq: A + 1, ack: C + 21, payload: 20 });
    rig.out({ flags: ACK, seq: C + 21, ack: A + 21 });
    rig.pass(240_002);
    fillRepairs(rig);
    for (let i = 0; i < 3; i++) {
      expect(rig.in({ flags: ACK, seq: A + 5_000_000, ack: C + 21, payload: 20 })).toBe(
        VERDICT_ACCEPT,
      );
    }
    expect(rig.count(code.RESYNCED)).toBe(0);
  });
});

describe('without room to ask the main thread', () => {
  it('the rule of a flow that has ended is given back once there is', () => {
    const rig = reanchored();
    rig.out({ flags: 0, seq: C + 22, ack: A + 1 });
    rig.in({ flags: 0, seq: B + 1, ack: C + 22, payload: 40 });
    rig.fillOutbox();
    rig.out({ flags: RST, seq: C + 22 });
    rig.pass(20);
    rig.emptyOutbox();
    rig.pass(70_000);
    expect(rig.rules).toEqual(['add', 'del']);
  });
});

describe('a flow that is forgotten while there is no room', () => {
  it('gives its rule back all the same', () => {
    const rig = reanchored();
    rig.out({ flags: 0, seq: C + 22, ack: A + 1 });
    rig.in({ flags: 0, seq: B + 1, ack: C + 22, payload: 40 });
    rig.out({ flags: FIN, seq: C + 22, ack: A + 41 });
    rig.in({ flags: FIN, seq: B + 41, ack: C + 23 });
    rig.out({ flags: 0, seq: C + 23, ack: A + 42 });
    expect(rig.rules).toEqual(['add']);
    rig.pass(60_000);
    rig.fillOutbox();
    rig.pass(10_000);
    rig.emptyOutbox();
    rig.pass(1000);
    expect(rig.rules).toEqual(['add', 'del']);
  });
});

describe('a window that is rescaled', () => {
  /** The phantom counts in ones, the server in units of 2^14. */
  function coarse(): Rig {
    const rig = new Rig();
    const synAck = { flags: SYN, seq: B, ack: C + 1, options: WSCALE(14) };
    rig.out({ flags: SYN, seq: C, options: WSCALE(7) });
    rig.nowMs += 1;
    rig.in({ flags: SYN, seq: A, ack: C + 1, options: WSCALE(0) });
    rig.out({ flags: 0, seq: C + 1, ack: A + 1 });
    rig.in(synAck);
    rig.out({ flags: 0, seq: C + 1, ack: A + 1, payload: 21 });
    rig.in({ flags: RST, seq: A + 1 });
    answering(rig, 1000);
    rig.in(synAck);
    answering(rig, 10);
    return rig;
  }

  it('never says more than a field holds', () => {
    const rig = coarse();
    expect(rig.in({ flags: 0, seq: B + 1, ack: C + 22, wnd: 9, payload: 4 })).toBe(
      VERDICT_REWRITTEN,
    );
    expect(rig.wire()).toMatchObject({ wnd: 65_535 });
    expect(rig.in({ flags: 0, seq: B + 5, ack: C + 22, wnd: 3 })).toBe(VERDICT_REWRITTEN);
    expect(rig.wire()).toMatchObject({ wnd: 49_152 });
  });

  it('says nothing only where there is none', () => {
    const rig = coarse();
    rig.in({ flags: 0, seq: B + 1, ack: C + 22, wnd: 0, payload: 4 });
    expect(rig.wire()).toMatchObject({ wnd: 0 });
  });
});
