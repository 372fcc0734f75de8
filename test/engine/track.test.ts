/** What each segment teaches about its flow: numbers, windows, timestamps, origins, ends. */
import { beforeEach, describe, expect, it } from 'vitest';
import * as code from '../../src/engine/codes.ts';
import * as half from '../../src/engine/flow/layout.ts';
import { VERDICT_ACCEPT } from '../../src/engine/verdict.ts';
import { FIN, SYN } from '../../src/engine/wire/segment.ts';
import { stamp } from './jump-talk.ts';
import { Rig } from './rig.ts';

/** Both wrap on purpose. */
const C = -50;
const S = 0x7fffffff - 20;
const NEAR = 0;
const FAR = half.HALF_WORDS;

let rig: Rig;
let halves: Int32Array;

const word = (side: number, of: number) => halves[side + of];
const numbers = (side: number, from: number) =>
  [half.SND_UNA, half.SND_CONT, half.SND_NXT].map((of) => ((halves[side + of] ?? 0) - from) | 0);
const synOptions = (mss: number, shift: number, tsVal: number, tsEcr: number) => [
  ...[2, 4, mss >> 8, mss & 255, 1, 3, 3, shift, 4, 2],
  ...stamp(tsVal, tsEcr).slice(2),
];

const isOver = () =>
  ((new Int32Array(rig.memory.flows)[half.FLOW_FLAGS] ?? 0) & half.FLOW_OVER) !== 0;

beforeEach(() => {
  rig = new Rig();
  halves = rig.halves();
  rig.out({ flags: SYN, seq: C, wnd: 1000, options: synOptions(1400, 7, 500, 0) });
  rig.nowMs += 40;
  const options = synOptions(1300, 3, 900, 500);
  rig.in({ flags: SYN, seq: S, ack: C + 1, wnd: 2000, ttl: 60, mac: 77, options });
});

function near(seq: number, ack: number, payload = 0, more = {}): number {
  return rig.out({ flags: 0, seq: (C + seq) | 0, ack: (S + ack) | 0, payload, ...more });
}

function far(seq: number, ack: number, payload = 0, more = {}): number {
  const sent = { flags: 0, seq: (S + seq) | 0, ack: (C + ack) | 0, payload, ttl: 60, mac: 77 };
  return rig.in({ ...sent, ...more });
}

describe('a handshake teaches', () => {
  it('the numbering of both halves, and what they offered', () => {
    expect(word(NEAR, half.ISS)).toBe(C);
    expect(numbers(NEAR, C)).toEqual([0, 1, 1]);
    // Which SYN-ACK counts the near end's ACK decides.
    expect([word(FAR, half.ISS), word(FAR, half.SND_NXT)]).toEqual([0, 0]);
    near(1, 1);
    expect(word(FAR, half.ISS)).toBe(S);
    expect(numbers(FAR, S)).toEqual([1, 1, 1]);
    const offers = [half.MSS, half.WND_SCALE, half.TS_VAL, half.TS_ECR];
    expect(offers.map((of) => word(NEAR, of))).toEqual([1400, 7, 500, 0]);
    expect([word(FAR, half.WND_SCALE), word(FAR, half.LAST_WND)]).toEqual([3, 2000]);
    const flags = half.HALF_SYN_SEEN | half.HALF_SACK_OFFERED | half.HALF_TS_OFFERED;
    expect((word(NEAR, half.HALF_FLAGS) ?? 0) & flags).toBe(flags);
    expect((word(FAR, half.HALF_FLAGS) ?? 0) & flags).toBe(flags);
  });

  it('the round trip', () => {
    expect(new Int32Array(rig.memory.flows)[half.RTT_MS]).toBe(40);
  });

  it('the states of both ends', () => {
    expect([word(NEAR, half.STATE), word(FAR, half.STATE)]).toEqual([
      half.ST_SYN_SENT,
      half.ST_SYN_RECEIVED,
    ]);
    near(1, 1);
    expect([word(NEAR, half.STATE), word(FAR, half.STATE)]).toEqual([
      half.ST_ESTABLISHED,
      half.ST_ESTABLISHED,
    ]);
  });
});

describe('segments teach', () => {
  beforeEach(() => {
    near(1, 1, 0, { wnd: 10 });
  });

  it('scaled windows', () => {
    expect(word(FAR, half.SND_WND)).toBe(10 << 7);
    far(1, 1, 0, { wnd: 20 });
    expect(word(NEAR, half.SND_WND)).toBe(20 << 3);
    expect([word(FAR, half.LAST_SEQ), word(FAR, half.LAST_WND)]).toEqual([(S + 1) | 0, 20]);
  });

  it('what was sent, what arrived without a gap, and what was acknowledged', () => {
    far(1, 1, 100);
    expect(numbers(FAR, S)).toEqual([1, 101, 101]);
    far(201, 1, 100);
    expect(numbers(FAR, S)).toEqual([1, 101, 301]);
    far(101, 1, 50);
    expect(numbers(FAR, S)).toEqual([1, 151, 301]);
    near(1, 151);
    expect(numbers(FAR, S)).toEqual([151, 151, 301]);
    near(1, 101); // an older one
    expect(numbers(FAR, S)).toEqual([151, 151, 301]);
  });

  it('by an ACK what was sent unseen', () => {
    near(1, 1001);
    expect(numbers(FAR, S)).toEqual([1001, 1001, 1001]);
    far(1001, 501); // what the near end cannot have sent: it is judged, not believed
    expect(numbers(NEAR, C)).toEqual([1, 1, 1]);
  });

  it('nothing by a number half of all numbers away', () => {
    near(1, 1 + 0x40000001);
    expect(numbers(FAR, S)).toEqual([1, 1, 1]);
    near(1, 1 + 0x40000000);
    expect(numbers(FAR, S)).toEqual([1 + 0x40000000, 1 + 0x40000000, 1 + 0x40000000]);
  });

  it('retransmissions: octets none of which is new', () => {
    far(1, 1, 100);
    expect(rig.count(code.STAT_RETRANSMISSION)).toBe(0);
    far(1, 1, 100);
    far(51, 1, 50);
    expect(rig.count(code.STAT_RETRANSMISSION)).toBe(2);
    far(51, 1, 51);
    far(102, 1); // empty
    expect(rig.count(code.STAT_RETRANSMISSION)).toBe(2);
    expect(word(FAR, half.SEGMENT_COUNT)).toBe(5);
  });

  it('the newest timestamps, and no older ones', () => {
    far(1, 1, 0, { options: stamp(910, 505) });
    expect([word(FAR, half.TS_VAL), word(FAR, half.TS_ECR)]).toEqual([910, 505]);
    far(1, 1, 0, { options: stamp(909, 506) });
    expect([word(FAR, half.TS_VAL), word(FAR, half.TS_ECR)]).toEqual([910, 505]);
    far(1, 1, 0, { options: stamp(910, 507) });
    expect([word(FAR, half.TS_VAL), word(FAR, half.TS_ECR)]).toEqual([910, 507]);
  });

  it('the origins of the far end: the last hardware address, and four TTLs', () => {
    far(1, 1, 0);
    expect([word(FAR, half.TTL_SET), word(FAR, half.MAC_HASH)]).toEqual([60, 77]);
    far(1, 1, 0, { ttl: 59, mac: 0 }); // a bridge, or loopback: it has none
    expect(word(FAR, half.MAC_HASH)).toBe(77);
    far(1, 1, 0, { ttl: 60, mac: 78 });
    far(1, 1, 0, { ttl: 58 });
    expect(word(FAR, half.MAC_HASH)).toBe(77);
    expect(word(FAR, half.TTL_SET)).toBe((60 << 16) | (59 << 8) | 58);
    for (const ttl of [57, 60, 59, 58, 57]) far(1, 1, 0, { ttl });
    expect((word(FAR, half.TTL_SET) ?? 0) >>> 0).toBe(
      ((60 << 24) | (59 << 16) | (58 << 8) | 57) >>> 0,
    );
    far(1, 1, 0, { ttl: 56 });
    expect((word(FAR, half.TTL_SET) ?? 0) >>> 0).toBe(
      ((59 << 24) | (58 << 16) | (57 << 8) | 56) >>> 0,
    );
  });

  it('nothing by a SYN or SYN-ACK that comes again', () => {
    near(1, 1, 100);
    far(1, 101, 50);
    rig.out({ flags: SYN, seq: C, options: synOptions(1400, 7, 500, 0) });
    rig.in({ flags: SYN, seq: S, ack: C + 1, ttl: 60, options: synOptions(1300, 3, 900, 500) });
    expect(numbers(NEAR, C)).toEqual([101, 101, 101]);
    expect(numbers(FAR, S)).toEqual([1, 51, 51]);
    expect(word(NEAR, half.STATE)).toBe(half.ST_ESTABLISHED);
  });

  it('that it is over, once both ends have said so', () => {
    near(1, 1, 0, { flags: FIN });
    expect(isOver()).toBe(false);
    far(1, 2, 0, { flags: FIN });
    near(2, 2);
    expect(isOver()).toBe(true);
  });

  it('the same, where the far end begins', () => {
    far(1, 1, 0, { flags: FIN });
    expect(isOver()).toBe(false);
    near(1, 2, 0, { flags: FIN });
    expect(isOver()).toBe(true);
  });

  it('the end of each half once, and its acknowledgement', () => {
    far(1, 1, 10, { flags: FIN });
    expect(numbers(FAR, S)).toEqual([1, 12, 12]);
    expect([word(NEAR, half.STATE), word(FAR, half.STATE)]).toEqual([
      half.ST_CLOSE_WAIT,
      half.ST_FIN_WAIT_1,
    ]);
    near(1, 11);
    expect(word(FAR, half.STATE)).toBe(half.ST_FIN_WAIT_1);
    near(1, 12);
    expect(word(FAR, half.STATE)).toBe(half.ST_FIN_WAIT_2);
    far(1, 1, 10, { flags: FIN });
    expect(word(FAR, half.STATE)).toBe(half.ST_FIN_WAIT_2);
    expect(near(1, 12, 0, { flags: FIN })).toBe(VERDICT_ACCEPT);
    expect(word(NEAR, half.STATE)).toBe(half.ST_LAST_ACK);
    far(12, 2);
    expect(word(NEAR, half.STATE)).toBe(half.ST_CLOSED);
  });
});

describe('a connection that the far end begins', () => {
  it('is established by the ACK of our SYN-ACK, and by no other', () => {
    rig = new Rig();
    halves = rig.halves();
    const states = () => [halves[half.STATE], halves[half.HALF_WORDS + half.STATE]].sort();
    rig.in({ flags: SYN, seq: S });
    rig.out({ flags: SYN, seq: C, ack: (S + 1) | 0 });
    const before = states();
    far(1, 2);
    far(1, 0);
    expect(states()).toEqual(before);
    far(1, 1);
    expect(states()).toEqual([half.ST_ESTABLISHED, half.ST_ESTABLISHED]);
  });
});
