/** Log lines and a reader who stops reading, on a real pipe. */
import { execFileSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LogOutput } from '../../src/telemetry/log-output.ts';

const PIPE_BYTES_MAX = 1 << 20;
const KEPT_BYTES_MAX = 1 << 20;
const RETRIED_MS = 300;

let dir: string;
let fd: number;
let lost: number[];
let output: LogOutput;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'seqshim-log-'));
  const path = join(dir, 'pipe');
  execFileSync('mkfifo', [path]);
  fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
  lost = [];
  output = new LogOutput(fd, (lines) => lost.push(lines));
});
afterEach(() => {
  closeSync(fd);
  rmSync(dir, { recursive: true });
});

/** What is in the pipe. */
function read(): string {
  const buffer = Buffer.alloc(PIPE_BYTES_MAX);
  try {
    return buffer.toString('utf8', 0, readSync(fd, buffer));
  } catch {
    return '';
  }
}

async function readAll(): Promise<string> {
  let all = '';
  for (let quietMs = 0; quietMs < RETRIED_MS; quietMs += 20) {
    const text = read();
    if (text !== '') quietMs = 0;
    all += text;
    await pause(20);
  }
  return all;
}

const line = (i: number) => `${i} ${'x'.repeat(990)}\n`;
const numbers = (text: string) => text.split('\n').map((entry) => entry.split(' ')[0]);

describe('LogOutput', () => {
  it('writes at once', () => {
    output.write('one\n');
    output.write('two\n');
    expect(read()).toBe('one\ntwo\n');
  });

  it('keeps whole lines in order while nobody reads, and returns at once', async () => {
    const count = 500;
    const start = performance.now();
    for (let i = 0; i < count; i++) output.write(line(i));
    expect(performance.now() - start).toBeLessThan(1000);
    const text = await readAll();
    expect(text).toBe(Array.from({ length: count }, (_, i) => line(i)).join(''));
    expect(lost).toEqual([]);
  });

  it('ends a line that was begun', async () => {
    const filler = 'f'.repeat(4000);
    try {
      for (;;) writeSync(fd, filler);
    } catch {
      // it is full
    }
    const long = `${'y'.repeat(20_000)}\n`;
    const buffer = Buffer.alloc(8192);
    readSync(fd, buffer);
    output.write(long);
    output.write('next\n');
    expect((await readAll()).endsWith(`${long}next\n`)).toBe(true);
  });

  it('loses and counts what is too much, and says so when somebody reads again', async () => {
    const count = 3000;
    for (let i = 0; i < count; i++) output.write(line(i));
    const seen = numbers(await readAll()).filter((entry) => entry !== '');
    expect(seen).toEqual(Array.from({ length: seen.length }, (_, i) => String(i)));
    expect(seen.length).toBeGreaterThan(KEPT_BYTES_MAX / 1000);
    expect(lost).toEqual([count - seen.length]);
  });

  it('is quiet when the reader is gone', () => {
    const path = join(dir, 'other');
    execFileSync('mkfifo', [path]);
    const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const writer = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
    const deserted = new LogOutput(writer, () => {});
    closeSync(reader);
    expect(() => deserted.write('one\n')).not.toThrow();
    expect(() => deserted.write('two\n')).not.toThrow();
    closeSync(writer);
  });
});
