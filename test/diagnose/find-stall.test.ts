/** Octets that are sent again and again, and receivers without room. */
import { describe, expect, it } from 'vitest';
import { type Facts, findingsOf, OPENED, stamped } from './records.ts';

const data = (ms: number, seq = 1, octets = 1448): Facts =>
  stamped({ ms, from: 'c', flags: 'P.', seq, octets }, 100 + ms, 900);
const backOff = (count: number, from = 20) =>
  Array.from({ length: count + 1 }, (_, n) => data(from + 200 * (2 ** n - 1)));

describe('retransmission-storm', () => {
  it('is the same octets at five timeouts in a row', () => {
    expect(findingsOf([...OPENED, ...backOff(4)])).toEqual([]);
    expect(findingsOf([...OPENED, ...backOff(5)])).toEqual(['retransmission-storm proven warning']);
  });

  it('is none where a capture doubles packets, or keep-alives repeat an octet', () => {
    const doubled = Array.from({ length: 8 }, (_, n) => data(20 + n * 0.01));
    expect(findingsOf([...OPENED, ...doubled])).toEqual([]);
    const ack = stamped({ ms: 30, from: 's', ack: 1449 }, 910, 120);
    const probes = Array.from({ length: 8 }, (_, n) => data(2000 + n * 2000, 1448, 1));
    const answers = probes.map((probe) => ({ ...ack, ms: probe.ms + 10 }));
    expect(
      findingsOf([
        ...OPENED,
        data(20),
        ack,
        ...probes.flatMap((probe, n) => [probe, answers[n] ?? ack]),
      ]),
    ).toEqual([]);
  });
});

describe('zero-window-stall', () => {
  const shut = (ms: number, wnd: number) =>
    stamped({ ms, from: 's', ack: 1449, wnd }, 900 + ms, 120);

  it('is a warning when it lasts to the end, a note when it opens again', () => {
    const rows = [...OPENED, data(20), shut(30, 0), shut(1030, 0), shut(3030, 0)];
    expect(findingsOf(rows)).toEqual(['zero-window-stall likely warning']);
    expect(findingsOf([...rows, shut(4030, 502)])).toEqual(['zero-window-stall likely note']);
  });

  it('is none for a moment', () => {
    expect(findingsOf([...OPENED, data(20), shut(30, 0), shut(130, 502)])).toEqual([]);
  });
});
