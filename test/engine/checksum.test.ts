/** Unfinished checksums: what is filled, and when a flow is to be seen before conntrack. */
import { describe, expect, it } from 'vitest';
import * as code from '../../src/engine/codes.ts';
import {
  CHECKSUM_FILL_AUTO,
  POLICY_CHECKSUM_FILL,
  POLICY_OBSERVE,
} from '../../src/engine/memory.ts';
import { VERDICT_ACCEPT, VERDICT_REWRITTEN } from '../../src/engine/verdict.ts';
import { FIN, SYN } from '../../src/engine/wire/segment.ts';
import { Rig } from './rig.ts';

const C = 77;
const A = 5000;

function fillingRig(): Rig {
  const rig = new Rig();
  new Int32Array(rig.memory.policy)[POLICY_CHECKSUM_FILL] = CHECKSUM_FILL_AUTO;
  return rig;
}

function connect(rig: Rig, partial: boolean): number {
  rig.out({ flags: SYN, seq: C });
  rig.nowMs += 1;
  const verdict = rig.in({ flags: SYN, seq: A, ack: C + 1, partial });
  rig.out({ flags: 0, seq: C + 1, ack: A + 1 });
  return verdict;
}

const data = (rig: Rig, partial: boolean) =>
  rig.in({ flags: 0, seq: A + 1, ack: C + 1, payload: 50, partial });

describe('an unfinished checksum', () => {
  it('of a SYN-ACK is filled, and its flow put under repair at once', () => {
    const rig = fillingRig();
    expect(connect(rig, true)).toBe(VERDICT_REWRITTEN);
    expect(rig.rules).toEqual(['add']);
    expect(data(rig, true)).toBe(VERDICT_REWRITTEN);
    expect(rig.count(code.CHECKSUM_FILLED)).toBe(2);
    expect(rig.rules).toEqual(['add']);
  });

  it('of data puts its flow under repair, and later flows of that address from their SYN on', () => {
    const rig = fillingRig();
    expect(connect(rig, false)).toBe(VERDICT_ACCEPT);
    expect(rig.rules).toEqual([]);
    expect(data(rig, true)).toBe(VERDICT_REWRITTEN);
    expect(rig.rules).toEqual(['add']);
    expect(rig.events.map((entry) => entry.code)).toEqual([
      code.CHECKSUM_PARTIAL,
      code.CHECKSUM_FILLED,
    ]);
    rig.ports += 1 << 16;
    rig.out({ flags: SYN, seq: C });
    rig.tick();
    expect(rig.rules).toEqual(['add', 'add']);
  });

  it('is forgotten after a minute, and the rule goes with its flow', () => {
    const rig = fillingRig();
    connect(rig, true);
    rig.in({ flags: FIN, seq: A + 1, ack: C + 1, partial: true });
    rig.out({ flags: FIN, seq: C + 1, ack: A + 2 });
    rig.tick();
    expect(rig.rules).toEqual(['add', 'del']);
    rig.nowMs += 61_000;
    rig.ports += 1 << 16;
    rig.out({ flags: SYN, seq: C });
    expect(rig.rules).toEqual(['add', 'del']);
  });

  it('asks for no more than 256 rules a minute and address', () => {
    const rig = fillingRig();
    for (let i = 0; i < 300; i++) {
      rig.ports += 1 << 16;
      connect(rig, true);
    }
    expect(rig.rules.length).toBe(256);
    expect(rig.count(code.CHECKSUM_FILLED)).toBe(300);
  });

  it('changes nothing and asks for nothing in observe mode', () => {
    const rig = fillingRig();
    new Int32Array(rig.memory.policy)[POLICY_OBSERVE] = 1;
    expect(connect(rig, true)).toBe(VERDICT_ACCEPT);
    expect(data(rig, true)).toBe(VERDICT_ACCEPT);
    expect(rig.rules).toEqual([]);
    expect(rig.count(code.CHECKSUM_FILLED + code.WOULD)).toBe(2);
  });
});
