/** Blocks that name octets nobody sent, their constant, and blocks that are right. */
import { describe, expect, it } from 'vitest';
import { analyseRecords, type Facts, findingsOf, OPENED, record, stamped } from './records.ts';

const MSS = 1448;

/** The client sends ten segments, the second is lost; blocks are off by `offset`. */
function recovery(at: number, from: number, offset: number): Facts[] {
  const rows: Facts[] = [];
  const send = (ms: number, n: number) =>
    stamped({ ms, from: 'c', flags: 'P.', seq: from + n * MSS, octets: MSS }, at, at);
  for (let n = 0; n < 10; n++) rows.push(send(at + n * 0.01, n));
  const hole = from + MSS;
  for (let n = 2; n < 10; n++) {
    const sack = [hole + MSS, hole + (n - 1) * MSS + MSS].map((edge) => 1000 + edge + offset);
    const facts: Facts = {
      ms: at + 10 + n * 0.01,
      from: 's',
      ack: hole,
      layout: 'nop,nop,TS,nop,nop,sack',
    };
    rows.push({ ...facts, options: { tsVal: at, tsEcr: at, sack: sack.map((edge) => edge | 0) } });
  }
  rows.push(send(at + 11, 1));
  rows.push(stamped({ ms: at + 21, from: 's', ack: from + 10 * MSS }, at, at));
  return rows;
}

describe('sack-out-of-window', () => {
  it('is proven by an offset that comes out twice', () => {
    const rows = [
      ...OPENED,
      ...recovery(20, 1, 123_456_789),
      ...recovery(60, 1 + 10 * MSS, 123_456_789),
    ];
    expect(findingsOf(rows)).toEqual(['sack-out-of-window proven warning']);
    const { findings } = analyseRecords(rows.map((facts, at) => record(facts, at + 1)));
    expect(findings[0]?.numbers).toMatchObject({
      offset: 123_456_789,
      offsetCount: 2,
      packetCount: 16,
    });
    expect(findings[0]?.remedy).toContain('random-sequence-number disable');
  });

  it('is proven for a small offset and for one beyond half of the numbers', () => {
    for (const offset of [90_000, -90_000_000, 2 ** 31 - 5]) {
      const rows = [...OPENED, ...recovery(20, 1, offset), ...recovery(60, 1 + 10 * MSS, offset)];
      expect(findingsOf(rows), String(offset)).toEqual(['sack-out-of-window proven warning']);
    }
  });

  it('is likely when the blocks are far off and no hole is seen to be filled', () => {
    const rows = [...OPENED, ...recovery(20, 1, 123_456_789).slice(0, -2)];
    expect(findingsOf(rows)).toEqual(['sack-out-of-window likely warning']);
  });

  it('is not said of blocks that are right', () => {
    expect(findingsOf([...OPENED, ...recovery(20, 1, 0)])).toEqual([]);
  });

  it('is not said of a D-SACK, nor of what a lossy capture missed', () => {
    const right = recovery(20, 1, 0);
    const lost = right.filter((_, at) => at < 3 || at > 9);
    expect(findingsOf([...OPENED, ...lost])).toEqual([]);
    const duplicate: Facts = { ms: 90, from: 's', ack: 1 + 10 * MSS };
    const sack = [1001, 1001 + MSS];
    expect(findingsOf([...OPENED, ...right, { ...duplicate, options: { sack } }])).toEqual([]);
  });
});
