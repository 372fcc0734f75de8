/**
 * Connections that a phantom's SYN-ACK put onto wrong numbers, and that were moved onto those of
 * the server: translated by conntrack (`--translate kernel`), and by seqshim itself, beside the
 * same transfer on the same path without fault or shim, and without fault behind the shim (settled:
 * what translating itself costs is the rest), turn and turn about. The firewall itself sees SYNs
 * only.
 * Promised: 0.95 of the untranslated one by the kernel, 0.7 in userspace.
 *
 *   node bench/translation.mjs [--quick] [--rounds N] [--json]
 *
 * Needs root, iptables and dist/. Mbit/s, of the receiver's time from first to last octet.
 */
import { execFile } from 'node:child_process';
import { release } from 'node:os';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { inSpace, pause } from './spaces.mjs';
import { median, ranged, ratios, spread } from './statistics.mjs';
import { FAR, whatTheWallLacks, withWall } from './wall-lab.mjs';

const PEER = fileURLToPath(new URL('../dist/peer.js', import.meta.url));
const ECHO_PORT = 5203;
const PORT = 5204;
const OCTETS = 500_000_000;
const QUICK_OCTETS = 50_000_000;
const ROUNDS = 15;
const TIMEOUT_MS = 60_000;
const WAYS = ['up', 'down'];
/** What `seqshim run` is told to translate with, where it runs, and whether there is a phantom. */
const VARIANTS = {
  untranslated: {},
  settled: { translate: 'user' },
  kernel: { translate: 'kernel', phantom: true },
  userspace: { translate: 'user', phantom: true },
};
/** What each is measured against. */
const AGAINST = ['untranslated', 'settled'];

async function transfer(lab, way, octets) {
  const command = [process.execPath, PEER, 'bulk', FAR, String(PORT), way, String(octets), '0'];
  const args = ['netns', 'exec', lab.names.near, ...command];
  const { stdout } = await promisify(execFile)('ip', args, { timeout: TIMEOUT_MS });
  const { ok, error, transferMs } = JSON.parse(stdout);
  if (!ok) throw new Error(`${way}: ${error}`);
  return (octets * 8) / transferMs / 1000;
}

/** A phantom that offers what the server offers: conntrack can shift numbers and nothing else. */
async function measure(lab, { translate, phantom = false }, wndScale, octets) {
  const undo = [];
  try {
    if (phantom) {
      const fault = { kind: 'phantom-synack', wndScale, timestamps: false };
      undo.unshift(await lab.putFirewall(fault, '--syn'));
    }
    if (translate !== undefined) {
      undo.unshift(await lab.putShim('near', '--translate', translate));
    }
    const up = await transfer(lab, 'up', octets);
    const down = await transfer(lab, 'down', octets);
    await lab.untilEnded();
    return { up, down };
  } finally {
    for (const step of undo) await step();
  }
}

/** What the server would offer: the scale of a connection through the healthy path. */
async function scaleOfServer(lab) {
  const { near } = lab.names;
  const args = ['netns', 'exec', near, process.execPath, PEER, 'talk', FAR, String(ECHO_PORT)];
  const talk = promisify(execFile)('ip', [...args, '1000'], { timeout: TIMEOUT_MS });
  await pause(500);
  const scale = /wscale:(\d+),/.exec(inSpace(near, 'ss', '-tin'))?.[1];
  await talk;
  return Number(scale);
}

export async function benchTranslation({ quick = false, rounds = quick ? 1 : ROUNDS } = {}) {
  const missing = whatTheWallLacks([]);
  if (missing !== '') return { skipped: missing };
  const names = Object.keys(VARIANTS);
  const seen = Object.fromEntries(names.map((name) => [name, []]));
  await withWall(PORT, async (lab) => {
    lab.start(lab.names.far, [process.execPath, PEER, 'serve', String(ECHO_PORT), String(PORT)]);
    await pause(500);
    const scale = await scaleOfServer(lab);
    for (let round = 0; round < rounds; round++) {
      for (let i = 0; i < names.length; i++) {
        const name = names[(i + round) % names.length];
        const octets = quick ? QUICK_OCTETS : OCTETS;
        seen[name].push(await measure(lab, VARIANTS[name], scale, octets));
      }
    }
  });
  const figures = names.map((variant) => {
    const rows = seen[variant];
    const of = (way) => {
      const values = rows.map((row) => row[way]);
      const against = Object.fromEntries(
        AGAINST.map((other) => {
          const { median: ratio, interval } = ratios(rows, seen[other], way);
          return [other, { ratio, interval }];
        }),
      );
      return [way, { median: median(values), spread: spread(values), against }];
    };
    return { variant, ...Object.fromEntries(WAYS.map(of)) };
  });
  return { kernel: release(), rounds, octets: quick ? QUICK_OCTETS : OCTETS, figures };
}

export function printTranslation(result) {
  if (result.skipped !== undefined) {
    console.log(`translation: not run, ${result.skipped}`);
    return;
  }
  const { kernel, rounds, octets, figures } = result;
  console.log(`translation: ${octets / 1e6} MB each way x ${rounds}, Linux ${kernel}`);
  console.log(`ratios (95 %): of ${AGAINST.join(', of ')}`);
  for (const { variant, ...ways } of figures) {
    const cells = WAYS.map((way) => {
      const { median: middle, spread: range, against } = ways[way];
      const of = AGAINST.map((other) => ranged(against[other].ratio, against[other].interval, 2));
      const rate = `${way} ${ranged(middle, range, 0)} Mbit/s`;
      return rate.padEnd(34) + of.map((one) => one.padEnd(18)).join('');
    });
    console.log(variant.padEnd(14) + cells.join(''));
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const at = process.argv.indexOf('--rounds');
  const rounds = at < 0 ? {} : { rounds: Number(process.argv[at + 1]) };
  const result = await benchTranslation({ quick: process.argv.includes('--quick'), ...rounds });
  if (process.argv.includes('--json')) console.log(JSON.stringify(result));
  else printTranslation(result);
}
