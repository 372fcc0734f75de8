/** Accident or order: what stands beside our rules tells. */
import { describe, expect, it } from 'vitest';
import {
  isReload,
  type Landmarks,
  policyCounters,
  tableHandles,
} from '../../src/datapath/rules/landmarks.ts';
import { besides } from '../../src/datapath/rules/rule-look.ts';

const LISTED = JSON.stringify({
  nftables: [
    { metainfo: { version: '1.0.6' } },
    { table: { family: 'ip', name: 'mangle', handle: 4 } },
    { table: { family: 'ip6', name: 'raw', handle: 9 } },
    { table: { family: 'inet', name: 'filter', handle: 2 } },
  ],
});

const SAVED = `*mangle
:PREROUTING ACCEPT [60:2580]
:SEQSHIM-IN - [0:0]
[1:2] -A PREROUTING -p tcp
COMMIT
*raw
:PREROUTING DROP [7:0]
COMMIT
`;

function marks(of: Record<string, number>): Landmarks {
  return new Map(Object.entries(of));
}

describe('landmarks', () => {
  it('are the handles of tables', () => {
    expect([...tableHandles(LISTED)]).toEqual([
      ['4 mangle table', 4],
      ['6 raw table', 9],
      ['inet filter table', 2],
    ]);
    expect(tableHandles('').size).toBe(0);
    expect(tableHandles('{}').size).toBe(0);
  });

  it('are the packets that policies have counted', () => {
    expect([...policyCounters(SAVED, 6)]).toEqual([
      ['6 mangle PREROUTING', 60],
      ['6 raw PREROUTING', 7],
    ]);
  });
});

describe('isReload()', () => {
  const nft = besides('nft', ['inet seqshim']);
  const others = { 'inet filter table': 2, '4 nat table': 3 };
  const before = marks({ ...others, 'inet seqshim table': 5 });

  it.each([
    ['flushed', {}, true],
    ['loaded anew', { 'inet filter table': 8, '4 nat table': 9 }, true],
    ['without our table alone', others, false],
    ['with one table as it was', { 'inet filter table': 8, '4 nat table': 3 }, false],
  ])('nft: a ruleset %s', (_, now, reload) => {
    expect(isReload(before, marks(now as Record<string, number>), nft)).toBe(reload);
  });

  it('is an order where nothing else stands', () => {
    expect(isReload(marks({ 'inet seqshim table': 5 }), marks({}), nft)).toBe(false);
    expect(isReload(marks({}), marks({ 'inet filter table': 8 }), nft)).toBe(false);
  });

  const iptables = besides('iptables', ['4 mangle', '4 raw']);

  it.each([
    ['restored', { '4 mangle table': 8, '4 raw table': 9, '4 filter table': 3 }, true],
    ['half restored', { '4 mangle table': 8, '4 raw table': 2, '4 filter table': 3 }, false],
    ['with our chains taken out', { '4 mangle table': 1, '4 raw table': 2 }, false],
  ])('iptables on nf_tables: tables %s', (_, now, reload) => {
    const was = marks({
      '4 mangle table': 1,
      '4 raw table': 2,
      '4 filter table': 3,
      '4 mangle INPUT': 0,
      '6 mangle table': 7,
    });
    expect(isReload(was, marks(now as Record<string, number>), iptables)).toBe(reload);
  });

  it.each([
    ['restored', { '4 mangle INPUT': 3, '4 raw PREROUTING': 0 }, true],
    ['that go on counting', { '4 mangle INPUT': 61, '4 raw PREROUTING': 70 }, false],
    ['of which one goes on', { '4 mangle INPUT': 3, '4 raw PREROUTING': 70 }, false],
  ])('iptables on x_tables: tables %s', (_, now, reload) => {
    const was = marks({ '4 mangle INPUT': 60, '4 raw PREROUTING': 70, '4 mangle OUTPUT': 0 });
    expect(isReload(was, marks(now as Record<string, number>), iptables)).toBe(reload);
  });
});
