/** SACK blocks that a firewall has not translated: who may move them, by how much, and when not. */
import { describe, expect, it } from 'vitest';
import * as code from '../../src/engine/codes.ts';
import { FACT_SACK_BLIND } from '../../src/engine/flow/path-table.ts';
import { POLICY_OBSERVE, POLICY_SACK, SACK_OFF, SACK_STRIP } from '../../src/engine/memory.ts';
import { INJECT_FAR, VERDICT_REWRITTEN } from '../../src/engine/verdict.ts';
import { SYN } from '../../src/engine/wire/segment.ts';
import { Rig } from './rig.ts';

const C = -500; // wraps within the first blocks, on purpose
const S = 2_000_000;
const MSS = 1000;
const PERMITTED = [4, 2, 1, 1];

const word = (n: number) => [(n >>> 24) & 255, (n >>> 16) & 255, (n >>> 8) & 255, n & 255];

/** NOPs, then the option; `before` stands in front of it. */
function sackOption(edges: readonly number[], before: readonly number[] = []): readonly number[] {
  return [...before, 1, 1, 5, 2 + 4 * edges.length, ...edges.flatMap((edge) => word(C + edge))];
}

/** An upload of ten segments of 1000 octets, of which the first is acknowledged. */
function upload(policy?: (words: Int32Array) => void): Rig {
  const rig = new Rig();
  policy?.(new Int32Array(rig.memory.policy));
  rig.ruled = true;
  rig.out({ flags: SYN, seq: C, options: PERMITTED });
  rig.nowMs += 20;
  rig.in({ flags: SYN, seq: S, ack: C + 1, options: PERMITTED });
  rig.out({ flags: 0, seq: C + 1, ack: S + 1 });
  for (let i = 0; i < 10; i++) {
    rig.out({ flags: 0, seq: C + 1 + i * MSS, ack: S + 1, payload: MSS, fill: 0x40 + i });
  }
  rig.nowMs += 20;
  ack(rig, 1 + MSS, []);
  return rig;
}

function ack(rig: Rig, upTo: number, edges: readonly number[], before: readonly number[] = []) {
  const options = edges.length === 0 ? before : sackOption(edges, before);
  return rig.in({ flags: 0, seq: S + 1, ack: C + upTo, options });
}

/** The edges that reach the near end, counted from C. */
function edges(rig: Rig): number[] {
  return rig.sackEdges().map((edge) => (edge - C) | 0);
}

function shifted(by: number, ...numbers: number[]): number[] {
  return numbers.map((n) => (n + by) | 0);
}

const HOLE = 1 + MSS;
const BLOCK = [1 + 2 * MSS, 1 + 3 * MSS] as const;
const SECOND = [1 + 5 * MSS, 1 + 6 * MSS] as const;
const STAMPS = [1, 1, 8, 10, 0, 0, 0, 9, 0, 0, 0, 0];

it.each([
  ['data', []],
  ['timestamps and data', [...STAMPS.slice(2), 1, 1]],
])('blocks that are taken out leave %s behind them as they were', (_name, behind) => {
  const rig = upload();
  const options = [...sackOption(shifted(0x12345678, ...BLOCK)), ...behind];
  const sent = { flags: 0, seq: S + 1, ack: C + HOLE, options, payload: 8, fill: 0x77 };
  expect(rig.in(sent)).toBe(VERDICT_REWRITTEN);
  expect(rig.options()).toEqual([...Array(12).fill(1), ...behind]);
  expect(rig.payload()).toEqual(Array(8).fill(0x77));
  expect(rig.checksumOk()).toBe(true);
});

describe.each([0x12345678, -0x12345678, 0x7ffffff0, -0x7fffff00, 0x30000000])(
  'blocks that are off by %i',
  (delta) => {
    it('are asked about once, and then moved', () => {
      const rig = upload();
      ack(rig, HOLE, shifted(delta, ...BLOCK));
      expect(edges(rig)).toEqual([]); // the near end could not use them
      expect(rig.count(code.SACK_OUT_OF_WINDOW)).toBe(1);
      rig.pass(4);
      const [probe, ...more] = rig.injected;
      expect(more).toEqual([]);
      expect(probe).toMatchObject({ path: INJECT_FAR, seq: C + 1, payload: 1, octet: 0x40 });

      ack(rig, HOLE, shifted(delta, 1, 2, ...BLOCK));
      expect(edges(rig)).toEqual([]); // one has told, a second must agree
      expect(rig.count(code.SACK_WITHHELD)).toBe(2);
      ack(rig, HOLE, shifted(delta, BLOCK[0], BLOCK[1] + MSS));
      expect(edges(rig)).toEqual([BLOCK[0], BLOCK[1] + MSS]);
      expect(rig.count(code.SACK_CALIBRATED)).toBe(1);
      // Beside timestamps, a D-SACK of its own first, two holes: all are moved.
      ack(rig, HOLE, shifted(delta, 1, 1 + MSS, ...SECOND, ...BLOCK), STAMPS);
      expect(edges(rig)).toEqual([1, 1 + MSS, ...SECOND, ...BLOCK]);
      expect(rig.checksumOk()).toBe(true);
      expect(rig.injected.length).toBe(1);
    });

    it('are taken out while an answer is awaited, and pass as they are when none comes', () => {
      const rig = upload();
      for (let i = 0; i < 8; i++) {
        ack(rig, HOLE, shifted(delta, ...BLOCK));
        expect(edges(rig)).toEqual([]);
        expect(rig.options()).toEqual([...Array(12).fill(1)]);
        expect(rig.checksumOk()).toBe(true);
        rig.pass(100);
      }
      expect(rig.injected.map(({ seq }) => seq)).toEqual([C + 1, C + 1, C + 1]);
      rig.pass(2000);
      ack(rig, HOLE, shifted(delta, ...BLOCK));
      expect(edges(rig)).toEqual(shifted(delta, ...BLOCK));
      expect(rig.count(code.SACK_WITHHELD)).toBe(8);
      expect(rig.count(code.SACK_REPAIRED)).toBe(0);
    });

    it('pass as they are where a window could hold them, or nothing can be asked', () => {
      const rig = upload();
      const near = shifted(20 * MSS, ...BLOCK); // not sent yet, but the far end would take it
      ack(rig, HOLE, near);
      expect(edges(rig)).toEqual(near);
      const silent = upload();
      silent.out({ flags: 0, seq: C + 1 + 10 * MSS, ack: S + 1, payload: 1 });
      ack(silent, HOLE, shifted(delta, ...BLOCK));
      expect(edges(silent)).toEqual(shifted(delta, ...BLOCK));
      expect(rig.count(code.SACK_WITHHELD) + silent.count(code.SACK_WITHHELD)).toBe(0);
    });

    it('are left alone once they come in true numbers', () => {
      const rig = upload();
      ack(rig, HOLE, shifted(delta, ...BLOCK));
      rig.pass(4);
      ack(rig, HOLE, shifted(delta, 1, 2, ...BLOCK));
      ack(rig, HOLE, shifted(delta, ...BLOCK));
      expect(edges(rig)).toEqual([...BLOCK]);
      ack(rig, HOLE, [...BLOCK]);
      expect(edges(rig)).toEqual([...BLOCK]);
      expect(rig.count(code.STAT_SACK_CONTRADICTED)).toBe(1);
      ack(rig, HOLE, shifted(delta, ...BLOCK));
      expect(edges(rig)).toEqual(shifted(delta, ...BLOCK));
    });

    it('are not asked about where the near end itself sends single octets', () => {
      const rig = upload();
      rig.out({ flags: 0, seq: C + 1 + 10 * MSS, ack: S + 1, payload: 1 });
      ack(rig, HOLE, shifted(delta, ...BLOCK));
      rig.pass(4);
      expect(rig.injected).toEqual([]);
    });

    it('are not asked about where one of them is a single octet that was sent unseen', () => {
      const rig = upload();
      ack(rig, HOLE, shifted(delta, 1 + 2 * MSS, 2 + 2 * MSS));
      rig.pass(4);
      ack(rig, HOLE, shifted(delta, 1 + 4 * MSS, 2 + 4 * MSS, ...BLOCK));
      expect(edges(rig)).toEqual(shifted(delta, 1 + 4 * MSS, 2 + 4 * MSS, ...BLOCK));
      expect(rig.injected).toEqual([]);
    });

    it('are not believed for D-SACKs, of which one may tell of what was sent unseen', () => {
      const rig = upload();
      ack(rig, HOLE, shifted(delta, 1, 1 + MSS));
      rig.pass(4);
      expect(rig.injected.length).toBe(1);
      // The answer to an octet that the near end sent itself, unseen, and not to the probe.
      for (const octet of [700, 650, 600]) {
        ack(rig, HOLE, shifted(delta, octet, octet + 1));
        expect(edges(rig)).toEqual([]);
      }
      expect(rig.count(code.SACK_CALIBRATED)).toBe(0);
    });

    it('are inferred from recoveries that complete, six alike', () => {
      const rig = singles();
      let at = 2;
      for (let i = 0; i < 6; i++) at = recovery(rig, delta, at, 2 + (i % 2));
      ack(rig, at, shifted(delta, at + MSS, at + 3 * MSS));
      expect(edges(rig)).toEqual([at + MSS, at + 3 * MSS]);
    });

    it('are not inferred where each ends as far from its ACK: doubled segments look alike', () => {
      const rig = singles();
      let at = 2;
      for (let i = 0; i < 6; i++) {
        send(rig, at, 2);
        at += MSS;
        ack(rig, at, shifted(delta, at - MSS, at)); // D-SACK (RFC 2883 §4)
        ack(rig, at + 1, []);
      }
      send(rig, at, 3);
      ack(rig, at + 2 * MSS, shifted(delta, at, at + MSS));
      expect(edges(rig)).toEqual(shifted(delta, at, at + MSS));
    });
  },
);

/** A connection whose near end sends single octets now and then: nothing can be asked. */
function singles(): Rig {
  const rig = new Rig();
  rig.ruled = true;
  rig.out({ flags: SYN, seq: C, options: PERMITTED });
  rig.in({ flags: SYN, seq: S, ack: C + 1, options: PERMITTED });
  rig.out({ flags: 0, seq: C + 1, ack: S + 1 });
  rig.out({ flags: 0, seq: C + 1, ack: S + 1, payload: 1 });
  ack(rig, 2, []);
  return rig;
}

function send(rig: Rig, at: number, segmentCount: number): void {
  for (let k = 0; k < segmentCount; k++) {
    rig.out({ flags: 0, seq: C + at + k * MSS, ack: S + 1, payload: MSS });
  }
}

/** The first segment is lost, and comes again; returns where it ends, with more on the way. */
function recovery(rig: Rig, delta: number, at: number, segmentCount: number): number {
  send(rig, at, segmentCount);
  const end = at + segmentCount * MSS;
  ack(rig, at, shifted(delta, at + MSS, end));
  expect(edges(rig)).toEqual(shifted(delta, at + MSS, end));
  ack(rig, end, []);
  send(rig, end, 3);
  return end;
}

describe('SACK blocks', () => {
  it('in true numbers are never asked about: old ones, D-SACK below and inside', () => {
    const rig = upload();
    for (const blocks of [
      [...BLOCK],
      [1, 1 + MSS],
      [1, 1 + MSS, ...BLOCK],
      [BLOCK[0], BLOCK[0] + 100, ...BLOCK],
      [...SECOND, ...BLOCK],
    ]) {
      ack(rig, HOLE, blocks);
      expect(edges(rig)).toEqual(blocks);
    }
    rig.pass(50);
    expect(rig.injected).toEqual([]);
    expect(rig.count(code.SACK_OUT_OF_WINDOW)).toBe(0);
  });

  it('are looked at and nothing more: observing, and with --sack off', () => {
    const observing = upload((words) => {
      words[POLICY_OBSERVE] = 1;
    });
    const off = upload((words) => {
      words[POLICY_SACK] = SACK_OFF;
    });
    for (const rig of [observing, off]) {
      ack(rig, HOLE, shifted(0x12345678, ...BLOCK));
      rig.pass(4);
      expect(rig.injected).toEqual([]);
      expect(edges(rig)).toEqual(shifted(0x12345678, ...BLOCK));
    }
    expect(observing.count(code.SACK_OUT_OF_WINDOW)).toBe(1);
    expect(off.count(code.SACK_OUT_OF_WINDOW)).toBe(0);
  });
});

describe('SACK-permitted', () => {
  const open = (rig: Rig, port: number): number => {
    rig.ports = (port << 16) | 22;
    return rig.out({ flags: SYN, seq: C, options: [2, 4, 5, 180, ...PERMITTED] });
  };

  it('goes out of every SYN with --sack strip, NOPs in its place', () => {
    const rig = new Rig();
    new Int32Array(rig.memory.policy)[POLICY_SACK] = SACK_STRIP;
    open(rig, 40_000);
    expect(rig.options()).toEqual([2, 4, 5, 180, 1, 1, 1, 1]);
    expect(rig.checksumOk()).toBe(true);
    expect(rig.count(code.SACK_STRIPPED)).toBe(1);
  });

  it('stays on paths of which nothing is known, and goes where blocks were off', () => {
    const rig = upload();
    expect(rig.count(code.SACK_STRIPPED)).toBe(0);
    ack(rig, HOLE, shifted(0x12345678, ...BLOCK));
    rig.pass(4);
    ack(rig, HOLE, shifted(0x12345678, 1, 2, ...BLOCK));
    ack(rig, HOLE, shifted(0x12345678, ...BLOCK));
    expect(rig.pathHolds(FACT_SACK_BLIND)).toBe(true);
    open(rig, 40_001);
    expect(rig.options()).toEqual([2, 4, 5, 180, 1, 1, 1, 1]);
  });
});
