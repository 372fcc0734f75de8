/** Durations: units, bare numbers, and the line for what is none. */
import { describe, expect, it } from 'vitest';
import { parseMicroseconds, parseMilliseconds } from '../../src/config/duration.ts';
import { operatorError } from './operator-error.ts';

describe('parseMilliseconds()', () => {
  it.each([
    ['5', 5000],
    ['500ms', 500],
    ['2500us', 3],
    ['1000µs', 1],
    ['10s', 10_000],
    ['1.5s', 1500],
    ['10m', 600_000],
    ['2h', 7_200_000],
    ['2 h', 7_200_000],
    [' 1d ', 86_400_000],
    ['0', 0],
  ])('reads %j', (text, ms) => {
    expect(parseMilliseconds('--for', text)).toBe(ms);
  });

  it.each(['', 's', '5x', '-5s', '5 minutes', '1,5s', '1e3', '0x10', '5s 3ms', 'NaN', '10M'])(
    'refuses %j in one line',
    async (text) => {
      const line = await operatorError(() => parseMilliseconds('--for', text), 2);
      expect(line).toBe(
        `Cannot read --for "${text}": write a number with a unit, for example 500ms, 10m or 2h`,
      );
    },
  );
});

describe('parseMicroseconds()', () => {
  it.each([
    ['200', 200],
    ['200us', 200],
    ['1ms', 1000],
    ['0.5ms', 500],
    ['1s', 1_000_000],
  ])('reads %j', (text, us) => {
    expect(parseMicroseconds('--budget', text)).toBe(us);
  });
});
