/**
 * Large transfers over a long path that loses packets, behind a firewall that renumbers: one that
 * moves SACK blocks with the rest (healthy), and one that forgets them (blind), without and with
 * `seqshim run`, turn and turn about. Prints medians and their ratios; promised is 0.95 of the
 * healthy firewall where it is faster than the blind one by a fifth, and never less elsewhere.
 *
 *   node bench/sack.mjs [--seconds N] [--rounds N] [--json] [--only up|down]
 *
 * Needs root, iperf3, iptables, nstat and dist/. Owns its namespaces, rules, processes and a
 * scratch directory, and removes them on every way out. Mbit/s.
 */
import { execFile, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { inSpace, lineOf, pause, programExists, run } from './spaces.mjs';
import { median, spread } from './statistics.mjs';

const CLI = fileURLToPath(new URL('../dist/cli.js', import.meta.url));
const FIREWALL = fileURLToPath(new URL('../dist/firewall.js', import.meta.url));
const PORT = 5201;
const NEAR = '10.93.1.1';
const FAR = '10.93.2.2';
const QUEUE = 93;
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
  names = {
    near: `sqk-${process.pid}-n`,
    wall: `sqk-${process.pid}-w`,
    far: `sqk-${process.pid}-f`,
  };
  scratch = mkdtempSync(join(tmpdir(), 'seqshim-sack-'));
  children = new Set();

  open() {
    const { near, wall, far } = this.names;
    for (const space of [near, wall, far]) {
      run('ip', 'netns', 'add', space);
      run('ip', '-n', space, 'link', 'set', 'lo', 'up');
    }
    this.link(near, 'c0', `${NEAR}/24`, wall, 'f0', '10.93.1.2/24');
    this.link(wall, 'f1', '10.93.2.1/24', far, 's0', `${FAR}/24`);
    run('ip', '-n', near, 'route', 'add', 'default', 'via', '10.93.1.2');
    run('ip', '-n', far, 'route', 'add', 'default', 'via', '10.93.2.1');
    inSpace(wall, 'sysctl', '-qw', 'net.ipv4.ip_forward=1');
    for (const space of [near, far]) {
      for (const name of ['tcp_rmem', 'tcp_wmem']) {
        inSpace(space, 'sysctl', '-qw', `net.ipv4.${name}=${BUFFERS}`);
      }
    }
    this.start(far, ['iperf3', '-s', '-p', String(PORT)]);
  }

  link(a, aName, aAddress, b, bName, bAddress) {
    run('ip', 'link', 'add', aName, 'netns', a, 'type', 'veth', 'peer', 'name', bName, 'netns', b);
    for (const [space, name, address] of [
      [a, aName, aAddress],
      [b, bName, bAddress],
    ]) {
      run('ip', '-n', space, 'addr', 'add', address, 'dev', name);
      run('ip', '-n', space, 'link', 'set', name, 'up');
    }
  }

  start(space, command, output = 'ignore') {
    const child = spawn('ip', ['netns', 'exec', space, ...command], {
      stdio: ['pipe', output, output],
    });
    this.children.add(child);
    child.once('close', () => this.children.delete(child));
    return child;
  }

  async stop(child) {
    if (child.exitCode !== null) return;
    const ended = new Promise((resolve) => child.once('close', resolve));
    child.kill('SIGTERM');
    await ended;
  }

  async putFirewall(blind, loss, seed) {
    const { wall } = this.names;
    const fault = { offsets: true, sackBlind: blind, lagMs: LAG_MS, loss, seed };
    const child = this.start(wall, [process.execPath, FIREWALL, JSON.stringify(fault)], 'pipe');
    await lineOf(child, 'ready');
    const rule = ['FORWARD', '-p', 'tcp', '-j', 'NFQUEUE', '--queue-num', '9'];
    inSpace(wall, 'iptables', '-w', '5', '-A', ...rule);
    return async () => {
      inSpace(wall, 'iptables', '-w', '5', '-F', 'FORWARD');
      await this.stop(child);
    };
  }

  async putShim(end, sack) {
    const place =
      end === 'near' ? ['--target', `${FAR}/32`] : ['--target', `${NEAR}/32`, '--direction', 'in'];
    const state = join(this.scratch, end);
    rmSync(state, { recursive: true, force: true });
    const shim = this.start(
      this.names[end],
      [process.execPath, CLI, 'run', ...place, '--port', String(PORT), '--sack', sack].concat([
        ...['--queue-num', String(QUEUE), '--state-dir', state, '--log-format', 'json'],
      ]),
      'pipe',
    );
    await lineOf(shim, '"msg":"ready"');
    return () => this.stop(shim);
  }

  async iperf(way, control, seconds) {
    const args = ['-J', '-c', FAR, '-p', String(PORT), '-t', String(seconds), '-C', control];
    if (way === 'down') args.push('-R');
    const command = ['netns', 'exec', this.names.near, 'iperf3', ...args];
    const options = { timeout: seconds * 1000 + 30_000, maxBuffer: 1 << 24 };
    const { stdout } = await promisify(execFile)('ip', command, options);
    return JSON.parse(stdout).end.sum_received.bits_per_second / 1e6;
  }

  counter(way, name) {
    const space = way === 'up' ? this.names.near : this.names.far;
    return Number(new RegExp(`${name}\\s+(\\d+)`).exec(inSpace(space, 'nstat', '-asz', name))?.[1]);
  }

  /** One transfer: its rate, its sender's RTOs, SACK blocks thrown away behind its first second. */
  async measure(way, { blind, near, far, sack = 1, lesson = false }, control, loss, seed, seconds) {
    for (const space of [this.names.near, this.names.far]) {
      inSpace(space, 'sysctl', '-qw', `net.ipv4.tcp_sack=${sack}`);
    }
    const undo = [await this.putFirewall(blind, loss, seed)];
    try {
      if (far !== undefined) undo.unshift(await this.putShim('far', far));
      if (near !== undefined) undo.unshift(await this.putShim('near', near));
      if (lesson) await this.iperf('up', control, LESSON_SECONDS);
      const timeouts = this.counter(way, 'TcpExtTCPTimeouts');
      let discarded = this.counter(way, 'TcpExtTCPSACKDiscard');
      const second = setTimeout(() => {
        discarded = this.counter(way, 'TcpExtTCPSACKDiscard');
      }, 1300);
      const rate = await this.iperf(way, control, seconds);
      clearTimeout(second);
      return {
        rate,
        timeouts: this.counter(way, 'TcpExtTCPTimeouts') - timeouts,
        discarded: this.counter(way, 'TcpExtTCPSACKDiscard') - discarded,
      };
    } finally {
      for (const step of undo) await step();
    }
  }

  close() {
    for (const child of this.children) child.kill('SIGKILL');
    for (const space of Object.values(this.names)) {
      try {
        run('ip', 'netns', 'del', space);
      } catch {
        // Never made.
      }
    }
    rmSync(this.scratch, { recursive: true, force: true });
  }
}

export async function benchSack({ seconds = 20, rounds = 5, only } = {}) {
  const missing = whatIsMissing();
  if (missing !== '') return { skipped: missing };
  const bench = new Bench();
  const onSignal = () => {
    bench.close();
    process.exit(130);
  };
  process.once('SIGINT', onSignal);
  process.once('SIGTERM', onSignal);
  const rows = [];
  try {
    bench.open();
    await pause(300);
    for (const way of Object.keys(VARIANTS).filter((name) => only === undefined || only === name)) {
      for (const control of CONTROLS) {
        for (const loss of LOSSES) {
          rows.push(...(await compare(bench, way, control, loss, { seconds, rounds })));
        }
      }
    }
  } finally {
    bench.close();
    process.off('SIGINT', onSignal);
    process.off('SIGTERM', onSignal);
  }
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

function whatIsMissing() {
  if (process.getuid?.() !== 0) return 'needs root';
  if (!existsSync(CLI)) return 'needs dist/: run npm run build';
  const absent = ['iperf3', 'iptables', 'nstat'].find((name) => !programExists(name));
  return absent === undefined ? '' : `needs ${absent}`;
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
    const [low, high] = row.rate.spread;
    const rate = `${row.rate.median.toFixed(1)} (${low.toFixed(1)}-${high.toFixed(1)})`;
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
