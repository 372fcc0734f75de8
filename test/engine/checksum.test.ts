/** Unfinished checksums: what is filled, and when a flow is to be seen before conntrack. */
import { describe, expect, it } from 'vitest';
import * as code from '../../src/engine/codes.ts';
import {
  CHECKSUM_FILL_ALWAYS,
  CHECKSUM_FILL_AUTO,
  POLICY_CHECKSUM_FILL,
  POLICY_OBSERVE,
} from '../../src/engine/memory.ts';
import {
  HOOK_POSTROUTING,
  INFO_CSUM_NOT_READY,
  INFO_TRUNCATED,
  TO_FAR,
  VERDICT_ACCEPT,
  VERDICT_REWRITTEN,
} from '../../src/engine/verdict.ts';
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

describe('checksum.fill = always', () => {
  const SYN_OUT = { flags: SYN, seq: C };

  function always(): Rig {
    const rig = new Rig();
    new Int32Array(rig.memory.policy)[POLICY_CHECKSUM_FILL] = CHECKSUM_FILL_ALWAYS;
    return rig;
  }

  it('completes what leaves with a wrong one', () => {
    const rig = always();
    expect(rig.out(SYN_OUT)).toBe(VERDICT_REWRITTEN);
    expect(rig.checksumOk()).toBe(true);
    expect(rig.count(code.CHECKSUM_FILLED)).toBe(1);
  });

  it.each([
    ['what the card will complete', INFO_CSUM_NOT_READY],
    ['what is not here as a whole', INFO_TRUNCATED],
  ])('leaves %s', (_, info) => {
    const rig = always();
    rig.info = info;
    expect(rig.out(SYN_OUT)).toBe(VERDICT_ACCEPT);
    expect(rig.checksumOk()).toBe(false);
  });

  it('leaves what is right already', () => {
    const rig = always();
    rig.out(SYN_OUT);
    const again = rig.engine.step(64, 40, TO_FAR, HOOK_POSTROUTING, 0, 0, rig.nowMs);
    expect(again).toBe(VERDICT_ACCEPT);
    expect(rig.count(code.CHECKSUM_FILLED)).toBe(1);
  });

  it('in observe mode only says so', () => {
    const rig = always();
    new Int32Array(rig.memory.policy)[POLICY_OBSERVE] = 1;
    expect(rig.out(SYN_OUT)).toBe(VERDICT_ACCEPT);
    expect(rig.checksumOk()).toBe(false);
    expect(rig.count(code.CHECKSUM_FILLED + code.WOULD)).toBe(1);
  });
});

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
