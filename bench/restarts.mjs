/**
 * Restarts under load: re-anchored and SACK-repaired transfers run while the service is restarted,
 * by turns gracefully and by kill -9. Prints how many were lost, the longest time in which a
 * transfer got nothing, and how long nobody served the queue: from the signal until the kernel
 * lists a reader of it again. Promised: none lost, 3 s, and 1.5 s at p99. No transfer is begun
 * while nobody serves: that one passes, with what the network does to it.
 *
 *   node bench/restarts.mjs [--restarts N] [--transfers N] [--megabytes N] [--quick] [--json]
 *
 * Exit 1: a promise was not kept. Needs root, namespaces and dist/. One kind after the other.
 */
import { execFile } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { rolldown } from 'rolldown';

const WORK = fileURLToPath(new URL('./restarts-work.ts', import.meta.url));
const DIST = fileURLToPath(new URL('../dist/', import.meta.url));
const LIMIT_MS = 3_600_000;
const KINDS = ['reanchored', 'sack-repaired'];
const FULL = { restarts: 50, transfers: 20, megabytes: 200 };
const QUICK = { restarts: 4, transfers: 4, megabytes: 30 };
const GAP_MAX_MS = 3000;
const OUTAGE_MAX_MS = 1500;

/** `restarts` of each kind of transfer: half of them graceful. */
export async function benchRestarts(settings) {
  const file = `${DIST}restarts-work-${process.pid}.mjs`;
  const bundle = await rolldown({
    input: WORK,
    platform: 'node',
    logLevel: 'silent',
    external: (id) => !id.startsWith('.') && !id.startsWith('/'),
  });
  await bundle.write({ file, format: 'esm' });
  await bundle.close();
  try {
    const results = [];
    for (const kind of KINDS) {
      const args = [file, JSON.stringify({ ...settings, kind })];
      const run = promisify(execFile)(process.execPath, args, { timeout: LIMIT_MS });
      results.push(JSON.parse((await run).stdout));
    }
    return results;
  } finally {
    await rm(file, { force: true });
  }
}

export function isKept({ lost, gapMs, outageMs }) {
  return lost === 0 && gapMs <= GAP_MAX_MS && outageMs.p99 <= OUTAGE_MAX_MS;
}

export function printRestarts(results) {
  console.log('kind           restarts  transfers  lost  gap max  without service p50/p99/max');
  for (const { kind, restarts, transfers, lost, gapMs, outageMs, errors } of results) {
    console.log(
      [
        kind.padEnd(14),
        String(restarts).padEnd(9),
        String(transfers).padEnd(10),
        String(lost).padEnd(5),
        `${(gapMs / 1000).toFixed(2)} s`.padEnd(8),
        [outageMs.p50, outageMs.p99, outageMs.max].map((ms) => (ms / 1000).toFixed(2)).join('/'),
        's',
      ].join(' '),
    );
    for (const error of errors) console.log(`  ${error}`);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const settings = process.argv.includes('--quick') ? { ...QUICK } : { ...FULL };
  for (const name of Object.keys(settings)) {
    const at = process.argv.indexOf(`--${name}`);
    if (at > 0) settings[name] = Number(process.argv[at + 1]);
  }
  const results = await benchRestarts(settings);
  if (process.argv.includes('--json')) console.log(JSON.stringify(results));
  else printRestarts(results);
  process.exitCode = results.every(isKept) ? 0 : 1;
}
