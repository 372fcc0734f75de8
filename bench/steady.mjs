/**
 * What an operator feels rather than counts: how long a packet waits for its verdict at 50,000
 * packets a second, and what keystrokes cost on a machine with one core while `status` is asked for
 * twice a second.
 *
 *   node bench/steady.mjs [--quick] [--json]
 *
 * Needs what bench/live.mjs needs. Microseconds.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { LiveLab, whatIsMissing } from './live-lab.mjs';
import { median, ranged, spread } from './statistics.mjs';

/** Data and its acknowledgements make about 50,000 packets a second of this, Mbit/s. */
const RATE_MBIT = 400;
const LOAD_SECONDS = 5;
const ROUNDS = 5;
const KEYSTROKES = 4000;
const STATUS_MS = 500;

export async function benchSteady({ quick = false } = {}) {
  const missing = whatIsMissing();
  if (missing !== '') return { skipped: missing };
  const settings = { seconds: 1, warmUpSeconds: 0, pingRounds: KEYSTROKES, connectMs: 100 };
  const lab = new LiveLab(settings);
  const onSignal = () => {
    lab.close();
    process.exit(130);
  };
  process.once('SIGINT', onSignal);
  process.once('SIGTERM', onSignal);
  try {
    lab.open();
    await lab.serve();
    const load = await underLoad(lab, quick ? 1 : LOAD_SECONDS);
    const keystrokes = await onOneCore(lab, quick ? 1 : ROUNDS);
    return { load, keystrokes };
  } finally {
    lab.close();
    process.off('SIGINT', onSignal);
    process.off('SIGTERM', onSignal);
  }
}

/** The packet thread's own histogram, of packets of one segment each. */
async function underLoad(lab, seconds) {
  lab.segmentBySegment(true);
  const remove = await lab.put('seqshim');
  try {
    // The first second is the compiler's.
    await lab.paced(RATE_MBIT, 1);
    const before = await lab.status();
    await lab.paced(RATE_MBIT, seconds);
    const { packets, latencyUs, shed } = await lab.status();
    return { packetsPerSecond: (packets - before.packets) / seconds, latencyUs, shed };
  } finally {
    await remove();
    lab.segmentBySegment(false);
  }
}

/** Everything on one core: both ends, the shim, and somebody who asks for its status. */
async function onOneCore(lab, rounds) {
  const seen = { none: [], seqshim: [], auto: [] };
  let memoryKib = 0;
  lab.oneCore = true;
  try {
    for (let round = 0; round < rounds; round++) {
      for (const variant of Object.keys(seen)) {
        const remove = await lab.put(variant);
        const stopAsking = variant === 'none' ? async () => {} : askOften(lab);
        try {
          seen[variant].push(await lab.keystrokes());
          if (variant !== 'none') memoryKib = Math.max(memoryKib, residentKib(lab.shimPid));
        } finally {
          await stopAsking();
          await remove();
        }
      }
    }
  } finally {
    lab.oneCore = false;
  }
  const p99 = Object.entries(seen).map(([variant, values]) => {
    return [variant, { median: median(values), spread: spread(values) }];
  });
  return { p99Us: Object.fromEntries(p99), memoryMib: Math.round(memoryKib / 1024) };
}

/** Somebody who watches `status`; resolves when stopped and the last question is answered. */
function askOften(lab) {
  let asked = Promise.resolve();
  const timer = setInterval(() => {
    asked = asked.then(() => lab.status());
    asked.catch(() => {}); // whoever stops it hears of it
  }, STATUS_MS);
  return async () => {
    clearInterval(timer);
    await asked;
  };
}

/** The largest that the process has been. */
function residentKib(pid) {
  return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
}

export function printSteady(result) {
  if (result.skipped !== undefined) {
    console.log(`steady: not run, ${result.skipped}`);
    return;
  }
  const { load, keystrokes } = result;
  const { p50, p99, p999, max } = load.latencyUs;
  console.log(
    `verdict latency at ${Math.round(load.packetsPerSecond)} packets/s: p50 ${p50}, p99 ${p99}, p99.9 ${p999}, max ${max} us, shed ${load.shed}`,
  );
  const cells = Object.entries(keystrokes.p99Us).map(([variant, { median: middle, spread: s }]) => {
    return `${variant} ${ranged(middle, s, 0)}`;
  });
  console.log(
    `keystrokes on one core, p99 us: ${cells.join(', ')}; seqshim holds ${keystrokes.memoryMib} MiB`,
  );
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const result = await benchSteady({ quick: process.argv.includes('--quick') });
  if (process.argv.includes('--json')) console.log(JSON.stringify(result));
  else printSteady(result);
}
