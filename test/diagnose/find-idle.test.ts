/** Connections that die in a pause, and others that only end, or that the capture leaves. */
import { describe, expect, it } from 'vitest';
import { type Facts, findingsOf, OPENED, stamped } from './records.ts';

const say = (ms: number, from: 'c' | 's', seq: number, ack: number, octets = 0, flags = 'P.') =>
  stamped({ ms, from, flags: octets > 0 ? flags : '.', seq, ack, octets }, 100 + ms, 100);

const ALIVE: readonly Facts[] = [
  ...OPENED,
  say(20, 'c', 1, 1, 20),
  say(30, 's', 1, 21, 20),
  say(30.1, 'c', 21, 21),
];
const tries = (from: number, count = 5) =>
  Array.from({ length: count }, (_, n) => say(from + 200 * (2 ** n - 1), 'c', 21, 21, 10));

describe('idle-drop', () => {
  it('is likely after an hour, only possible after some seconds', () => {
    expect(findingsOf([...ALIVE, ...tries(3_600_000)])).toEqual(['idle-drop likely error']);
    expect(findingsOf([...ALIVE, ...tries(6000)])).toEqual(['idle-drop possible error']);
  });

  it('by a reset says so once', () => {
    const reset: Facts = { ms: 3_600_010, from: 's', flags: 'R', seq: 21 };
    expect(findingsOf([...ALIVE, ...tries(3_600_000, 1), reset])).toEqual([
      'idle-drop likely error',
    ]);
  });

  it('is found where keep-alives go unanswered', () => {
    const probes = [0, 75, 150, 225].map((s) => say(7_200_000 + s * 1000, 'c', 20, 21));
    expect(findingsOf([...ALIVE, ...probes])).toEqual(['idle-drop likely error']);
  });

  it('is none where a longer pause was survived', () => {
    const lived = [say(60_000, 'c', 21, 21, 10), say(60_010, 's', 21, 31)];
    const dead = Array.from({ length: 6 }, (_, n) =>
      say(80_000 + 200 * (2 ** n - 1), 'c', 31, 21, 10),
    );
    expect(findingsOf([...ALIVE, ...lived, ...dead])).toEqual([
      'retransmission-storm proven warning',
    ]);
  });

  it('is none where the capture ends right behind the pause', () => {
    expect(findingsOf([...ALIVE, ...tries(3_600_000, 2)])).toEqual([]);
    const burst = [0, 1, 2, 3].map((n) => say(3_600_000 + n * 0.01, 'c', 21 + n * 10, 21, 10));
    expect(findingsOf([...ALIVE, ...burst])).toEqual([]);
  });

  it('is none behind a FIN, nor for a server that aborts by itself', () => {
    const fin = stamped({ ms: 40, from: 's', flags: 'F.', seq: 21, ack: 21 }, 140, 100);
    expect(findingsOf([...ALIVE, fin, say(40.1, 'c', 21, 22), ...tries(3_600_000, 3)])).toEqual([]);
    const abort: Facts = { ms: 3_600_000, from: 's', flags: 'R.', seq: 21, ack: 21 };
    expect(findingsOf([...ALIVE, abort])).toEqual(['rst-by-owner likely note']);
  });
});
