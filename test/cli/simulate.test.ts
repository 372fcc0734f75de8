/** `simulate` as it is called: exit codes, JSON without the clock, threads, mistakes. */
import { describe, expect, it } from 'vitest';
import { runCliWithoutNative } from './cli-run.ts';

const MISTAKES = [
  [['--seed', 'x'], /^Cannot use --seed "x": it must be a whole number from 0 to 2147483647\n$/],
  [['--seed', '1e9'], /^Cannot use --seed "1e9"/],
  [['--connections', '0'], /^Cannot use --connections "0": it must be a whole number from 1/],
  [['--threads', '-1'], /--threads/],
  [['--hours', '0'], /^Cannot use --hours "0": it must be more than 0/],
] as const;

describe('seqshim simulate', () => {
  it('says what was simulated', async () => {
    const { exitCode, stdout, stderr } = await runCliWithoutNative('simulate', '--connections=3');
    expect([exitCode, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^every claim holds: \d+ connections in \d+ worlds, seeds 1 to \d+\n/);
  });

  it('gives the same JSON on one thread and on two, byte for byte', async () => {
    const args = ['simulate', '--seed', '7', '--connections', '150', '--json', '--threads'];
    const one = await runCliWithoutNative(...args, '1');
    const two = await runCliWithoutNative(...args, '2');
    expect([one.exitCode, two.stdout]).toEqual([0, one.stdout]);
    const { traceHash, ...told } = JSON.parse(one.stdout) as Record<string, unknown>;
    expect(traceHash).toMatch(/^[0-9a-f]{8}$/);
    expect(told).toMatchObject({ schema: 1, seed: 7, failures: [], smallest: null });
    expect(Object.keys(told)).toEqual([
      'schema',
      'seed',
      'lastSeed',
      'worlds',
      'connections',
      'broken',
      'saved',
      'excused',
      'laterUsMax',
      'laterCleanUsMax',
      'failures',
      'smallest',
    ]);
  });

  it('ends when its time is up', async () => {
    const { exitCode, stdout } = await runCliWithoutNative('simulate', '--hours', '0.0001');
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^every claim holds: /);
  });

  it.each(MISTAKES)('%j is a mistake in one line', async (args, says) => {
    const { exitCode, stdout, stderr } = await runCliWithoutNative('simulate', ...args);
    expect([exitCode, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(says);
  });
});
