/** What of an attempt is success, and how attempts are counted and told. */
import { describe, expect, it } from 'vitest';
import type { Attempt, Outcome, Way } from '../../src/probe/attempt.ts';
import { Greeting } from '../../src/probe/greeting.ts';
import { attemptText } from '../../src/probe/print-probe.ts';
import { summarize, summaryText } from '../../src/probe/summary.ts';

const attempt = (outcome: Outcome, ms = 10, way: Way = 'bare'): Attempt => ({
  number: 1,
  way,
  outcome,
  localPort: 40_000,
  ms,
  greeting: outcome === 'greeted' ? 'SSH-2.0-x' : '',
  error: outcome === 'reset' ? 'ECONNRESET' : '',
});

const said = (...pieces: string[]): Greeting => {
  const greeting = new Greeting();
  for (const piece of pieces) greeting.add(Buffer.from(piece, 'latin1'));
  return greeting;
};

describe('Greeting', () => {
  it('is the first whole line, however it is cut', () => {
    expect(said('SSH-2.0-Open').line(true)).toBeUndefined();
    expect(said('SSH-2.0-Open', 'SSH_9.9\r\n').line(true)).toBe('SSH-2.0-OpenSSH_9.9');
    expect(said('220 mail\r\nmore\r\n').line(false)).toBe('220 mail');
  });

  it('of ssh is its identification, behind whatever stands before it', () => {
    expect(said('Not allowed\r\n').line(true)).toBeUndefined();
    expect(said('be welcome\r\nSSH-2.0-x\r\n').line(true)).toBe('SSH-2.0-x');
  });

  it('is printable and short, whatever the server sends', () => {
    expect(said(`\x1b[31m${'\x00\xff'.repeat(5000)}\n`).line(false)).toMatch(
      /^[\x20-\x7e]{1,120}$/,
    );
  });
});

describe('summarize()', () => {
  it('counts each way by itself, with the median of what succeeded', () => {
    const attempts = [
      attempt('greeted', 18, 'shim'),
      attempt('reset', 5),
      attempt('greeted', 20, 'shim'),
      attempt('greeted', 30),
      attempt('greeted', 99, 'shim'),
    ];
    expect(summarize(attempts, 'bare', 22)).toEqual({ ok: 1, count: 2, p50Ms: 30 });
    expect(summaryText(summarize(attempts, 'shim', 22))).toBe('3/3 (p50 20 ms)');
  });

  it('takes silence for success only where the server never speaks first', () => {
    expect(summarize([attempt('quiet')], 'bare', 7).ok).toBe(1);
    expect(summarize([attempt('quiet')], 'bare', 22).ok).toBe(0);
    expect(summarize([attempt('quiet'), attempt('greeted')], 'bare', 25).ok).toBe(1);
  });

  it('leaves out what was interrupted', () => {
    expect(summarize([attempt('stopped')], 'bare', 22)).toEqual({ ok: 0, count: 0, p50Ms: null });
  });
});

describe('attemptText()', () => {
  it('is one line', () => {
    expect(attemptText(attempt('greeted', 1.23))).toBe(
      'the server’s first line came: SSH-2.0-x, 1.2 ms',
    );
    expect(attemptText(attempt('reset', 18, 'shim'))).toBe(
      'connection reset (ECONNRESET), 18.0 ms, with the shim',
    );
  });
});
