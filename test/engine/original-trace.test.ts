/** The original failure, packet by packet, in every order of the three that arrive together. */
import { describe, expect, it } from 'vitest';
import * as code from '../../src/engine/codes.ts';
import { POLICY_OFF } from '../../src/engine/memory.ts';
import { INJECT_NEAR, VERDICT_ACCEPT, VERDICT_DROP } from '../../src/engine/verdict.ts';
import { RST, SYN } from '../../src/engine/wire/segment.ts';
import { Rig } from './rig.ts';

const C = 3882361678 | 0;
const A = 405921081;
const B = 4195986320 | 0;

function connect(rig: Rig): void {
  expect(rig.out({ flags: SYN, seq: C })).toBe(VERDICT_ACCEPT);
  rig.nowMs += 1;
  expect(rig.in({ flags: SYN, seq: A, ack: C + 1 })).toBe(VERDICT_ACCEPT);
  expect(rig.out({ flags: 0, seq: C + 1, ack: A + 1 })).toBe(VERDICT_ACCEPT);
  rig.pass(18);
}

const PACKETS = {
  B: (rig: Rig) => rig.in({ flags: SYN, seq: B, ack: C + 1 }),
  R: (rig: Rig) => rig.in({ flags: RST, seq: A + 1 }),
  D: (rig: Rig) => rig.in({ flags: 0, seq: A + 1, ack: C + 1, payload: 39 }),
} as const;

const ORDERS = ['BRD', 'BDR', 'RBD', 'RDB', 'DBR', 'DRB'] as const;

describe('the original trace', () => {
  for (const order of ORDERS) {
    it(`saves the connection when ${order} arrive back to back`, () => {
      const rig = new Rig();
      connect(rig);
      for (const which of order) {
        const verdict = PACKETS[which as keyof typeof PACKETS](rig);
        // Behind the data and before any sign of a conflict the reset is below RCV.NXT: harmless.
        const passes = which === 'D' || (which === 'R' && order === 'DRB');
        expect(verdict, which).toBe(passes ? VERDICT_ACCEPT : VERDICT_DROP);
      }
      rig.out({ flags: 0, seq: C + 1, ack: A + 40 });
      // The server goes on: it answers whatever probe has left.
      for (let i = 0; i < 60; i++) {
        rig.pass(50);
        rig.in({ flags: 0, seq: A + 40, ack: C + 1 });
      }
      expect(rig.injected.filter((packet) => packet.path === INJECT_NEAR)).toEqual([]);
      expect(rig.count(code.SYNACK_CONFLICT)).toBe(1);
      expect(rig.count(code.SYNACK_DROPPED)).toBe(1);
      expect(rig.count(code.RST_RELEASED)).toBe(0);
      expect(rig.count(code.REANCHORED)).toBe(0);
    });
  }

  it('kills the connection when an engine merely drops later SYN-ACKs', () => {
    const rig = new Rig();
    new Int32Array(rig.memory.policy)[POLICY_OFF + (code.RST_HELD >> 5)] =
      1 << (code.RST_HELD & 31);
    connect(rig);
    expect(PACKETS.B(rig)).toBe(VERDICT_DROP);
    expect(PACKETS.R(rig)).toBe(VERDICT_ACCEPT);
  });
});
