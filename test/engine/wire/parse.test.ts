/** parseSegment(): each header, each option, each refusal. */
import { describe, expect, it } from 'vitest';
import {
  STAT_PASSED_BAD_LENGTH,
  STAT_PASSED_BAD_OPTION,
  STAT_PASSED_FRAGMENT,
  STAT_PASSED_NOT_TCP,
  STAT_PASSED_TRUNCATED,
} from '../../../src/engine/codes.ts';
import { parseSegment, WIRE_OK } from '../../../src/engine/wire/parse.ts';
import {
  ACK,
  FIN,
  FOREIGN_AO,
  FOREIGN_FAST_OPEN,
  FOREIGN_MD5,
  FOREIGN_MPTCP,
  Segment,
  SYN,
} from '../../../src/engine/wire/segment.ts';
import { type SegmentSpec, seg } from '../../helpers/segment-builder.ts';

function parse(spec: SegmentSpec, change?: (packet: Uint8Array) => void, len?: number) {
  const packet = seg(spec);
  change?.(packet);
  const view = new Segment();
  return { result: parseSegment(packet, 0, len ?? packet.length, view), view, packet };
}

describe('parseSegment(), IPv4', () => {
  it('reads every header field', () => {
    const { result, view } = parse({
      srcPort: 50_001,
      dstPort: 22,
      seq: 0xfedcba98,
      ack: 0x89abcdef,
      flags: ACK | FIN,
      wnd: 501,
      ttl: 57,
      ipId: 4711,
      payload: 'hello',
    });
    expect(result).toBe(WIRE_OK);
    expect(view).toMatchObject({
      family: 4,
      ipOff: 0,
      ipBytes: 45,
      tcpOff: 20,
      tcpHeaderBytes: 20,
      payloadOff: 40,
      payloadBytes: 5,
      srcPort: 50_001,
      dstPort: 22,
      segSeq: 0xfedcba98 | 0,
      segAck: 0x89abcdef | 0,
      segLen: 6,
      segWnd: 501,
      flags: ACK | FIN,
      ttl: 57,
      ipId: 4711,
      dontFragment: 1,
      flowLabel: 0,
    });
  });

  it('skips IP options and ignores link padding', () => {
    const { result, view } = parse({ ipOptions: [7, 7, 4, 0, 0, 0, 0, 0], payload: 'ab' });
    expect(result).toBe(WIRE_OK);
    expect(view.tcpOff).toBe(28);
    const packet = seg({ flags: SYN });
    const padded = new Uint8Array(60);
    padded.set(packet);
    const short = new Segment();
    expect(parseSegment(padded, 0, 60, short)).toBe(WIRE_OK);
    expect(short.payloadBytes).toBe(0);
    expect(short.segLen).toBe(1);
  });

  it('takes the length of the buffer when the total length is 0 (TSO)', () => {
    const { result, view } = parse({ payload: 'tso' }, (p) => p.fill(0, 2, 4));
    expect(result).toBe(WIRE_OK);
    expect(view.payloadBytes).toBe(3);
    expect(view.ipBytes).toBe(43);
  });

  it.each([
    ['UDP', { protocol: 17 }, STAT_PASSED_NOT_TCP],
    ['a first fragment', { fragment: 0x2000 }, STAT_PASSED_FRAGMENT],
    ['a later fragment', { fragment: 0x0010 }, STAT_PASSED_FRAGMENT],
  ])('refuses %s', (_name, spec, code) => {
    expect(parse(spec).result).toBe(code);
  });

  it('refuses lengths that contradict each other', () => {
    const of = (change: (p: Uint8Array) => void) => parse({}, change).result;
    expect(of((p) => p.set([0x44]))).toBe(STAT_PASSED_BAD_LENGTH); // IHL 16
    expect(of((p) => p.set([0, 19], 2))).toBe(STAT_PASSED_BAD_LENGTH); // total < header
    expect(of((p) => p.set([0, 30], 2))).toBe(STAT_PASSED_BAD_LENGTH); // half a TCP header
    expect(of((p) => p.set([0, 41], 2))).toBe(STAT_PASSED_TRUNCATED); // total > captured
    expect(of((p) => p.set([0x40], 32))).toBe(STAT_PASSED_BAD_LENGTH); // data offset 16
    expect(of((p) => p.set([0x60], 32))).toBe(STAT_PASSED_BAD_LENGTH); // data offset 24 of 20
    expect(of((p) => p.set([0x55], 0))).toBe(STAT_PASSED_NOT_TCP); // version 5
    expect(parse({}, undefined, 0).result).toBe(STAT_PASSED_TRUNCATED);
  });

  it('refuses every truncation of a whole packet', () => {
    const packet = seg({ ts: [1, 2], payload: 'abc', ipOptions: [1, 1, 1, 1] });
    for (let len = 0; len < packet.length; len++) {
      expect(parseSegment(packet, 0, len, new Segment())).toBe(STAT_PASSED_TRUNCATED);
    }
  });
});

describe('parseSegment(), IPv6', () => {
  const options8 = [0, 1, 4, 0, 0, 0, 0];

  it('reads every header field', () => {
    const { result, view } = parse({ family: 6, flowLabel: 0xabcde, ttl: 63, payload: 'ab' });
    expect(result).toBe(WIRE_OK);
    expect(view).toMatchObject({
      family: 6,
      ipBytes: 62,
      tcpOff: 40,
      payloadOff: 60,
      payloadBytes: 2,
      flowLabel: 0xabcde,
      ttl: 63,
      ipId: 0,
    });
  });

  it('walks hop-by-hop, routing (used up), destination options, AH and an atomic fragment', () => {
    const extensions: Array<[number, number[]]> = [
      [0, options8],
      [43, [0, 4, 0, 0, 0, 0, 0]],
      [44, [0, 0, 0, 1, 2, 3, 4]],
      [51, [4, 0, 0, ...Array<number>(20).fill(9)]],
      [60, [1, ...Array<number>(14).fill(0)]],
    ];
    const { result, view } = parse({ family: 6, extensions, payload: 'x' });
    expect(result).toBe(WIRE_OK);
    expect(view.tcpOff).toBe(40 + 8 + 8 + 8 + 24 + 16);
    expect(view.payloadBytes).toBe(1);
  });

  it.each<[string, SegmentSpec, number]>([
    ['a fragment', { extensions: [[44, [0, 0, 1, 0, 0, 0, 1]]] }, STAT_PASSED_FRAGMENT],
    ['a later fragment', { extensions: [[44, [0, 0, 8, 0, 0, 0, 1]]] }, STAT_PASSED_FRAGMENT],
    ['an unused route', { extensions: [[43, [0, 4, 1, 0, 0, 0, 0]]] }, STAT_PASSED_NOT_TCP],
    [
      'hop-by-hop behind another',
      {
        extensions: [
          [60, options8],
          [0, options8],
        ],
      },
      STAT_PASSED_NOT_TCP,
    ],
    ['ESP', { protocol: 50 }, STAT_PASSED_NOT_TCP],
    ['no next header', { protocol: 59 }, STAT_PASSED_NOT_TCP],
    ['UDP', { protocol: 17 }, STAT_PASSED_NOT_TCP],
    [
      'a header longer than the packet',
      { extensions: [[60, [200, 0, 0, 0, 0, 0, 0]]] },
      STAT_PASSED_BAD_LENGTH,
    ],
    ['more headers than sane', { extensions: Array(17).fill([60, options8]) }, STAT_PASSED_NOT_TCP],
  ])('refuses %s', (_name, spec, code) => {
    expect(parse({ family: 6, ...spec }).result).toBe(code);
  });

  it('takes the length of the buffer when the payload length is 0', () => {
    const { result, view } = parse({ family: 6, payload: 'jumbo' }, (p) => p.fill(0, 4, 6));
    expect(result).toBe(WIRE_OK);
    expect(view.payloadBytes).toBe(5);
  });

  it.each([
    [0, WIRE_OK],
    [4, STAT_PASSED_BAD_LENGTH],
    [8, STAT_PASSED_BAD_LENGTH],
    [8 + 19, STAT_PASSED_BAD_LENGTH],
    [8 + 20, WIRE_OK],
  ])('ends where its payload length of %i says, whatever lies behind', (length, code) => {
    const lowered = (packet: Uint8Array) => packet.set([0, length], 4);
    const { result, view } = parse({ family: 6, extensions: [[60, options8]] }, lowered);
    expect(result).toBe(code);
    if (code === WIRE_OK) expect([view.tcpOff, view.payloadBytes]).toEqual([48, 0]);
  });

  it('refuses every truncation of a whole packet', () => {
    const packet = seg({ family: 6, ts: [1, 2], payload: 'abc', extensions: [[0, options8]] });
    for (let len = 0; len < packet.length; len++) {
      expect(parseSegment(packet, 0, len, new Segment())).toBe(STAT_PASSED_TRUNCATED);
    }
  });
});

describe('parseSegment(), TCP options', () => {
  it('reads those of a SYN', () => {
    const { result, view } = parse({
      flags: SYN,
      mss: 1460,
      sackPermitted: true,
      ts: [0x80000001, 7],
      wndScale: 7,
    });
    expect(result).toBe(WIRE_OK);
    expect(view).toMatchObject({
      mss: 1460,
      sackPermitted: 1,
      wndScale: 7,
      tsOff: 48,
      tsVal: 0x80000001 | 0,
      tsEcr: 7,
      foreign: 0,
    });
  });

  it('reads timestamps and SACK blocks of an ACK, in both layouts', () => {
    const sack: Array<[number, number]> = [
      [10, 20],
      [30, 40],
      [50, 60],
    ];
    const { result, view } = parse({ ts: [5, 6], sack });
    expect(result).toBe(WIRE_OK);
    expect(view).toMatchObject({ tsOff: 44, tsVal: 5, tsEcr: 6, sackOff: 56, sackCount: 3 });
    expect(parse({ ts: [5, 6] }).view).toMatchObject({ tsOff: 44, tsVal: 5, tsEcr: 6 });
    expect(parse({ options: [8, 10, 0, 0, 0, 5, 0, 0, 0, 6] }).view).toMatchObject({
      tsOff: 42,
      tsVal: 5,
      tsEcr: 6,
    });
    for (let count = 1; count <= 4; count++) {
      const blocks = Array<[number, number]>(count).fill([1, 2]);
      expect(parse({ sack: blocks }).view.sackCount).toBe(count);
    }
  });

  it('clamps a window scale beyond 14, as Linux does', () => {
    expect(parse({ flags: SYN, wndScale: 15 }).view.wndScale).toBe(14);
    expect(parse({ flags: SYN, wndScale: 255 }).view.wndScale).toBe(14);
    expect(parse({ flags: SYN, wndScale: 0 }).view.wndScale).toBe(0);
  });

  it('believes MSS, window scale and SACK-permitted on a SYN only', () => {
    expect(parse({ mss: 1460, wndScale: 7, sackPermitted: true }).view).toMatchObject({
      mss: -1,
      wndScale: -1,
      sackPermitted: 0,
    });
  });

  it('stops at the end of the list and steps over what it does not know', () => {
    expect(parse({ options: [0, 8, 99, 3] }).result).toBe(WIRE_OK);
    expect(
      parse({ options: [77, 6, 1, 2, 3, 4, 8, 10, 0, 0, 0, 9, 0, 0, 0, 8] }).view,
    ).toMatchObject({ tsVal: 9, tsEcr: 8 });
  });

  it.each<[string, number[]]>([
    ['a length of 0', [77, 0]],
    ['a length of 1', [77, 1]],
    ['a length beyond the header', [77, 5, 1, 1]],
    ['a kind without a length', [1, 1, 1, 77]],
    ['MSS of 3', [2, 3, 1]],
    ['window scale of 4', [3, 4, 7, 7]],
    ['SACK-permitted of 3', [4, 3, 0]],
    ['SACK without blocks', [5, 2]],
    ['SACK of half a block', [5, 6, 0, 0, 0, 1]],
    ['SACK of a block and a quarter', [5, 12, ...Array<number>(10).fill(0)]],
    ['timestamps of 8', [8, 8, 0, 0, 0, 1, 0, 0]],
  ])('refuses %s', (_name, options) => {
    expect(parse({ flags: SYN, options }).result).toBe(STAT_PASSED_BAD_OPTION);
    expect(parse({ options }).result).toBe(STAT_PASSED_BAD_OPTION);
  });

  it.each<[string, number[], number]>([
    ['MD5', [19, 18, ...Array<number>(16).fill(1)], FOREIGN_MD5],
    ['AO', [29, 16, ...Array<number>(14).fill(1)], FOREIGN_AO],
    ['MPTCP', [30, 4, 0, 1], FOREIGN_MPTCP],
    ['Fast Open', [34, 2], FOREIGN_FAST_OPEN],
    ['experimental Fast Open', [254, 4, 0xf9, 0x89], FOREIGN_FAST_OPEN],
    ['another experiment', [254, 4, 0xf9, 0x88], 0],
    ['AccECN', [172, 11, ...Array<number>(9).fill(1)], 0],
  ])('marks %s', (_name, options, bits) => {
    const { result, view } = parse({ options });
    expect(result).toBe(WIRE_OK);
    expect(view.foreign).toBe(bits);
  });

  it('leaves nothing of the packet before', () => {
    const view = new Segment();
    const syn = seg({ flags: SYN, mss: 1460, wndScale: 7, sackPermitted: true, ts: [1, 2] });
    parseSegment(syn, 0, syn.length, view);
    const bare = seg({});
    parseSegment(bare, 0, bare.length, view);
    const fresh = new Segment();
    parseSegment(bare, 0, bare.length, fresh);
    expect(view).toEqual(fresh);
  });
});
