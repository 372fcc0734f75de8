/**
 * Packets a second through the engine alone, on one core, and a hash of what it decided: the same
 * seed gives the same hash on every machine.
 *
 *   node bench/engine.mjs [--quick] [--json]      SEQSHIM_SEED (1)
 */
import { execFile } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { rolldown } from 'rolldown';
import { median, spread } from './statistics.mjs';

const WORK = fileURLToPath(new URL('./engine-work.ts', import.meta.url));
const LOOKUP_WORK = fileURLToPath(new URL('./lookup-work.ts', import.meta.url));
const CACHE = fileURLToPath(new URL('../node_modules/.cache/seqshim/', import.meta.url));
const LIMIT_MS = 120_000;

/** In a process of its own: what else was compiled before must not decide how fast it is. */
export async function benchEngine({ quick = false } = {}) {
  const engine = summarize(await work(WORK, quick));
  return { ...engine, lookup: summarizeLookups(await work(LOOKUP_WORK, quick)) };
}

async function work(input, quick) {
  const file = `${CACHE}engine-work-${process.pid}.mjs`;
  const bundle = await rolldown({ input, platform: 'node', logLevel: 'silent' });
  await bundle.write({ file, format: 'esm' });
  await bundle.close();
  try {
    const args = quick ? [file, '--quick'] : [file];
    const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: LIMIT_MS });
    return JSON.parse(stdout);
  } finally {
    await rm(file, { force: true });
  }
}

/** Of the larger table against the smaller one, for packets that come one by one, and in bursts. */
function summarizeLookups({ bytesPerFlow, results }) {
  const counts = Object.keys(results);
  const bursts = Object.keys(results[counts[0]]).map((burst) => {
    const ns = counts.map((count) => median(results[count][burst]));
    return { burst: Number(burst), ns, ratio: ns[1] / ns[0] };
  });
  return { counts: counts.map(Number), bytesPerFlow, bursts };
}

function summarize({ seed, packets, results, checksum }) {
  const figures = {};
  for (const [name, { packetsPerSecond, hash, withEvidence }] of Object.entries(results)) {
    // Neighbours in time: what else the machine does falls on both.
    const shares = withEvidence.map((rate, i) => rate / packetsPerSecond[i]);
    figures[name] = {
      withEvidence: median(shares),
      packetsPerSecond: { median: median(packetsPerSecond), spread: spread(packetsPerSecond) },
      hash,
    };
  }
  const rates = Object.entries(checksum).map(([way, rates]) => {
    return [way, { octetsPerSecond: { median: median(rates), spread: spread(rates) } }];
  });
  return { seed, packets, figures, checksum: Object.fromEntries(rates) };
}

export function printEngine({ seed, packets, figures, checksum, lookup }) {
  console.log(
    `${`engine, seed ${seed}`.padEnd(26)}${'million packets/s'.padStart(24)}${'hash'.padStart(12)}`,
  );
  for (const [name, { packetsPerSecond, hash, withEvidence }] of Object.entries(figures)) {
    const [low, high] = packetsPerSecond.spread;
    const rate = [packetsPerSecond.median, low, high].map((value) => (value / 1e6).toFixed(2));
    const cell = `${rate[0]} (${rate[1]}-${rate[2]})`.padStart(24);
    const told = `with evidence ×${withEvidence.toFixed(2)}`;
    console.log(`${name.padEnd(26)}${cell}${hash.toString(16).padStart(12)}  ${told}`);
  }
  console.log(`${packets} packets a run`);
  for (const [way, { octetsPerSecond }] of Object.entries(checksum)) {
    const [low, high] = octetsPerSecond.spread;
    const rate = [octetsPerSecond.median, low, high].map((value) => (value / 1e9).toFixed(1));
    const name = `checksum of 64 KiB, ${way}`.padEnd(26);
    console.log(`${name}${rate[0]} GB/s (${rate[1]}-${rate[2]})`);
  }
  for (const { burst, ns, ratio } of lookup.bursts) {
    const name = `lookup, bursts of ${burst}`.padEnd(26);
    const times = ns.map((value, i) => `${value.toFixed(1)} ns of ${lookup.counts[i]} flows`);
    console.log(`${name}${times.join(', ')}: ${ratio.toFixed(2)}`);
  }
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const result = await benchEngine({ quick: process.argv.includes('--quick') });
  if (process.argv.includes('--json')) console.log(JSON.stringify(result));
  else printEngine(result);
}
