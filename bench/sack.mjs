/**
 * Large transfers over a long path that loses packets, behind a firewall that renumbers: one that
 * moves SACK blocks with the rest (healthy), and one that forgets them (blind), without and with
 * `seqshim run`, turn and turn about. Prints medians and their ratios; promised is 0.95 of the
 * healthy firewall where it is faster than the blind one by a fifth, and never less elsewhere.
 *
 *   node bench/sack.mjs [--seconds N] [--rounds N] [--json] [--only up|down]
 *
 * Needs root, iperf3, iptables, nstat and dist/. Mbit/s.
 */
import { execFile } from 'node:child_process';
import { release } from 'node:os';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { inSpace, pause } from './spaces.mjs';
import { median, ranged, spread } from './statistics.mjs';
import { FAR, whatTheWallLacks, withWall } from './wall-lab.mjs';

const PORT = 5201;
const LAG_MS = 10;
const LOSSES = [0.0005, 0.01];
const CONTROLS = ['bbr', 'cubic'];
/** 20 ms at a gigabit are 2.5 MB; the windows must not be what limits. */
const BUFFERS = '4096 131072 33554432';
/** What seqshim needs to learn a path in auto mode. */
const LESSON_SECONDS = 2;

/** Who stands where: `blind` firewall or not, shims near and far, SACK of the hosts. */
const VARIANTS = {
  up: {
    healthy: { blind: false },
    blind: { blind: true },
    'seqshim repair': { blind: true, near: 'repair' },
  },
  down: {
    healthy: { blind: false },
    blind: { blind: true },
    'sack off': { blind: true, sack: 0 },
    'seqshim auto': { blind: true, near: 'auto', lesson: true },
    'both ends': { blind: true, near: 'repair', far: 'repair' },
  },
};
/** What each variant is measured against. */
const AGAINST = {
  up: { 'seqshim repair': 'healthy' },
  down: { 'seqshim auto': 'sack off', 'both ends': 'healthy' },
};

class Bench {
  constructor(lab) {
    this.lab = lab;
  }

  open() {
    const { near, far } = this.lab.names;
    for (const space of [near, far]) {
      for (const name of ['tcp_rmem', 'tcp_wmem']) {
        inSpace(space, 'sysctl', '-qw', `net.ipv4.${name}=${BUFFERS}`);
      }
    }
    this.lab.start(far, ['iperf3', '-s', '-p', String(PORT)]);
  }

  async iperf(way, control, seconds) {
    const args = ['-J', '-c', FAR, '-p', String(PORT), '-t', String(seconds), '-C', control];
    if (way === 'down') args.push('-R');
    const command = ['netns', 'exec', this.lab.names.near, 'iperf3', ...args];
    const options = { timeout: seconds * 1000 + 30_000, maxBuffer: 1 << 24 };
    const { stdout } = await promisify(execFile)('ip', command, options);
    return JSON.parse(stdout).end.sum_received.bits_per_second / 1e6;
  }

  counter(way, name) {
    const { near, far } = this.lab.names;
    const space = way === 'up' ? near : far;
    return Number(new RegExp(`${name}\\s+(\\d+)`).exec(inSpace(space, 'nstat', '-asz', name))?.[1]);
  }

  /** One transfer: its rate, its sender's RTOs, SACK blocks thrown away behind its first second. */
  async measure(way, { blind, near, far, sack = 1, lesson = false }, control, loss, seed, seconds) {
    const { lab } = this;
    for (const space of [lab.names.near, lab.names.far]) {
      inSpace(space, 'sysctl', '-qw', `net.ipv4.tcp_sack=${sack}`);
    }
    const fault = { offsets: true, sackBlind: blind, lagMs: LAG_MS, loss, seed };
    const undo = [await lab.putFirewall(fault)];
    try {
      if (far !== undefined) undo.unshift(await lab.putShim('far', '--sack', far));
      if (near !== undefined) undo.unshift(await lab.putShim('near', '--sack', near));
      if (lesson) {
        await this.iperf('up', control, LESSON_SECONDS);
        await lab.untilEnded();
      }
      const timeouts = this.counter(way, 'TcpExtTCPTimeouts');
      let discarded = this.counter(way, 'TcpExtTCPSACKDiscard');
      const second = setTimeout(() => {
        discarded = this.counter(way, 'TcpExtTCPSACKDiscard');
      }, 1300);
      const rate = await this.iperf(way, control, seconds);
      clearTimeout(second);
      await lab.untilEnded();
      return {
        rate,
        timeouts: this.counter(way, 'TcpExtTCPTimeouts') - timeouts,
        discarded: this.counter(way, 'TcpExtTCPSACKDiscard') - discarded,
      };
    } finally {
      for (const step of undo) await step();
    }
  }
}

export async function benchSack({ seconds = 20, rounds = 5, only } = {}) {
  const missing = whatTheWallLacks(['iperf3', 'nstat']);
  if (missing !== '') return { skipped: missing };
  const rows = await withWall(PORT, async (lab) => {
    const bench = new Bench(lab);
    bench.open();
    await pause(300);
    const found = [];
    for (const way of Object.keys(VARIANTS).filter((name) => only === undefined || only === name)) {
      for (const control of CONTROLS) {
        for (const loss of LOSSES) {
          found.push(...(await compare(bench, way, control, loss, { seconds, rounds })));
        }
      }
    }
    return found;
  });
  return { kernel: release(), seconds, rounds, roundTripMs: 2 * LAG_MS, rows };
}

/** All variants of one direction, interleaved; the same seed for all of a round. */
async function compare(bench, way, control, loss, { seconds, rounds }) {
  const names = Object.keys(VARIANTS[way]);
  const seen = Object.fromEntries(names.map((name) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < names.length; i++) {
      const name = names[(i + round) % names.length];
      const variant = VARIANTS[way][name];
      seen[name].push(await bench.measure(way, variant, control, loss, 1 + round, seconds));
    }
  }
  return names.map((name) => {
    const of = (metric) => seen[name].map((row) => row[metric]);
    const other = AGAINST[way][name];
    const ratio =
      other === undefined
        ? undefined
        : median(of('rate')) / median(seen[other].map(({ rate }) => rate));
    return {
      way,
      control,
      loss,
      variant: name,
      rate: { median: median(of('rate')), spread: spread(of('rate')) },
      timeouts: median(of('timeouts')),
      discarded: median(of('discarded')),
      against: other,
      ratio,
    };
  });
}

export function printSack(result) {
  if (result.skipped !== undefined) {
    console.log(`sack: not run, ${result.skipped}`);
    return;
  }
  const { seconds, rounds, roundTripMs, kernel } = result;
  console.log(
    `sack: ${roundTripMs} ms, ${seconds} s x ${rounds}, seeds 1-${rounds}, Linux ${kernel}`,
  );
  console.log(
    'way   control  loss    variant           Mbit/s (spread)        RTOs  discarded  ratio',
  );
  for (const row of result.rows) {
    const rate = ranged(row.rate.median, row.rate.spread, 1);
    const ratio = row.ratio === undefined ? '' : `${row.ratio.toFixed(2)} of ${row.against}`;
    console.log(
      [
        row.way.padEnd(5),
        row.control.padEnd(8),
        `${(row.loss * 100).toFixed(2)}%`.padEnd(7),
        row.variant.padEnd(17),
        rate.padEnd(22),
        String(row.timeouts).padEnd(5),
        String(row.discarded).padEnd(10),
        ratio,
      ].join(' '),
    );
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const numberOf = (name) => {
    const at = process.argv.indexOf(name);
    return at < 0 ? {} : { [name.slice(2)]: Number(process.argv[at + 1]) };
  };
  const at = process.argv.indexOf('--only');
  const only = at < 0 ? undefined : process.argv[at + 1];
  const result = await benchSack({ ...numberOf('--seconds'), ...numberOf('--rounds'), only });
  if (process.argv.includes('--json')) console.log(JSON.stringify(result));
  else printSack(result);
}
