/**
 * Durations as operators write them: a number with a unit, or a bare number in the option's own
 * unit. Owns nothing. Results are in milliseconds (or microseconds for `parseMicroseconds`).
 */
import { OptionError } from './errors.ts';

const UNIT_US: Readonly<Record<string, number>> = {
  us: 1,
  µs: 1,
  ms: 1000,
  s: 1_000_000,
  m: 60_000_000,
  h: 3_600_000_000,
  d: 86_400_000_000,
};

const FORM = /^(\d+(?:\.\d+)?)\s*(us|µs|ms|s|m|h|d)?$/;

function parse(name: string, text: string, bareUnit: string): number {
  const match = FORM.exec(text.trim());
  const unit = UNIT_US[match?.[2] ?? bareUnit];
  if (match === null || unit === undefined) {
    throw new OptionError(
      name.replace(/^--/, ''),
      `"${text}"`,
      'write a number with a unit, for example 500ms, 10m or 2h',
      { verb: 'read' },
    );
  }
  return Number(match[1]) * unit;
}

/** Bare numbers are seconds. */
export function parseMilliseconds(name: string, text: string): number {
  return Math.round(parse(name, text, 's') / 1000);
}

/** Bare numbers are microseconds. */
export function parseMicroseconds(name: string, text: string): number {
  return Math.round(parse(name, text, 'us'));
}
