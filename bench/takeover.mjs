/**
 * Transfers that the kernel translates, over two gateways with keepalived and conntrackd, of which
 * the active one dies in the middle: how many survive, and how long they wait. Beside it the same
 * without conntrackd. The lab is that of `test/e2e/two-gateways.e2e.test.ts`.
 * Promised: 20 of 20 transfers of 200 MB, SHA-256 equal at both ends.
 *
 *   node bench/takeover.mjs [--quick] [--json]
 *
 * Needs root, iptables, keepalived, conntrackd and dist/. ms; gaps as the receiver saw them.
 */
import { release } from 'node:os';
import { fileURLToPath } from 'node:url';
import { programExists } from './spaces.mjs';
import { median } from './statistics.mjs';
import { whatTheWallLacks } from './wall-lab.mjs';

const FULL = { transferCount: 20, bytes: 200_000_000, pauseMs: 1, settleMs: 2000 };
const QUICK = { transferCount: 4, bytes: 30_000_000, pauseMs: 20, settleMs: 1000 };
/** Without conntrackd: few are enough, and they are not waited for as long. */
const CONTROL = { ...QUICK, patienceMs: 20_000, sync: false };

function lacks() {
  const absent = ['keepalived', 'conntrackd'].find((name) => !programExists(name));
  return whatTheWallLacks([]) || (absent === undefined ? '' : `needs ${absent}`);
}

function figures({ transfers, kernelFlows, underWay, addressMs }) {
  const gaps = transfers.map(({ gapMs }) => gapMs).filter((ms) => ms >= 0);
  return {
    transfers: transfers.length,
    survived: transfers.filter(({ ok }) => ok).length,
    kernelFlows,
    underWay,
    addressMs,
    gapMs: gaps.length === 0 ? null : { median: median(gaps), max: Math.max(...gaps) },
    errors: [...new Set(transfers.filter(({ ok }) => !ok).map(({ error }) => error))],
  };
}

export async function benchTakeover({ quick = false } = {}) {
  const missing = lacks();
  if (missing !== '') return { skipped: missing };
  const { takeOver } = await import('../dist/takeover.js');
  const options = { ...(quick ? QUICK : FULL), patienceMs: 150_000, sync: true };
  const synced = figures(await takeOver(options));
  const control = figures(await takeOver(CONTROL));
  return { kernel: release(), octets: options.bytes, synced, control };
}

export function printTakeover(result) {
  if (result.skipped !== undefined) {
    console.log(`takeover: not run, ${result.skipped}`);
    return;
  }
  const { kernel, octets, synced, control } = result;
  console.log(`takeover: transfers of ${octets / 1e6} MB, Linux ${kernel}`);
  for (const [name, one] of Object.entries({ conntrackd: synced, 'without it': control })) {
    const gaps = one.gapMs && `, gap median ${one.gapMs.median} ms, longest ${one.gapMs.max} ms`;
    const alive = `${one.survived} of ${one.transfers} survived (${one.underWay} under way)`;
    console.log(`${name.padEnd(14)}${alive}, address after ${one.addressMs} ms${gaps ?? ''}`);
    for (const error of one.errors) console.log(`${''.padEnd(14)}${error}`);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const result = await benchTakeover({ quick: process.argv.includes('--quick') });
  if (process.argv.includes('--json')) console.log(JSON.stringify(result));
  else printTakeover(result);
}
