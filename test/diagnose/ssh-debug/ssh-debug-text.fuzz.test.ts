/**
 * Damaged ssh output never throws, never hangs, never grows what is kept, and never reaches a
 * terminal raw. Seeded: SEQSHIM_SEED replays.
 */
import { describe, expect, it } from 'vitest';
import { judgeAttempt } from '../../../src/diagnose/ssh-debug/judge-ssh.ts';
import { attemptJson, attemptLines } from '../../../src/diagnose/ssh-debug/print-attempts.ts';
import { ATTEMPT_COUNT_MAX, SshDebugText } from '../../../src/diagnose/ssh-debug/ssh-debug-text.ts';
import { Random, SEED, SEED_HINT } from '../../helpers/seed.ts';
import { SSH_DEBUG } from '../trace.ts';
import { sshText } from './fixtures.ts';

const LINE_COUNT = 30_000;
const LONGEST_MS = 8_000;
const PIECES = ['debug1: ', 'Connecting to ', ' [', '] port ', ': ', '\u001b[31m', '\u0007', '99'];

function mutate(line: string, random: Random): string {
  let text = line;
  for (let count = random.below(3); count > 0; count--) {
    const at = random.below(text.length + 1);
    const piece = PIECES[random.below(PIECES.length)] ?? '';
    const cut = random.below(3) === 0 ? text.length : at + random.below(6);
    text = text.slice(0, at) + piece + text.slice(cut);
  }
  return text;
}

describe(`mutated lines, ${SEED_HINT}`, () => {
  it('are read, judged and printed without a throw or a hang', () => {
    const random = new Random(SEED);
    const names = ['denied', 'jump', 'killed', 'refused', 'reset', 'turned-away', 'through-master'];
    const lines = [SSH_DEBUG, ...names.map(sshText)].flatMap((text) => text.split('\n'));
    const reader = new SshDebugText();
    const started = performance.now();
    for (let count = 0; count < LINE_COUNT; count++) {
      reader.feed(mutate(lines[random.below(lines.length)] ?? '', random));
    }
    reader.end();
    expect(reader.attempts).toHaveLength(ATTEMPT_COUNT_MAX);
    expect(reader.notKept).toBeGreaterThan(0);
    const told = reader.attempts.flatMap((attempt) => {
      const because = judgeAttempt(attempt).map(({ because: text, decide }) => text + decide);
      return [...because, JSON.stringify(attemptJson(attempt))];
    });
    const text = [...told, ...attemptLines(reader.attempts)].join('\n');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what must not come out
    expect(text).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/);
    expect(performance.now() - started).toBeLessThan(LONGEST_MS);
  });

  it('made to be slow are not slow', () => {
    const evil = [
      `OpenSSH_${'a, '.repeat(1300)}`,
      `debug1: Connecting to ${'a '.repeat(1900)}`,
      `debug1: mux_client_${'refused '.repeat(500)}`,
      `Received disconnect from ${'Too many '.repeat(400)}`,
      `ssh_dispatch_run_fatal: ${'Connection to a port 1: '.repeat(160)}`,
      `${'10:00:00 '.repeat(400)}debug1: x`,
      `kex_exchange_identification: ${'banner line 1: '.repeat(250)}`,
      'x'.repeat(1_000_000),
    ];
    const reader = new SshDebugText();
    const started = performance.now();
    for (let count = 0; count < 300; count++) {
      for (const line of evil) reader.feed(line);
    }
    reader.end();
    expect(performance.now() - started).toBeLessThan(LONGEST_MS);
  });
});
