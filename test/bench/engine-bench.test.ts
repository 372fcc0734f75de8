/**
 * The engine's bench on little input, so that it cannot rot: it runs, and decides the same twice.
 */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

interface EngineBench {
  figures: Record<string, { packetsPerSecond: { median: number }; hash: number }>;
}

const SCRIPT = fileURLToPath(new URL('../../bench/engine.mjs', import.meta.url));

function bench(seed: string): EngineBench {
  const env = { ...process.env, SEQSHIM_SEED: seed };
  const options = { encoding: 'utf8', env, timeout: 60_000 } as const;
  return JSON.parse(execFileSync(process.execPath, [SCRIPT, '--quick', '--json'], options));
}

const hashes = (result: EngineBench) => Object.values(result.figures).map(({ hash }) => hash);

test('bench/engine.mjs decides the same for the same seed, and counts packets', () => {
  const first = bench('7');
  expect(Object.keys(first.figures)).toEqual(['cleanData', 'handshakes', 'sackHeavy']);
  for (const { packetsPerSecond } of Object.values(first.figures)) {
    expect(packetsPerSecond.median).toBeGreaterThan(1000);
  }
  expect(hashes(bench('7'))).toEqual(hashes(first));
  expect(hashes(bench('8'))).not.toEqual(hashes(first));
}, 120_000);
