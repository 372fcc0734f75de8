/**
 * The live bench for a few seconds, so that it cannot rot. Its figures mean nothing here: only that
 * traffic flows in each of its variants. Needs root, dist/ and what the bench needs.
 */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const SCRIPT = fileURLToPath(new URL('../../bench/live.mjs', import.meta.url));

test('bench/live.mjs measures every variant', () => {
  const options = { encoding: 'utf8', timeout: 100_000 } as const;
  // Without the proxies and the binding, which need packages of their own.
  const own = ['none', 'c-example', 'c-same-rules', 'seqshim', 'auto'];
  const args = [SCRIPT, '--quick', '--json', '--only', own.join(',')];
  const result = JSON.parse(execFileSync(process.execPath, args, options));
  expect(result).not.toHaveProperty('skipped');
  const variants = Object.keys(result.figures);
  expect(variants).toEqual(own);
  for (const variant of variants) {
    for (const metric of ['up', 'down', 'p50', 'p99', 'connects', 'cpuUp', 'cpuDown']) {
      expect(result.figures[variant][metric].median, `${variant} ${metric}`).toBeGreaterThan(0);
    }
  }
});
