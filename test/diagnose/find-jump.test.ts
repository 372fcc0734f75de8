/** Numbers that leave in mid-connection, and what only looks like it. */
import { describe, expect, it } from 'vitest';
import { type Facts, findingsOf, OPENED, stamped } from './records.ts';

const BY = 700_000_000;

function talk(from: number): Facts[] {
  return [0, 1, 2].flatMap((n) => [
    stamped(
      { ms: from + n * 100, from: 's', flags: 'P.', seq: 1 + n * 10, ack: 1, octets: 10 },
      900 + from,
      100,
    ),
    stamped({ ms: from + n * 100 + 0.1, from: 'c', ack: 11 + n * 10 }, 100 + from, 900 + from),
  ]);
}

/** The server goes on in other numbers, and the client asks for the old ones. */
function jumped(ackBy: number, more: Partial<Facts> = {}): Facts[] {
  return [0, 1, 2, 3].flatMap((n) => [
    stamped(
      {
        ms: 1000 + n * 300,
        from: 's',
        flags: 'P.',
        seq: 31 + BY,
        ack: 1 + ackBy,
        octets: 10,
        ...more,
      },
      1900,
      300,
    ),
    stamped({ ms: 1000.1 + n * 300, from: 'c', ack: 31 }, 1100, 1100),
  ]);
}

describe('sequence-jump', () => {
  it('is proven when the packets echo our timestamps and are refused', () => {
    expect(findingsOf([...OPENED, ...talk(20), ...jumped(0)])).toEqual([
      'sequence-jump proven error',
    ]);
    expect(findingsOf([...OPENED, ...talk(20), ...jumped(-BY)])).toEqual([
      'sequence-jump proven error',
    ]);
  });

  it('is found when only the acknowledgements jump', () => {
    const rows = jumped(BY, { seq: 31 });
    expect(findingsOf([...OPENED, ...talk(20), ...rows])).toEqual(['sequence-jump proven error']);
  });

  it('is likely without timestamps', () => {
    const plain = jumped(0).map((facts) => ({ ...facts, layout: '', options: {} }));
    expect(findingsOf([...OPENED, ...talk(20), ...plain])).toContain('sequence-jump likely error');
  });

  it('is none where the old numbers go on: strays of an older connection', () => {
    expect(findingsOf([...OPENED, ...talk(20), ...jumped(0), ...talk(3000)])).toEqual([]);
  });

  it('is none where the receiver accepts the new numbers: the capture has a hole', () => {
    const rows = jumped(0).map((facts) =>
      facts.from === 'c' ? { ...facts, ack: 41 + BY } : facts,
    );
    expect(findingsOf([...OPENED, ...talk(20), ...rows])).toEqual([]);
  });
});
