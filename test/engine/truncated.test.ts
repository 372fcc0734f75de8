/**
 * Packets of which the queue has copied only the head: they are judged, never rewritten, because
 * they could not come back whole.
 */
import { describe, expect, it } from 'vitest';
import * as code from '../../src/engine/codes.ts';
import { FACT_SCALE_STRIPPED } from '../../src/engine/flow/path-table.ts';
import { INFO_TRUNCATED, VERDICT_ACCEPT, VERDICT_DROP } from '../../src/engine/verdict.ts';
import { RST, SYN } from '../../src/engine/wire/segment.ts';
import * as jump from './jump-talk.ts';
import { A, B, C, reanchored } from './phantom-rig.ts';
import { Rig } from './rig.ts';

const MSS = [2, 4, 5, 180];
const SCALE = [1, 3, 3, 7];
const NOPS = [1, 1, 1, 1];

/** A connection whose SYN-ACK has lost its window scale; the server reads and writes with one. */
function unscaled(): Rig {
  const rig = new Rig();
  rig.out({ flags: SYN, seq: C, options: [...MSS, ...SCALE] });
  rig.in({ flags: SYN, seq: B, ack: C + 1, wnd: 65_160, options: [...MSS, ...NOPS] });
  rig.out({ flags: 0, seq: C + 1, ack: B + 1, wnd: 64_240, payload: 41 });
  rig.in({ flags: 0, seq: B + 1, ack: C + 42, wnd: 509, payload: 20 });
  expect(rig.wire().wnd).toBe(509 << 7);
  return rig;
}

describe('of a packet cut short', () => {
  it('the numbers of a re-anchored connection cannot be translated: it goes nowhere', () => {
    const rig = reanchored();
    rig.info = INFO_TRUNCATED;
    expect(rig.out({ flags: 0, seq: C + 22, ack: A + 1, payload: 30 })).toBe(VERDICT_DROP);
    expect(rig.in({ flags: 0, seq: B + 1, ack: C + 22, payload: 40 })).toBe(VERDICT_DROP);
    expect(rig.count(code.OLD_NUMBERS_DROPPED)).toBe(2);
    rig.info = 0;
    expect(rig.in({ flags: 0, seq: B + 1, ack: C + 22, payload: 40 })).not.toBe(VERDICT_DROP);
  });

  it('neither can those of a connection behind a jump', () => {
    const talk = jump.jumped(0x12345678, 0x7abcdef0);
    jump.typing(talk);
    const { rig } = talk;
    rig.info = INFO_TRUNCATED;
    expect(talk.far(201, 137, 50)).toBe(VERDICT_DROP);
    expect(talk.far(201, 137, 0, RST)).toBe(VERDICT_DROP);
  });

  it('the window stays as it is, either way', () => {
    const rig = unscaled();
    rig.info = INFO_TRUNCATED;
    expect(rig.in({ flags: 0, seq: B + 21, ack: C + 42, wnd: 500 })).toBe(VERDICT_ACCEPT);
    expect(rig.wire().wnd).toBe(500);
    expect(rig.out({ flags: 0, seq: C + 42, ack: B + 21, wnd: 60_000 })).toBe(VERDICT_ACCEPT);
    expect(rig.wire().wnd).toBe(60_000);
  });

  it('the options of a SYN stay as they are, whatever the path is known for', () => {
    const rig = unscaled();
    for (let i = 0; i < 3; i++) {
      rig.out({ flags: 0, seq: C + 42 + 1000 * i, ack: B + 21, wnd: 64_240, payload: 1000 });
    }
    rig.in({ flags: 0, seq: B + 21, ack: C + 3042, wnd: 509 });
    expect(rig.pathHolds(FACT_SCALE_STRIPPED)).toBe(true);
    rig.info = INFO_TRUNCATED;
    rig.ports += 1 << 16;
    expect(rig.out({ flags: SYN, seq: C, options: [...MSS, ...SCALE] })).toBe(VERDICT_ACCEPT);
    expect(rig.options()).toEqual([...MSS, ...SCALE]);
  });

  it('nothing else is lost: what needs no repair passes', () => {
    const rig = new Rig();
    rig.info = INFO_TRUNCATED;
    rig.connect(C, B);
    expect(rig.in({ flags: 0, seq: B + 1, ack: C + 1, payload: 1400 })).toBe(VERDICT_ACCEPT);
    expect(rig.count(code.STAT_FLOW_CREATED)).toBe(1);
  });
});
