/** Boxes that change options, windows and checksums, and those that find packets too large. */
import { describe, expect, it } from 'vitest';
import { get16, get32 } from '../../../src/engine/wire/bytes.ts';
import { RST, SYN } from '../../../src/engine/wire/segment.ts';
import { slowSum } from '../../helpers/segment-builder.ts';
import { ChainRun, defined, ISN, ISS } from './chain-run.ts';

const ALL = { mss: 1460, wndScale: 7, sackPermitted: true, ts: [5, 0] as [number, number] };

describe('strip-option', () => {
  for (const by of ['nops', 'removal'] as const) {
    it(`takes the one option out of SYN-ACKs (${by}), and leaves the others readable`, () => {
      for (const [option, gone] of [
        ['window-scale', { wndScale: -1 }],
        ['sack-permitted', { sackPermitted: 0 }],
        ['timestamps', { tsOff: 0 }],
        ['mss', { mss: -1 }],
      ] as const) {
        const run = new ChainRun({ behaviours: [{ kind: 'strip-option', option, by }] });
        const [syn, synAck] = run.handshake(ALL, ALL);
        expect(syn.seg).toMatchObject({ mss: 1460, wndScale: 7, sackPermitted: 1, tsVal: 5 });
        const whole = { mss: 1460, wndScale: 7, sackPermitted: 1 };
        expect(synAck.seg).toMatchObject({ ...whole, ...gone });
        expect(synAck.checksum).toBe('good');
      }
    });
  }

  it('takes everything from 9 to 255, or one kind by its number', () => {
    const odd = [253, 4, 1, 2, 30, 4, 9, 9];
    for (const [option, kinds] of [
      ['unknown', []],
      [30, [253]],
    ] as const) {
      const run = new ChainRun({ behaviours: [{ kind: 'strip-option', option, from: 'syn' }] });
      const [syn] = run.client({ flags: SYN, seq: ISS, options: odd, mss: 1400 });
      const { bytes, seg } = defined(syn);
      const header = [...bytes.subarray(seg.tcpOff + 20, seg.payloadOff)];
      expect([253, 30].filter((kind) => header.includes(kind))).toEqual(kinds);
      expect(seg.mss).toBe(1400);
    }
  });

  it('takes SACK blocks out of every segment', () => {
    const run = new ChainRun({
      behaviours: [{ kind: 'strip-option', option: 'sack', from: 'all' }],
    });
    run.handshake(ALL, ALL);
    const [ack] = run.server({ seq: ISN + 1, ack: ISS + 1, sack: [[ISS + 9, ISS + 19]] });
    expect(defined(ack).seg.sackCount).toBe(0);
  });
});

describe('change-option', () => {
  it('lowers an MSS, and never raises one', () => {
    const run = new ChainRun({
      behaviours: [{ kind: 'change-option', option: 'mss', value: 1380 }],
    });
    const [syn, synAck] = run.handshake({ mss: 1460 }, { mss: 1200 });
    expect([syn.seg.mss, synAck.seg.mss]).toEqual([1380, 1200]);
  });

  it('writes another window scale, and shifts timestamps', () => {
    const scaled = new ChainRun({
      behaviours: [{ kind: 'change-option', option: 'window-scale', value: 0, from: 'synack' }],
    });
    const [syn, synAck] = scaled.handshake(ALL, ALL);
    expect([syn.seg.wndScale, synAck.seg.wndScale]).toEqual([7, 0]);
    const shifted = new ChainRun({
      behaviours: [{ kind: 'change-option', option: 'timestamps', value: 1000, from: 'all' }],
    });
    expect(shifted.handshake(ALL, ALL)[1].seg.tsVal).toBe(1005);
    expect(shifted.handshake(ALL, ALL)[1].checksum).toBe('good');
  });
});

describe('window', () => {
  it('caps, closes or divides, and never in a SYN or RST', () => {
    for (const [options, wnd] of [
      [{ how: 'cap', value: 100 }, 100],
      [{ how: 'zero' }, 0],
      [{ how: 'divide', value: 7 }, 500],
    ] as const) {
      const run = new ChainRun({ behaviours: [{ kind: 'window', whose: 'server', ...options }] });
      const [, synAck] = run.handshake({}, { wnd: 64_000 });
      expect(synAck.seg.segWnd).toBe(64_000);
      const [data] = run.server({ seq: ISN + 1, ack: ISS + 1, wnd: 64_000 });
      expect(defined(data).seg.segWnd).toBe(wnd);
      expect(defined(run.client({ seq: ISS + 1, ack: ISN + 1 })[0]).seg.segWnd).toBe(64_240);
    }
  });

  it('opens again when its schedule is over', () => {
    const run = new ChainRun({ behaviours: [{ kind: 'window', how: 'zero', untilMs: 20 }] });
    run.handshake();
    expect(defined(run.server({ seq: ISN + 1, ack: ISS + 1 })[0]).seg.segWnd).toBe(0);
    run.wait(20);
    expect(defined(run.server({ seq: ISN + 1, ack: ISS + 1 })[0]).seg.segWnd).toBe(64_240);
  });
});

describe('checksum', () => {
  for (const [damage, expected] of [
    ['partial', 'partial'],
    ['wrong', 'bad'],
    ['zero', 'zero'],
  ] as const) {
    it(`arrives ${damage}, whatever boxes behind it change`, () => {
      const run = new ChainRun({
        behaviours: [{ kind: 'randomize' }, { kind: 'checksum', damage }],
      });
      const [syn, synAck] = run.handshake();
      expect([syn.checksum, synAck.checksum]).toEqual(['good', expected]);
    });
  }

  it('is stale where a box has changed the header, and good where none has', () => {
    const stale = { kind: 'checksum', damage: 'stale' } as const;
    const changed = new ChainRun({ behaviours: [{ kind: 'randomize' }, stale] });
    expect(changed.handshake()[1].checksum).toBe('bad');
    expect(new ChainRun({ behaviours: [stale] }).handshake()[1].checksum).toBe('good');
  });

  it('is damaged on those segments that it is told, and on so many of them', () => {
    const run = new ChainRun({
      behaviours: [{ kind: 'checksum', on: 'data', share: 0.5 }],
      seed: 3,
    });
    expect(run.handshake()[1].checksum).toBe('good');
    const sums = Array.from({ length: 200 }, () => {
      const [data] = run.server({ seq: ISN + 1, ack: ISS + 1, payload: 'x' });
      return defined(data).checksum;
    });
    const damaged = sums.filter((sum) => sum === 'partial').length;
    expect(damaged).toBeGreaterThan(60);
    expect(damaged).toBeLessThan(140);
    const resets = new ChainRun({ behaviours: [{ kind: 'checksum', on: 'reset' }] });
    resets.handshake();
    expect(defined(resets.server({ flags: RST, seq: ISN + 1 })[0]).checksum).toBe('partial');
    const syns = new ChainRun({ behaviours: [{ kind: 'checksum', on: 'syn', whose: 'client' }] });
    expect(syns.handshake().map(({ checksum }) => checksum)).toEqual(['partial', 'good', 'good']);
  });
});

describe('mtu-limit', () => {
  const LARGE = 'x'.repeat(1400);

  it('swallows what is too large, and says nothing', () => {
    const run = new ChainRun({ behaviours: [{ kind: 'mtu-limit', octets: 1300 }] });
    run.handshake();
    expect(run.client({ seq: ISS + 1, ack: ISN + 1, payload: LARGE })).toEqual([]);
    expect(run.client({ seq: ISS + 1, ack: ISN + 1, payload: 'x' })).toHaveLength(1);
    const may = { seq: ISS + 1, ack: ISN + 1, payload: LARGE, dontFragment: false };
    expect(run.client(may)).toHaveLength(1);
  });

  it('limits the one side that it is told to', () => {
    const run = new ChainRun({
      behaviours: [{ kind: 'mtu-limit', octets: 1300, whose: 'server' }],
    });
    run.handshake();
    expect(run.client({ seq: ISS + 1, ack: ISN + 1, payload: LARGE })).toHaveLength(1);
    expect(run.server({ seq: ISN + 1, ack: ISS + 1, payload: LARGE })).toEqual([]);
  });

  it('answers with an ICMP error that quotes the header (RFC 1191 §4)', () => {
    const run = new ChainRun({ behaviours: [{ kind: 'mtu-limit', octets: 1300, answer: 'icmp' }] });
    run.handshake();
    const [error, ...more] = run.client({ seq: ISS + 1, ack: ISN + 1, payload: LARGE });
    expect(more).toEqual([]);
    const { bytes, toClient, isTcp } = defined(error);
    expect([toClient, isTcp]).toEqual([true, false]);
    expect([...bytes.subarray(12, 20)]).toEqual([10, 0, 0, 2, 10, 0, 0, 1]);
    expect([bytes[20], bytes[21], get16(bytes, 26)]).toEqual([3, 4, 1300]);
    expect(get32(bytes, 28 + 20 + 4)).toBe(ISS + 1);
    expect(slowSum(bytes.subarray(20))).toBe(0xffff);
    expect(slowSum(bytes.subarray(0, 20))).toBe(0xffff);
  });

  for (const family of [4, 6] as const) {
    it(`quotes the numbers of who sent it, through boxes that renumber (IPv${family})`, () => {
      const limit = { kind: 'mtu-limit', octets: 1300, answer: 'icmp' } as const;
      const run = new ChainRun({ behaviours: [{ kind: 'randomize' }, limit] }, family);
      const [, synAck] = run.handshake();
      const ack = synAck.seg.segSeq + 1;
      const { bytes } = defined(run.client({ seq: ISS + 1, ack, payload: LARGE })[0]);
      const [icmp, quoted] = family === 4 ? [20, 48] : [40, 88];
      expect(get32(bytes, quoted + 4)).toBe(ISS + 1);
      expect(get32(bytes, quoted + 8)).toBe(ack | 0);
      const v6 = [...bytes.subarray(8, 40), 0, bytes.length - 40, 0, 58];
      const pseudo = family === 4 ? [] : v6;
      expect(slowSum([...pseudo, ...bytes.subarray(icmp)])).toBe(0xffff);
    });
  }

  it('answers IPv6 with packet-too-big (RFC 4443 §3.2)', () => {
    const behaviours = [{ kind: 'mtu-limit', octets: 1300, answer: 'icmp' }] as const;
    const run = new ChainRun({ behaviours: [...behaviours] }, 6);
    run.handshake();
    const { bytes } = defined(run.server({ seq: ISN + 1, ack: ISS + 1, payload: LARGE })[0]);
    expect([bytes[6], bytes[40], get32(bytes, 44)]).toEqual([58, 2, 1300]);
    const pseudo = [...bytes.subarray(8, 40), 0, bytes.length - 40, 0, 58];
    expect(slowSum([...pseudo, ...bytes.subarray(40)])).toBe(0xffff);
  });
});
