/** Accident or order: what stands beside our rules tells. */
import { describe, expect, it } from 'vitest';
import { isReload, type Landmarks, tableHandles } from '../../src/datapath/rules/landmarks.ts';
import { besides } from '../../src/datapath/rules/rule-look.ts';

const LISTED = JSON.stringify({
  nftables: [
    { metainfo: { version: '1.0.6' } },
    { table: { family: 'ip', name: 'mangle', handle: 4 } },
    { table: { family: 'ip6', name: 'raw', handle: 9 } },
    { table: { family: 'inet', name: 'filter', handle: 2 } },
  ],
});

function marks(of: Record<string, number>): Landmarks {
  return new Map(Object.entries(of));
}

describe('landmarks', () => {
  it('are the handles of tables', () => {
    expect([...tableHandles(LISTED)]).toEqual([
      ['4 mangle', 4],
      ['6 raw', 9],
      ['inet filter', 2],
    ]);
    expect(tableHandles('').size).toBe(0);
    expect(tableHandles('{}').size).toBe(0);
  });
});

describe('isReload()', () => {
  const nft = besides('nft', ['inet seqshim']);
  const others = { 'inet filter': 2, '4 nat': 3 };
  const before = marks({ ...others, 'inet seqshim': 5 });

  it.each([
    ['flushed', {}, true],
    ['loaded anew', { 'inet filter': 8, '4 nat': 9 }, true],
    ['without our table alone', others, false],
    ['with one table as it was', { 'inet filter': 8, '4 nat': 3 }, false],
  ])('nft: a ruleset %s', (_, now, reload) => {
    expect(isReload(before, marks(now as Record<string, number>), nft)).toBe(reload);
  });

  it('is an order where nothing else stands', () => {
    expect(isReload(marks({ 'inet seqshim': 5 }), marks({}), nft)).toBe(false);
    expect(isReload(marks({}), marks({ 'inet filter': 8 }), nft)).toBe(false);
  });

  const iptables = besides('iptables', ['4 mangle', '4 raw']);

  it.each([
    ['restored', { '4 mangle': 8, '4 raw': 9, '4 filter': 3 }, true],
    ['half restored', { '4 mangle': 8, '4 raw': 2, '4 filter': 3 }, false],
    ['with our chains taken out', { '4 mangle': 1, '4 raw': 2 }, false],
  ])('iptables on nf_tables: tables %s', (_, now, reload) => {
    const was = marks({
      '4 mangle': 1,
      '4 raw': 2,
      '4 filter': 3,
      '6 mangle': 7,
    });
    expect(isReload(was, marks(now as Record<string, number>), iptables)).toBe(reload);
  });
});
