/** One page of `top`: rates from two answers, and never more than the terminal has room for. */
import { describe, expect, it } from 'vitest';
import * as codes from '../../src/engine/codes.ts';
import { statusOf } from '../../src/telemetry/status.ts';
import { type TopAnswer, topLines } from '../../src/telemetry/top-screen.ts';
import { memoryOf } from './flow-memory.ts';
import { factsOf } from './status-facts.ts';

const SIZE = { columns: 80, rows: 24 };

function answer(packets: number, counts: readonly (readonly [number, number])[]): TopAnswer {
  const memory = memoryOf([]);
  const counters = new Float64Array(memory.counters);
  for (const [code, count] of counts) counters[code] = count;
  const facts = factsOf(memory);
  const status = statusOf({ ...facts, runtime: { ...facts.runtime, packets } });
  const recent = Array.from({ length: 8 }, (_, i) => ({
    time: '2026-01-02T03:04:05.000Z',
    code: 'rst-dropped',
    flow: `[fd00:1111:2222:3333:4444:5555:6666:7777]:4000${i} > [fd00::2]:22`,
    observeOnly: i === 1,
  }));
  return { status: { ...status, pid: 77, uptimeMs: 5000 }, recent };
}

describe('topLines()', () => {
  it('shows rates, what moves first, and what was repaired last', () => {
    const before = answer(1000, [[codes.SYNACK_CONFLICT, 90]]);
    const now = answer(3000, [
      [codes.SYNACK_CONFLICT, 90],
      [codes.RST_DROPPED, 1],
    ]);
    const lines = topLines(now, before, 2000, SIZE);
    expect(lines.slice(0, 8)).toEqual([
      expect.stringMatching(/^seqshim \S+ \(pid 77\) ok$/),
      'enforce, rules by nft, up 5 s',
      'packets                               1000/s           3000',
      'bypassed                               0.0/s              0',
      'shed                                   0.0/s              3',
      'flows       0 of 64, 0 translated, 0 settled',
      'latency     p50 21 µs, p99 80 µs, max 900 µs, budget 200 µs',
      '',
    ]);
    expect(lines.slice(8, 10)).toEqual([
      'did    rst-dropped                     0.5/s              1',
      'found  synack-conflict                 0.0/s             90',
    ]);
    expect(lines.slice(11, 14)).toEqual([
      'repaired last',
      '  03:04:05 rst-dropped [fd00:1111:2222:3333:4444:5555:6666:7777]:40000 > [fd00::',
      '  03:04:05 would rst-dropped [fd00:1111:2222:3333:4444:5555:6666:7777]:40001 > [',
    ]);
  });

  it('fits 80x24, and less, with every code there is', () => {
    const all = Array.from({ length: 320 }, (_, i) => [i, 1e12] as const).filter(([i]) => i < 256);
    const full = answer(1e12, all);
    for (const size of [SIZE, { columns: 40, rows: 10 }, { columns: 1, rows: 1 }]) {
      const lines = topLines(full, full, 1000, size);
      expect(lines.length).toBeLessThanOrEqual(size.rows);
      for (const line of lines) expect([...line].length).toBeLessThanOrEqual(size.columns);
    }
    // At 24 rows one repair at least is seen.
    expect(topLines(full, full, 1000, SIZE).at(-1)).toContain('rst-dropped');
  });

  it('says that there is nothing', () => {
    const idle = { ...answer(0, []), recent: [] };
    expect(topLines(idle, idle, 1000, SIZE).slice(8)).toEqual([
      'nothing was found',
      '',
      'nothing was repaired yet',
    ]);
  });
});
