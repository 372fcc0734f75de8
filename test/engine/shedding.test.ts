/**
 * What may pass unseen when there is no time for it: plain data of flows that need nothing, never
 * what repairs or ends something. DESIGN §3. Times: ms.
 */
import { beforeEach, describe, expect, it } from 'vitest';
import { POLICY_BYPASS } from '../../src/engine/memory.ts';
import { WORD_READY, WORD_SETTLED, WORD_UNSETTLED } from '../../src/engine/verdict.ts';
import { ACK, FIN, RST, SYN } from '../../src/engine/wire/segment.ts';
import { A, B, C, phantom, reanchored } from './phantom-rig.ts';
import { Rig } from './rig.ts';

const ISS = 1000;
const IRS = 70_000;
const SACK = [1, 1, 5, 10, 0, 0, 4, 76, 0, 0, 4, 96];

let rig: Rig;
beforeEach(() => {
  rig = new Rig();
  new Int32Array(rig.memory.policy)[POLICY_BYPASS] = 1;
});

const upward = { flags: ACK, seq: ISS + 1, ack: IRS + 1, payload: 100 };
const downward = { flags: ACK, seq: IRS + 1, ack: ISS + 1, payload: 100 };

describe('plain data', () => {
  it('of a healthy flow may pass unseen, either way', () => {
    rig.connect(ISS, IRS);
    expect(rig.isPlain(upward)).toBe(true);
    expect(rig.isPlain(downward, false)).toBe(true);
  });

  it('of a flow that nobody knows may, too', () => {
    expect(rig.isPlain(upward)).toBe(true);
  });

  it.each([
    ['SYN', { flags: SYN, seq: ISS }],
    ['FIN', { ...upward, flags: FIN }],
    ['RST', { ...upward, flags: RST }],
    ['SACK', { ...upward, payload: 0, options: SACK }],
  ])('is nothing with %s', (_, sent) => {
    rig.connect(ISS, IRS);
    expect(rig.isPlain(sent)).toBe(false);
  });

  it('is nothing of a flow that is asked about', () => {
    phantom(rig);
    expect(rig.isPlain({ flags: ACK, seq: C + 22, ack: A + 1, payload: 10 })).toBe(false);
  });

  it('is nothing of a flow that is translated', () => {
    rig = reanchored();
    expect(rig.isPlain({ flags: ACK, seq: B + 1, ack: C + 22, payload: 10 }, false)).toBe(false);
  });

  it('tells the kernel again that its connection is settled', () => {
    rig.connect(ISS, IRS);
    rig.out(upward);
    rig.in({ flags: ACK, seq: IRS + 1, ack: ISS + 101 });
    expect(rig.engine.word).toBe(WORD_READY);
    expect(rig.isPlain(upward)).toBe(true);
    expect(rig.engine.word).toBe(WORD_UNSETTLED);
    rig.in({ flags: ACK, seq: IRS + 1, ack: ISS + 101 });
    rig.engine.settle();
    expect(rig.isPlain(upward)).toBe(true);
    expect(rig.engine.word).toBe(WORD_SETTLED);
  });

  it('is what is not understood: it passes in any case', () => {
    rig.connect(ISS, IRS);
    rig.arena.fill(0);
    expect(rig.engine.isPlainData(64, 40, 0)).toBe(true);
  });
});
