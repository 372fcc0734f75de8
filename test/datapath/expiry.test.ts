/** The date behind which it warns: once a day, from the day after, and nothing else happens. */
import { pino } from 'pino';
import { afterEach, describe, expect, it } from 'vitest';
import { daysOver } from '../../src/config/deadline.ts';
import { Expiry } from '../../src/datapath/expiry.ts';

const DAY_MS = 86_400_000;
const lines: Record<string, unknown>[] = [];
const log = pino({ base: null }, { write: (line) => void lines.push(JSON.parse(line)) });
let nowMs = 0;
const expiry = new Expiry(log, () => nowMs);
afterEach(() => {
  expiry.close();
  lines.length = 0;
});

describe('daysOver()', () => {
  it.each([
    ['2027-03-31T00:00:00Z', 0],
    ['2027-03-31T23:59:59Z', 0],
    ['2027-04-01T00:00:00Z', 1],
    ['2027-04-01T23:59:59Z', 1],
    ['2027-04-02T00:00:00Z', 2],
    ['2028-03-31T00:00:00Z', 366],
  ])('at %s: %i', (now, days) => {
    expect(daysOver('2027-03-31', Date.parse(now))).toBe(days);
  });
});

describe('Expiry', () => {
  it('warns once a day from the day after on, with date, ticket and days', () => {
    nowMs = Date.parse('2027-03-31T23:00:00Z');
    expiry.watch({ expires: '2027-03-31', ticket: 'OPS-7' });
    expect(expiry.facts).toEqual({ expires: '2027-03-31', expired: false, ticket: 'OPS-7' });
    expect(lines).toEqual([]);
    for (let hour = 0; hour < 49; hour++) {
      nowMs += DAY_MS / 24;
      expiry.look();
    }
    expect(expiry.facts.expired).toBe(true);
    const over = { level: 40, expires: '2027-03-31', ticket: 'OPS-7' };
    const msg = 'this workaround was to end by now: is it still needed?';
    expect(lines).toMatchObject([1, 2, 3].map((days) => ({ ...over, daysOver: days, msg })));
  });

  it('warns at once when it starts too late, and begins anew with another date', () => {
    nowMs = Date.parse('2027-04-10T12:00:00Z');
    expiry.watch({ expires: '2027-04-01', ticket: undefined });
    expect(lines).toMatchObject([{ daysOver: 9 }]);
    expect(lines[0]).not.toHaveProperty('ticket');
    expiry.watch({ expires: '2027-04-01', ticket: 'x' });
    expect(lines).toHaveLength(1);
    expiry.watch({ expires: '2027-04-02', ticket: 'x' });
    expect(lines).toMatchObject([{ daysOver: 9 }, { daysOver: 8 }]);
    expiry.watch({ expires: undefined, ticket: 'x' });
    expiry.look();
    expect(lines).toHaveLength(2);
    expect(expiry.facts).toEqual({ expires: undefined, expired: false, ticket: 'x' });
  });
});
