/** The log: JSON lines for machines, one readable line each for people. */
import { describe, expect, it } from 'vitest';
import { openLog } from '../../src/telemetry/log.ts';
import { Lines } from './event-ring.ts';

function logged(format: 'auto' | 'json' | 'text', level = 'info'): Lines {
  const out = new Lines();
  const log = openLog({ level, format }, out);
  log.info({ targets: ['10.0.0.0/8'], port: 22 }, 'ready');
  log.debug({}, 'detail');
  log.warn({ reason: 'x' }, 'injection failed');
  log.error({}, 'rules remain');
  return out;
}

describe('openLog()', () => {
  it('writes JSON with level names and RFC 3339 UTC times, and nothing about the process', () => {
    const [ready, ...others] = logged('json').json();
    expect(ready).toEqual({
      level: 'info',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]{12}Z$/),
      targets: ['10.0.0.0/8'],
      port: 22,
      msg: 'ready',
    });
    expect(others.map(({ level, msg }) => `${level} ${msg}`)).toEqual([
      'warn injection failed',
      'error rules remain',
    ]);
  });

  it('writes text with the fields behind the message', () => {
    const lines = logged('text').lines.map((line) =>
      line.replace(/^\d{4}-\d\d-\d\dT[\d:.]{12}Z /, ''),
    );
    expect(lines).toEqual([
      'info  ready targets=["10.0.0.0/8"] port=22\n',
      'warn  injection failed reason=x\n',
      'error rules remain\n',
    ]);
  });

  it('writes text that neither ends a line nor speaks to the terminal', () => {
    const out = new Lines();
    const said = 'a\nb\x1b[2J\u009b1m';
    openLog({ level: 'info', format: 'text' }, out).info({ said, list: [said] }, 'audit');
    expect(out.lines.length).toBe(1);
    expect(out.lines[0]).toMatch(/^[\x20-\x7e]+\n$/);
    expect(out.lines[0]).toContain('said=a\\u000ab\\u001b[2J\\u009b1m');
  });

  it('is JSON by itself where standard output is no terminal', () => {
    const text = process.stdout.isTTY === true;
    expect(logged('auto').lines[0]?.startsWith('{')).toBe(!text);
  });

  it('keeps to the least level', () => {
    const messages = (level: string) => logged('json', level).json().length;
    expect(['debug', 'info', 'warn', 'error'].map(messages)).toEqual([4, 3, 2, 1]);
  });
});
