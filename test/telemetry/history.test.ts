/** Counts by hour, destination and code: bounded, and the same after a restart. */
import { describe, expect, it } from 'vitest';
import { ALL, History, nameOf } from '../../src/telemetry/history.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const NOW = Date.parse('2026-03-04T05:30:00.000Z');
const SSH = nameOf('10.0.0.2', 22);

function counted(history: History, fromDate: number): Record<string, number> {
  const out: Record<string, number> = {};
  for (const [name, counts] of history.countsSince(fromDate)) {
    for (const [code, count] of counts) out[`${name}/${code}`] = count;
  }
  return out;
}

const iso = (date: number) => new Date(date).toISOString();

describe('History', () => {
  it('counts by destination and code, and adds up what lies in the window', () => {
    const history = new History(NOW);
    history.add(SSH, 'rst-dropped', 2, NOW);
    history.add(SSH, 'rst-dropped', 3, NOW + HOUR);
    history.add(ALL, 'rst-dropped', 5, NOW + HOUR);
    history.add(ALL, 'rst-held', 0, NOW);
    expect(counted(history, NOW)).toEqual({ [`${SSH}/rst-dropped`]: 5, '/rst-dropped': 5 });
    expect(counted(history, NOW + HOUR)).toMatchObject({ [`${SSH}/rst-dropped`]: 3 });
    expect(counted(history, NOW + 2 * HOUR)).toEqual({});
  });

  it('says where the window really begins', () => {
    const history = new History(NOW - 5 * DAY);
    history.add(ALL, 'rst-held', 1, NOW);
    expect(iso(history.beginOf(NOW + 60_000))).toBe('2026-03-04T05:00:00.000Z');
    expect(history.beginOf(NOW - 30 * DAY)).toBe(NOW - 5 * DAY);
  });

  it('keeps hours for two days and days for ninety, and loses no count on the way', () => {
    const history = new History(NOW);
    for (let hour = 0; hour < 100 * 24; hour++) history.add(ALL, 'x', 1, NOW + hour * HOUR);
    const later = NOW + 100 * DAY;
    expect(counted(history, 0)['/x']).toBe(2400);
    history.compact(later);
    const rows = (JSON.parse(history.text()) as { rows: unknown[] }).rows.length;
    expect(rows).toBeLessThanOrEqual(90 + 49);
    // The last day, to the hour; ninety days, to the day.
    expect(counted(history, later - DAY)['/x']).toBe(24);
    expect(counted(history, 0)['/x']).toBeGreaterThanOrEqual(90 * 24 - 24);
    expect(history.sinceDate).toBeLessThanOrEqual(later - 89 * DAY);
    expect(history.sinceDate).toBeGreaterThanOrEqual(later - 90 * DAY - HOUR);
  });

  it('holds a bounded number of rows; the oldest go, and it says so', () => {
    const history = new History(NOW);
    for (let i = 0; i < 10_000; i++)
      history.add(ALL, `code-${i}`, 1, NOW + Math.floor(i / 1000) * HOUR);
    history.compact(NOW + 10 * HOUR);
    expect(Object.keys(counted(history, 0)).length).toBe(8192);
    expect(counted(history, 0)).toHaveProperty('/code-9999');
    expect(history.sinceDate).toBeGreaterThan(NOW);
    expect(history.text().length).toBeLessThan(1 << 20);
  });

  it('holds a bounded number of destinations; those without a fault for longest go', () => {
    const history = new History(NOW);
    for (let i = 0; i < 1100; i++) {
      const address = `10.0.${i >> 8}.${i & 255}`;
      history.destination(address, 22).lastFault = NOW + i;
      history.add(nameOf(address, 22), 'x', 1, NOW);
    }
    expect(history.destinations.length).toBe(1024);
    expect(history.destinations.some(({ address }) => address === '10.0.0.5')).toBe(false);
    expect(counted(history, 0)).not.toHaveProperty('10.0.0.5 22/x');
    expect(counted(history, 0)).toHaveProperty('10.0.4.75 22/x');
  });

  it('is the same after a restart', () => {
    const before = new History(NOW);
    before.add(SSH, 'rst-dropped', 2, NOW);
    Object.assign(before.destination('fd00::2', 22), {
      lastFault: NOW,
      canaries: 3,
      canariesClean: 2,
      sackBlind: true,
    });
    const after = new History(NOW + DAY);
    expect(after.restore(before.text(), NOW + DAY)).toBe(true);
    expect(after.text()).toBe(before.text());
  });

  it('believes nothing of the future, when a clock was set back', () => {
    const before = new History(NOW);
    before.destination('10.0.0.2', 22).lastFault = NOW;
    before.add(SSH, 'rst-dropped', 2, NOW);
    const after = new History(NOW - DAY);
    after.restore(before.text(), NOW - DAY);
    expect(after.destination('10.0.0.2', 22).lastFault).toBe(NOW - DAY);
    expect(after.sinceDate).toBe(NOW - DAY);
    expect(counted(after, 0)).toEqual({});
  });

  it.each(['', '{}', '[]', 'null', '{"schema":2}', '{"schema":1,"rows":[[1,2]]}'])(
    'refuses %j',
    (text) => expect(new History(NOW).restore(text, NOW)).toBe(false),
  );
});
