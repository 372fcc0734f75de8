/** Packets of one address from two places in turns. */
import { describe, expect, it } from 'vitest';
import { analyseRecords, type Facts, OPENED, record, stamped } from './records.ts';

function codes(rows: readonly Facts[], ports: readonly string[] = ['40000']): string[] {
  let frame = 0;
  const records = ports.flatMap((port) =>
    rows.map((facts) => {
      const packet = record(facts, ++frame);
      return facts.from === 'c' ? { ...packet, srcPort: port } : { ...packet, dstPort: port };
    }),
  );
  const { findings } = analyseRecords(records);
  return findings.map(({ code, severity }) => `${code} ${severity}`);
}

const [SYN, SYN_ACK, ACK] = OPENED as readonly [Facts, Facts, Facts];
const from = (facts: Facts, ttl: number, srcMac = '02:00:00:00:00:01'): Facts => ({
  ...facts,
  more: { ttl, srcMac },
});
const data = (ms: number, n: number): Facts =>
  stamped({ ms, from: 's', flags: 'P.', seq: 1 + n * 10, octets: 10 }, 900 + ms, 100);

function opened(ttl: number): Facts[] {
  return [from(SYN, 64), from(SYN_ACK, ttl), from(ACK, 64)];
}

describe('duplicate-address', () => {
  it('is two places that take turns within a connection', () => {
    const turns = [63, 57, 63, 57, 63].map((ttl, n) => from(data(20 + n, n), ttl));
    expect(codes([...opened(63), ...turns])).toEqual(['duplicate-address note']);
    const macs = [1, 2, 1, 2, 1].map((octet, n) =>
      from(data(20 + n, n), 63, `02:00:00:00:00:0${octet}`),
    );
    expect(codes([...opened(63), ...macs])).toEqual(['duplicate-address warning']);
  });

  it('is none for a route that changes once, or once and back', () => {
    for (const ttls of [
      [63, 57, 57],
      [63, 57, 63, 63],
    ]) {
      const turns = ttls.map((ttl, n) => from(data(20 + n, n), ttl));
      expect(codes([...opened(63), ...turns])).toEqual([]);
    }
  });

  it('is found over connections that each show both places', () => {
    const rows = [...opened(63), from(data(20, 0), 57), from(data(21, 1), 63)];
    expect(codes(rows, ['40000'])).toEqual([]);
    expect(codes(rows, ['40000', '40001'])).toEqual(['duplicate-address note']);
  });
});
