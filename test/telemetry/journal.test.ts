/** A journal behind our output: recognised by its socket, told priorities that it cuts off. */
import { closeSync, fstatSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { leadsToJournal, withPriority } from '../../src/telemetry/journal.ts';
import { formOf } from '../../src/telemetry/log.ts';

describe('leadsToJournal()', () => {
  it('compares device and inode', () => {
    const dir = mkdtempSync(join(tmpdir(), 'seqshim-journal-'));
    const fd = openSync(join(dir, 'out'), 'w');
    const { dev, ino } = fstatSync(fd, { bigint: true });
    expect(leadsToJournal(fd, `${dev}:${ino}`)).toBe(true);
    // Set for the unit, and not for us: output was redirected.
    for (const stream of [`${dev}:${ino + 1n}`, `${dev + 1n}:${ino}`, '', 'x', undefined]) {
      expect(leadsToJournal(fd, stream)).toBe(false);
    }
    closeSync(fd);
    expect(leadsToJournal(fd, `${dev}:${ino}`)).toBe(false);
    rmSync(dir, { recursive: true });
  });
});

describe('withPriority()', () => {
  it.each([
    ['debug', 7],
    ['info', 6],
    ['warn', 4],
    ['error', 3],
    ['fatal', 2],
  ])('%s is severity %i of syslog', (level, priority) => {
    const line = `{"level":"${level}","msg":"x"}\n`;
    expect(withPriority(line)).toBe(`<${priority}>${line}`);
  });
});

describe('formOf()', () => {
  const dir = mkdtempSync(join(tmpdir(), 'seqshim-journal-'));
  const fd = openSync(join(dir, 'out'), 'w');
  const { dev, ino } = fstatSync(fd, { bigint: true });
  const journalStream = `${dev}:${ino}`;
  rmSync(dir, { recursive: true });
  const form = (format: 'auto' | 'json' | 'text', stream: string | undefined, isTTY = false) =>
    formOf({ level: 'info', format, journalStream: stream }, fd, isTTY);

  it('is what auto finds: a terminal, a journal, anything else', () => {
    expect(form('auto', undefined, true)).toBe('text');
    expect(form('auto', journalStream)).toBe('journal');
    expect(form('auto', '1:1')).toBe('json');
    expect(form('auto', undefined)).toBe('json');
  });

  it('is what was asked for, wherever it goes', () => {
    expect(form('json', journalStream)).toBe('json');
    expect(form('text', journalStream)).toBe('text');
    expect(form('json', undefined, true)).toBe('json');
  });
});
