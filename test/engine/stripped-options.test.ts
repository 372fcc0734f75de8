/**
 * Options that SYN-ACKs lose on the way: what proves it, what is made of it, and what proves
 * nothing.
 */
import { describe, expect, it } from 'vitest';
import * as code from '../../src/engine/codes.ts';
import {
  CANARY_EVERY,
  FACT_SACK_STRIPPED,
  FACT_SCALE_STRIPPED,
  FACT_TIMESTAMPS_STRIPPED,
} from '../../src/engine/flow/path-table.ts';
import { POLICY_OBSERVE } from '../../src/engine/memory.ts';
import { VERDICT_ACCEPT, VERDICT_REWRITTEN } from '../../src/engine/verdict.ts';
import { ACK, SYN } from '../../src/engine/wire/segment.ts';
import { Rig, type Sent } from './rig.ts';

const ISS = 1000;
const IRS = 70_000;
const MSS = [2, 4, 5, 180];
const SACK_PERMITTED = [4, 2];
const TIMESTAMPS = [8, 10, 0, 0, 1, 0, 0, 0, 0, 0];
const STAMPED = [1, 1, 8, 10, 0, 0, 2, 0, 0, 0, 1, 0];
const SCALE = [1, 3, 3, 7];
const nops = (count: number): number[] => Array.from({ length: count }, () => 1);
const ALL = [...MSS, ...SACK_PERMITTED, ...TIMESTAMPS, ...SCALE];
const NO_SCALE = [...MSS, ...SACK_PERMITTED, ...TIMESTAMPS, ...nops(4)];
/** ISS + 1000 to ISS + 1500, in a SACK option. */
const BLOCK = [0, 0, 7, 208, 0, 0, 9, 196];
/** The others moved up, the list ended early. */
const SCALE_GONE = [...MSS, ...SACK_PERMITTED, ...TIMESTAMPS, 0, 0, 0, 0];

/** Up to the client's first ACK. */
function open(rig: Rig, synAck: readonly number[], wnd = 65_160): void {
  rig.out({ flags: SYN, seq: ISS, options: ALL });
  rig.in({ flags: SYN, seq: IRS, ack: ISS + 1, wnd, options: synAck });
  rig.out({ flags: 0, seq: ISS + 1, ack: IRS + 1, wnd: 64_240 });
}

/** The server's first segment, acknowledging `used` octets. */
function first(rig: Rig, wnd: number, used = 0, more: Partial<Sent> = {}): number {
  if (used > 0) rig.out({ flags: 0, seq: ISS + 1, ack: IRS + 1, wnd: 64_240, payload: used });
  return rig.in({ flags: 0, seq: IRS + 1, ack: ISS + 1 + used, wnd, payload: 20, ...more });
}

/** Another connection of the same client: its SYN as it leaves. */
function nextSyn(rig: Rig): number[] {
  rig.ports = (40_271 << 16) | 22;
  rig.out({ flags: SYN, seq: ISS, options: ALL });
  return rig.options();
}

describe('a window scale that a SYN-ACK lost', () => {
  it('is made up for in this connection, and not offered by the next', () => {
    const rig = new Rig();
    open(rig, NO_SCALE);
    expect(rig.count(code.WINDOW_SCALE_STRIPPED)).toBe(1);
    expect(first(rig, 509, 41)).toBe(VERDICT_REWRITTEN);
    expect(rig.wire().wnd).toBe(509 << 7);
    expect(rig.checksumOk()).toBe(true);
    expect(rig.rules).toEqual(['add']);
    rig.tick();
    const reply = { flags: 0, seq: ISS + 42, ack: IRS + 21, wnd: 64_220 };
    expect(rig.out(reply)).toBe(VERDICT_REWRITTEN);
    expect(rig.wire().wnd).toBe(64_220 >> 7);
    expect(rig.checksumOk()).toBe(true);
    rig.in({ flags: 0, seq: IRS + 21, ack: ISS + 42, wnd: 1000, payload: 20 });
    expect(rig.wire().wnd).toBe(65_535);
    expect(nextSyn(rig)).toEqual(NO_SCALE);
    expect(rig.checksumOk()).toBe(true);
    expect(rig.count(code.OPTIONS_ALIGNED)).toBe(2);
  });

  it('never reads as more than the far end offered', () => {
    const rig = new Rig();
    open(rig, NO_SCALE);
    first(rig, 1018); // 130,304 octets in units of 128, as Linux would after growing its buffer
    expect(rig.wire().wnd).toBe(1018 << 6);
  });

  it('without NOPs: windows that agree exactly tell it; the far end is told on proof only', () => {
    const rig = new Rig();
    open(rig, SCALE_GONE);
    expect(rig.count(code.WINDOW_SCALE_STRIPPED)).toBe(0);
    expect(first(rig, 509, 41)).toBe(VERDICT_REWRITTEN);
    expect(rig.wire().wnd).toBe(509 << 7);
    rig.tick();
    const more = { flags: 0, seq: ISS + 42, ack: IRS + 21, wnd: 64_220, payload: 1400 };
    expect(rig.out(more)).toBe(VERDICT_ACCEPT);
    expect(rig.pathHolds(FACT_SCALE_STRIPPED)).toBe(false);
    rig.in({ flags: 0, seq: IRS + 21, ack: ISS + 1442, wnd: 498 });
    expect(rig.count(code.WINDOW_SCALE_STRIPPED)).toBe(1);
    expect(rig.pathHolds(FACT_SCALE_STRIPPED)).toBe(true);
    expect(rig.out({ ...more, seq: ISS + 1442 })).toBe(VERDICT_REWRITTEN);
    expect(rig.wire().wnd).toBe(64_220 >> 7);
  });

  it('without NOPs: windows of a few large units tell it as well', () => {
    const rig = new Rig();
    open(rig, SCALE_GONE);
    expect(first(rig, 64, 41)).toBe(VERDICT_REWRITTEN);
    expect(rig.wire().wnd).toBe(65_535);
  });

  it('is not read out of plain windows, whatever they are', () => {
    const plain = [
      65_160, 65_119, 60_000, 32_768, 32_580, 16_384, 16_290, 8192, 4096, 1024, 1460, 2920, 700, 0,
    ];
    for (const wnd of plain) {
      for (const offered of [65_160, 65_535, 29_200, 16_384, 8192]) {
        if (wnd > offered) continue;
        const rig = new Rig();
        open(rig, [...MSS, 1, 1, ...SACK_PERMITTED], offered);
        expect(first(rig, wnd), `${offered}, then ${wnd}`).toBe(VERDICT_ACCEPT);
        expect(rig.count(code.OPTIONS_ALIGNED)).toBe(0);
      }
    }
  });

  it('is no matter where it arrived, or where ours was never offered', () => {
    const healthy = new Rig();
    open(healthy, ALL);
    expect(first(healthy, 509)).toBe(VERDICT_ACCEPT);
    const unoffered = new Rig();
    unoffered.out({ flags: SYN, seq: ISS, options: MSS });
    unoffered.in({ flags: SYN, seq: IRS, ack: ISS + 1, wnd: 65_160, options: NO_SCALE });
    unoffered.out({ flags: 0, seq: ISS + 1, ack: IRS + 1 });
    expect(first(unoffered, 509)).toBe(VERDICT_ACCEPT);
    for (const rig of [healthy, unoffered]) {
      expect(rig.count(code.WINDOW_SCALE_STRIPPED) + rig.count(code.OPTIONS_ALIGNED)).toBe(0);
    }
  });
});

describe('timestamps that a SYN-ACK lost', () => {
  const GONE = [...MSS, ...SACK_PERMITTED, ...nops(10), ...SCALE];

  it.each([
    ['NOPs in their place', GONE, []],
    ['the far end’s later ones', [...MSS, ...SACK_PERMITTED, 1, 1, ...SCALE], STAMPED],
  ])('are told by %s, and not offered by the next', (_, synAck, options) => {
    const rig = new Rig();
    open(rig, synAck);
    expect(first(rig, 509, 0, { options })).toBe(VERDICT_ACCEPT);
    expect(rig.count(code.TIMESTAMPS_STRIPPED)).toBe(1);
    expect(rig.count(code.WINDOW_SCALE_STRIPPED)).toBe(0);
    expect(rig.pathHolds(FACT_TIMESTAMPS_STRIPPED)).toBe(true);
    expect(nextSyn(rig)).toEqual(GONE);
  });

  it('and the window scale with them are two', () => {
    const rig = new Rig();
    open(rig, [...MSS, ...SACK_PERMITTED, ...nops(14)]);
    expect(rig.count(code.TIMESTAMPS_STRIPPED)).toBe(1);
    expect(rig.count(code.WINDOW_SCALE_STRIPPED)).toBe(1);
  });

  it('are not missing where they are there, or were never offered', () => {
    const padded = [...MSS, ...nops(12)];
    for (const [offer, synAck, missing] of [
      [[...MSS, 1, 1, ...TIMESTAMPS], padded, 1],
      [MSS, padded, 0],
      [[...MSS, 1, 1, ...TIMESTAMPS], [...padded, ...TIMESTAMPS, 1, 1], 0],
    ] as const) {
      const rig = new Rig();
      rig.out({ flags: SYN, seq: ISS, options: offer });
      rig.in({ flags: SYN, seq: IRS, ack: ISS + 1, options: synAck });
      expect(rig.count(code.TIMESTAMPS_STRIPPED)).toBe(missing);
      expect(rig.count(code.WINDOW_SCALE_STRIPPED)).toBe(0);
    }
  });

  it('are not told by a far end that agreed and says none, or never agreed', () => {
    for (const synAck of [ALL, MSS, [...MSS, 1, 1, ...SACK_PERMITTED]]) {
      const rig = new Rig();
      open(rig, synAck);
      first(rig, 509);
      expect(rig.count(code.TIMESTAMPS_STRIPPED)).toBe(0);
    }
  });
});

describe('SACK-permitted that a SYN-ACK lost', () => {
  it('is told by a block of the far end', () => {
    const rig = new Rig();
    open(rig, [...MSS, 1, 1, ...TIMESTAMPS, ...SCALE]);
    rig.out({ flags: 0, seq: ISS + 1, ack: IRS + 1, payload: 3000 });
    const options = [1, 1, 5, 10, ...BLOCK];
    first(rig, 509, 0, { options });
    expect(rig.count(code.SACK_PERMITTED_STRIPPED)).toBe(1);
    expect(rig.pathHolds(FACT_SACK_STRIPPED)).toBe(true);
    expect(nextSyn(rig)).toEqual([...MSS, 1, 1, ...TIMESTAMPS, ...SCALE]);
  });
});

describe('a path that strips', () => {
  it('changes no SYN that went whole before, and every repetition of one that did not', () => {
    const rig = new Rig();
    const syn = { flags: SYN, seq: ISS, options: ALL };
    rig.ports = (40_272 << 16) | 22;
    rig.out(syn);
    rig.ports = (40_270 << 16) | 22;
    open(rig, NO_SCALE);
    expect(nextSyn(rig)).toEqual(NO_SCALE);
    rig.nowMs += 1000;
    rig.out(syn);
    expect(rig.options()).toEqual(NO_SCALE);
    expect(rig.checksumOk()).toBe(true);
    rig.ports = (40_273 << 16) | 22;
    rig.out({ ...syn, options: MSS }); // a sender that offers more the second time
    rig.nowMs += 1000;
    expect(rig.out(syn)).toBe(VERDICT_ACCEPT);
    rig.ports = (40_272 << 16) | 22;
    expect(rig.out(syn)).toBe(VERDICT_ACCEPT);
    expect(rig.options()).toEqual(ALL);
  });

  it.each([
    ['timestamps', [...MSS, ...SACK_PERMITTED, ...nops(10), ...SCALE], []],
    ['SACK-permitted', [...MSS, 1, 1, ...TIMESTAMPS, ...SCALE], [1, 1, 5, 10, ...BLOCK]],
    ['timestamps and the window scale', [...MSS, ...SACK_PERMITTED, ...nops(14)], []],
  ])('takes %s out of every repetition, and misses nothing in one without', (_, gone, options) => {
    const rig = new Rig();
    open(rig, gone);
    rig.out({ flags: 0, seq: ISS + 1, ack: IRS + 1, payload: 3000 });
    first(rig, 509, 0, { options });
    expect(nextSyn(rig)).toEqual(gone);
    rig.nowMs += 1000;
    rig.out({ flags: SYN, seq: ISS, options: ALL });
    expect(rig.options()).toEqual(gone);
    rig.nowMs += 2000;
    expect(rig.out({ flags: SYN, seq: ISS, options: MSS })).toBe(VERDICT_ACCEPT);
    expect(rig.options()).toEqual(MSS);
  });

  it('is not acted upon in observe mode', () => {
    const rig = new Rig();
    new Int32Array(rig.memory.policy)[POLICY_OBSERVE] = 1;
    open(rig, NO_SCALE);
    expect(first(rig, 509)).toBe(VERDICT_ACCEPT);
    expect(nextSyn(rig)).toEqual(ALL);
    expect(rig.count(code.OPTIONS_ALIGNED + code.WOULD)).toBe(2);
  });

  it('and no longer does is cleared by a canary', () => {
    const rig = new Rig();
    open(rig, NO_SCALE);
    first(rig, 509);
    for (let i = 1; i <= CANARY_EVERY; i++) {
      rig.ports = ((40_300 + i) << 16) | 22;
      open(rig, ALL);
      first(rig, 509);
    }
    expect(rig.pathHolds(FACT_SCALE_STRIPPED)).toBe(false);
    expect(nextSyn(rig)).toEqual(ALL);
  });

  it('leaves SYN-ACKs alone that a second one contradicts', () => {
    const rig = new Rig();
    rig.out({ flags: SYN, seq: ISS, options: ALL });
    rig.in({ flags: SYN, seq: IRS, ack: ISS + 1, wnd: 65_160, options: SCALE_GONE });
    rig.in({ flags: SYN, seq: 9_000_000, ack: ISS + 1, wnd: 65_160, options: SCALE_GONE });
    rig.out({ flags: ACK, seq: ISS + 1, ack: IRS + 1 });
    first(rig, 509);
    expect(rig.count(code.OPTIONS_ALIGNED)).toBe(0);
  });
});
