/**
 * SACK blocks in foreign numbers on a connection whose plain packets stay in the kernel: they are
 * moved, and nothing else is looked at, as long as they mean what was learned. RFC 2018.
 */
import { describe, expect, it } from 'vitest';
import * as code from '../../src/engine/codes.ts';
import { INDEX_SETTLED } from '../../src/engine/flow/layout.ts';
import { POLICY_BYPASS, POLICY_OBSERVE, POLICY_SACK, SACK_OFF } from '../../src/engine/memory.ts';
import { SOCKET_LIVES } from '../../src/engine/outbox.ts';
import {
  INFO_TRUNCATED,
  VERDICT_ACCEPT,
  VERDICT_REWRITTEN,
  WORD_READY,
} from '../../src/engine/verdict.ts';
import { SYN } from '../../src/engine/wire/segment.ts';
import { Rig } from './rig.ts';

const C = 1_000_000;
const S = 2_000_000;
const MSS = 1000;
const DELTA = 0x12345678;
const PERMITTED = [4, 2, 1, 1];
const WND = 60_000;
/** What was sent and acknowledged before the bypass. */
const SENT = 10 * MSS;
/** What has been acknowledged in the kernel meanwhile. */
const LATER = 40 * MSS;

const word = (n: number) => [(n >>> 24) & 255, (n >>> 16) & 255, (n >>> 8) & 255, n & 255];
const foreign = (...edges: number[]) => edges.map((edge) => (edge + DELTA) | 0);

/** `edges` are counted from C. */
function ack(rig: Rig, upTo: number, edges: readonly number[] = []): number {
  const blocks = edges.flatMap((edge) => word(C + edge));
  const options = edges.length === 0 ? [] : [1, 1, 5, 2 + blocks.length, ...blocks];
  return rig.in({ flags: 0, seq: S + 1, ack: C + upTo, wnd: WND, options });
}

function edgesOf(rig: Rig): number[] {
  return rig.sackEdges().map((edge) => (edge - C) | 0);
}

/** An upload whose blocks are off by DELTA, calibrated or found to be right, then settled. */
function settled(delta = DELTA): Rig {
  const rig = new Rig();
  const policy = new Int32Array(rig.memory.policy);
  rig.ruled = true;
  rig.out({ flags: SYN, seq: C, options: PERMITTED });
  rig.nowMs += 20;
  rig.in({ flags: SYN, seq: S, ack: C + 1, options: PERMITTED });
  rig.out({ flags: 0, seq: C + 1, ack: S + 1 });
  for (let i = 0; i < SENT / MSS; i++) {
    rig.out({ flags: 0, seq: C + 1 + i * MSS, ack: S + 1, payload: MSS, fill: 0x40 + i });
  }
  rig.nowMs += 20;
  ack(rig, 1 + MSS);
  const off = (...edges: number[]) => edges.map((edge) => (edge + delta) | 0);
  ack(rig, 1 + MSS, foreign(1 + 2 * MSS, 1 + 3 * MSS));
  rig.pass(4);
  ack(rig, 1 + MSS, off(1, 2, 1 + 2 * MSS, 1 + 3 * MSS));
  ack(rig, 1 + MSS, off(1 + 2 * MSS, 1 + 4 * MSS));
  policy[POLICY_BYPASS] = 1;
  ack(rig, 1 + SENT);
  expect(rig.engine.word).toBe(WORD_READY);
  rig.engine.settle();
  return rig;
}

const isSettled = (rig: Rig) => new Int32Array(rig.memory.index)[INDEX_SETTLED] === 1;
const BLOCK = [LATER + 2 * MSS, LATER + 5 * MSS] as const;

describe('on a settled connection', () => {
  it('blocks are moved by what was learned, whatever was sent unseen', () => {
    const rig = settled();
    expect(ack(rig, LATER, foreign(...BLOCK))).toBe(VERDICT_REWRITTEN);
    expect(edgesOf(rig)).toEqual([...BLOCK]);
    expect(rig.checksumOk()).toBe(true);
    const second = [LATER + 8 * MSS, LATER + 9 * MSS] as const;
    expect(ack(rig, LATER, foreign(LATER - MSS, LATER, ...second, ...BLOCK))).toBe(
      VERDICT_REWRITTEN,
    );
    expect(edgesOf(rig)).toEqual([LATER - MSS, LATER, ...second, ...BLOCK]);
    expect(isSettled(rig)).toBe(true);
  });

  it('blocks that are right already pass', () => {
    const rig = settled();
    expect(ack(rig, LATER, BLOCK)).toBe(VERDICT_ACCEPT);
    expect(edgesOf(rig)).toEqual([...BLOCK]);
    expect(isSettled(rig)).toBe(true);
  });

  it('blocks that fit neither way pass unchanged, and end it', () => {
    const rig = settled();
    const strange = foreign(LATER + 2 * MSS + 0x100000, LATER + 5 * MSS + 0x100000);
    expect(ack(rig, LATER, strange)).toBe(VERDICT_ACCEPT);
    expect(edgesOf(rig)).toEqual(strange);
    expect(isSettled(rig)).toBe(false);
    expect(rig.asked).toBe(1);
  });

  it('and until its socket has told where it stands, they are moved all the same', () => {
    const rig = settled();
    ack(rig, LATER, foreign(LATER + 2 * MSS + 0x100000, LATER + 5 * MSS + 0x100000));
    expect(isSettled(rig)).toBe(false);
    expect(ack(rig, LATER, foreign(...BLOCK))).toBe(VERDICT_REWRITTEN);
    expect(edgesOf(rig)).toEqual([...BLOCK]);
  });

  it('blocks behind conntrack, or of which only the head is here, are not touched', () => {
    const behind = settled();
    behind.ruled = false;
    expect(ack(behind, LATER, foreign(...BLOCK))).toBe(VERDICT_ACCEPT);
    expect(edgesOf(behind)).toEqual(foreign(...BLOCK));
    const short = settled();
    short.info = INFO_TRUNCATED;
    expect(ack(short, LATER, foreign(...BLOCK))).toBe(VERDICT_ACCEPT);
    expect(edgesOf(short)).toEqual(foreign(...BLOCK));
  });

  it('in observe mode they stay as they are, and nothing ends', () => {
    const rig = settled();
    new Int32Array(rig.memory.policy)[POLICY_OBSERVE] = 1;
    expect(ack(rig, LATER, foreign(...BLOCK))).toBe(VERDICT_ACCEPT);
    expect(edgesOf(rig)).toEqual(foreign(...BLOCK));
    expect(rig.count(code.SACK_REPAIRED + code.WOULD)).toBe(1);
    expect(isSettled(rig)).toBe(true);
  });

  it('those of a far end that was found to be right stay as they are', () => {
    const rig = settled(0);
    expect(ack(rig, LATER, foreign(...BLOCK))).toBe(VERDICT_ACCEPT);
    expect(edgesOf(rig)).toEqual(foreign(...BLOCK));
    expect(isSettled(rig)).toBe(true);
  });

  it('with --sack off nobody looks at them', () => {
    const rig = settled();
    new Int32Array(rig.memory.policy)[POLICY_SACK] = SACK_OFF;
    expect(ack(rig, LATER, foreign(...BLOCK))).toBe(VERDICT_ACCEPT);
    expect(edgesOf(rig)).toEqual(foreign(...BLOCK));
    expect(isSettled(rig)).toBe(true);
  });
});

describe('the first loss of a connection that was settled early', () => {
  const SCALE = 7;
  const SCALED = [...PERMITTED, 3, 3, SCALE, 1];
  /** Of the far end, unscaled: a megabyte; the near end offers 64 KiB. */
  const FAR_WND = 8192;
  const NEAR_WND = 512;

  /** Settled behind one small exchange; `later` octets were acknowledged in the kernel since. */
  function asked(later: number): number {
    const rig = new Rig();
    const policy = new Int32Array(rig.memory.policy);
    rig.ruled = true;
    const wnd = NEAR_WND;
    rig.out({ flags: SYN, seq: C, options: SCALED });
    rig.nowMs += 20;
    rig.in({ flags: SYN, seq: S, ack: C + 1, options: SCALED });
    rig.out({ flags: 0, seq: C + 1, ack: S + 1, wnd });
    rig.out({ flags: 0, seq: C + 1, ack: S + 1, wnd, payload: MSS, fill: 0x40 });
    rig.nowMs += 20;
    policy[POLICY_BYPASS] = 1;
    const answer = { flags: 0, seq: S + 1, wnd: FAR_WND };
    rig.in({ ...answer, ack: C + 1 + MSS });
    rig.in({ ...answer, ack: C + 1 + MSS });
    rig.engine.settle();
    expect(isSettled(rig)).toBe(true);
    const blocks = foreign(C + later + 2 * MSS, C + later + 4 * MSS).flatMap(word);
    const options = [1, 1, 5, 2 + blocks.length, ...blocks];
    rig.socket = { state: SOCKET_LIVES, acked: later - 1, sent: later + 9 * MSS, received: 0 };
    rig.in({ ...answer, ack: C + later, options });
    expect(rig.sackEdges()).toEqual([]); // in no numbers that the near end could use
    expect(rig.count(code.SACK_WITHHELD)).toBe(1);
    rig.pass(1); // the socket has told where it stands
    rig.in({ ...answer, ack: C + later, options });
    return rig.count(code.PROBE_SENT);
  }

  it('is asked about with an octet of before, as long as a window reaches back to it', () => {
    expect(asked(300 * MSS)).toBe(1);
    expect(asked(1000 * MSS)).toBe(1);
    expect(asked(1200 * MSS)).toBe(0);
  });
});
