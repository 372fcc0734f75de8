/** Options that are stripped, and options that are only absent. */
import { describe, expect, it } from 'vitest';
import { type Facts, findingsOf, OPENED, stamped } from './records.ts';

const [SYN, SYN_ACK] = OPENED as readonly [Facts, Facts, Facts];
const plain = (ms: number, from: 'c' | 's', more: Partial<Facts> = {}): Facts => ({
  ms,
  from,
  ...more,
});

function opened(layout: string, options: Facts['options'], syn: Partial<Facts> = {}): Facts[] {
  return [
    { ...SYN, ...syn },
    { ...SYN_ACK, layout, options: { ...options } },
  ];
}

const WITHOUT_TS = { mss: 1460, wndScale: 7, tsVal: null, tsEcr: null };
const WITHOUT_SCALE = { mss: 1460, tsVal: 900, tsEcr: 100 };
const NOPS = (count: number) => Array<string>(count).fill('nop').join(',');

describe('timestamps', () => {
  it('with NOPs in their place are stripped', () => {
    const rows = opened(`mss,sackOK,${NOPS(10)},nop,wscale`, WITHOUT_TS);
    expect(findingsOf([...rows, plain(10.1, 'c')])).toEqual(['timestamps-stripped proven warning']);
  });

  it('that a Linux server does not know are absent', () => {
    const rows = opened('mss,nop,nop,sackOK,nop,wscale', WITHOUT_TS);
    expect(findingsOf([...rows, plain(10.1, 'c'), plain(20, 's')])).toEqual([]);
  });

  it('that the server uses all the same are stripped', () => {
    const rows = opened('mss,nop,nop,sackOK,nop,wscale', WITHOUT_TS);
    const later = stamped({ ms: 20, from: 's', flags: 'P.', octets: 5 }, 910, 100);
    expect(findingsOf([...rows, plain(10.1, 'c'), later])).toEqual([
      'timestamps-stripped proven warning',
    ]);
  });

  it('that left the server and are not used are stripped, as far as one can tell there', () => {
    const rows = [SYN, SYN_ACK, plain(10.1, 'c'), plain(11, 'c', { flags: 'P.', octets: 5 })];
    expect(findingsOf(rows)).toEqual(['timestamps-stripped likely warning']);
  });

  it('taken out of the SYN are a note: both ends do without', () => {
    const rows = opened('mss,nop,nop,sackOK,nop,wscale', WITHOUT_TS, {
      layout: `mss,sackOK,${NOPS(10)},nop,wscale`,
      options: WITHOUT_TS,
    });
    expect(findingsOf([...rows, plain(10.1, 'c')])).toEqual(['timestamps-stripped proven note']);
  });
});

describe('window scale', () => {
  it('with a word of NOPs in its place is stripped', () => {
    const rows = opened('mss,sackOK,TS,nop,nop,nop,nop', WITHOUT_SCALE);
    expect(findingsOf([...rows, stamped({ ms: 10.1, from: 'c' }, 110, 900)])).toEqual([
      'window-scale-stripped likely error',
    ]);
  });

  it('whose effect is exact is proven with the NOPs, and likely without them', () => {
    const later = stamped({ ms: 20, from: 's', wnd: 65_160 >> 7 }, 910, 110);
    const ack = stamped({ ms: 10.1, from: 'c' }, 110, 900);
    const nops = opened('mss,sackOK,TS,nop,nop,nop,nop', WITHOUT_SCALE);
    expect(findingsOf([...nops, ack, later])).toEqual(['window-scale-stripped proven error']);
    const gone = opened('mss,sackOK,TS', WITHOUT_SCALE);
    expect(findingsOf([...gone, ack, later])).toEqual(['window-scale-stripped likely error']);
  });

  it('that a server does not know is absent', () => {
    const rows = opened('mss,sackOK,TS', WITHOUT_SCALE);
    for (const wnd of [65_160, 64_000, 32_580, 512, 511, 8]) {
      const later = stamped({ ms: 20, from: 's', wnd }, 910, 110);
      expect(findingsOf([...rows, later]), String(wnd)).toEqual([]);
    }
  });

  it('that the client never heard of is stripped, seen at the server', () => {
    const ack = stamped({ ms: 10.1, from: 'c', wnd: 64_240 }, 110, 900);
    expect(findingsOf([SYN, SYN_ACK, ack])).toEqual(['window-scale-stripped likely error']);
  });
});

describe('SACK-permitted', () => {
  const rows = opened('mss,nop,nop,TS,nop,wscale', {
    mss: 1460,
    wndScale: 7,
    tsVal: 900,
    tsEcr: 100,
  });
  const ack = stamped({ ms: 10.1, from: 'c' }, 110, 900);

  it('that a server does not know is absent', () => {
    expect(findingsOf([...rows, ack])).toEqual([]);
  });

  it('whose blocks come all the same is stripped', () => {
    const data = [1, 1449, 2897].map((seq) =>
      stamped({ ms: 11, from: 'c', flags: 'P.', seq, octets: 1448 }, 111, 900),
    );
    const blocks = stamped(
      { ms: 21, from: 's', ack: 1, options: { sack: [2449, 5345] } },
      911,
      111,
    );
    expect(findingsOf([...rows, ack, ...data, blocks])).toEqual([
      'sack-permitted-stripped proven warning',
    ]);
  });
});
