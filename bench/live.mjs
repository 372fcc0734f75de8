/**
 * Real traffic on a real wire: no queue, libnetfilter_queue's C example (behind the two barest
 * rules, and behind ours), and `seqshim run`, full and auto, turn and turn about in the same two
 * namespaces.
 * Prints medians, spread, and the ratios of runs that stood next to each other in time; promised
 * are throughput >= 1.0 and a p50 round trip <= 1.1 of the C example.
 *
 *   node bench/live.mjs [--quick] [--json] [--rounds N]
 *
 * Needs root, iperf3, gcc, iptables, libnetfilter-queue-dev and dist/. Owns its namespaces, rules,
 * processes and a scratch directory, and removes them on every way out. Mbit/s, microseconds.
 */
import { execFile, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { median, ratios, spread } from './statistics.mjs';

const CLI = fileURLToPath(new URL('../dist/cli.js', import.meta.url));
const PING_PONG = fileURLToPath(new URL('./ping-pong.c', import.meta.url));
const EXAMPLE = '/usr/share/doc/libnetfilter-queue-dev/examples/nf-queue.c';
const NEAR = '10.92.0.1';
const FAR = '10.92.0.2';
const IPERF_PORT = 5201;
const PING_PORT = 5202;
const QUEUE = 92;
const ROUNDS = 8;
/** Whole ones: iperf3 takes 0.5 for 0, which is for ever. */
const SECONDS = 2;
/** Before them, not measured: windows open, and JavaScript is compiled for what it sees here. */
const WARM_UP_SECONDS = 1;
const PING_ROUNDS = 8000;
/** Both ends stay where they are: left to the scheduler, p50 jumps between two values. */
const NEAR_CPU = ['taskset', '-c', '0'];
const FAR_CPU = ['taskset', '-c', String(Math.min(1, availableParallelism() - 1))];
const COMMAND_MS = 20_000;

class Bench {
  near = `sqb-${process.pid}-n`;
  far = `sqb-${process.pid}-f`;
  scratch = mkdtempSync(join(tmpdir(), 'seqshim-bench-'));
  children = new Set();

  constructor(pingRounds, seconds, warmUpSeconds) {
    this.pingRounds = pingRounds;
    this.time = ['-t', String(seconds), '-O', String(warmUpSeconds)];
  }

  open() {
    run('gcc', '-O2', '-o', join(this.scratch, 'ping-pong'), PING_PONG);
    const libraries = ['-lnetfilter_queue', '-lmnl'];
    run('gcc', '-O2', '-o', join(this.scratch, 'nf-queue'), EXAMPLE, ...libraries);
    run('ip', 'netns', 'add', this.near);
    run('ip', 'netns', 'add', this.far);
    const peer = ['peer', 'name', 'wire', 'netns', this.far];
    run('ip', 'link', 'add', 'wire', 'netns', this.near, 'type', 'veth', ...peer);
    for (const [space, address] of [
      [this.near, NEAR],
      [this.far, FAR],
    ]) {
      run('ip', '-n', space, 'addr', 'add', `${address}/24`, 'dev', 'wire');
      run('ip', '-n', space, 'link', 'set', 'lo', 'up');
      run('ip', '-n', space, 'link', 'set', 'wire', 'up');
    }
  }

  async serve() {
    this.start(this.far, ['iperf3', '-s', '-p', String(IPERF_PORT)]);
    const pong = this.start(
      this.far,
      [...FAR_CPU, join(this.scratch, 'ping-pong'), 'serve', String(PING_PORT)],
      'pipe',
    );
    await lineOf(pong, 'serving');
    await new Promise((resolve) => setTimeout(resolve, 300));
  }

  /** Output goes nowhere unless asked for: the C example prints a line a packet. */
  start(space, command, output = 'ignore') {
    const stdio = ['ignore', output, output];
    const child = spawn('ip', ['netns', 'exec', space, ...command], { stdio });
    this.children.add(child);
    child.once('close', () => this.children.delete(child));
    return child;
  }

  async stop(child, signal) {
    if (child.exitCode !== null) return;
    const ended = new Promise((resolve) => child.once('close', resolve));
    child.kill(signal);
    await ended;
  }

  /** What stands in the path, until the returned function is called. */
  async put(variant) {
    if (variant === 'none') return async () => {};
    if (variant === 'seqshim') return this.putShim('full');
    if (variant === 'auto') return this.putShim('auto');
    if (variant === 'c, same rules') return this.putExampleBehindOurRules();
    const program = this.start(this.near, [join(this.scratch, 'nf-queue'), String(QUEUE)]);
    await new Promise((resolve) => setTimeout(resolve, 200));
    const queue = ['-p', 'tcp', '-j', 'NFQUEUE', '--queue-num', String(QUEUE), '--queue-bypass'];
    this.rule('-A', 'POSTROUTING', '-o', 'wire', ...queue);
    this.rule('-A', 'INPUT', '-i', 'wire', ...queue);
    return async () => {
      this.rule('-F');
      await this.stop(program, 'SIGKILL');
    };
  }

  async putShim(inspect) {
    const command = [process.execPath, CLI, 'run', ...this.options(), '--inspect', inspect];
    const shim = this.start(this.near, [...command, '--log-format', 'json'], 'pipe');
    await lineOf(shim, '"msg":"ready"');
    return () => this.stop(shim, 'SIGTERM');
  }

  /** What the example costs where our rules send it packets: the difference is ours alone. */
  async putExampleBehindOurRules() {
    const program = this.start(this.near, [join(this.scratch, 'nf-queue'), String(QUEUE)]);
    await new Promise((resolve) => setTimeout(resolve, 200));
    await this.inNear(process.execPath, CLI, 'up', ...this.options());
    return async () => {
      await this.inNear(process.execPath, CLI, 'down', '--state-dir', join(this.scratch, 'state'));
      await this.stop(program, 'SIGKILL');
    };
  }

  options() {
    const targets = ['--target', `${FAR}/32`, '--port', `${IPERF_PORT},${PING_PORT}`];
    const state = ['--state-dir', join(this.scratch, 'state')];
    return [...targets, '--queue-num', String(QUEUE), ...state];
  }

  rule(...args) {
    run('ip', 'netns', 'exec', this.near, 'iptables', '-w', '5', '-t', 'mangle', ...args);
  }

  /** Not synchronous: what this process pipes must go on being read. */
  async inNear(...command) {
    const options = { timeout: COMMAND_MS, killSignal: 'SIGKILL', maxBuffer: 1 << 24 };
    const { stdout } = await promisify(execFile)(
      'ip',
      ['netns', 'exec', this.near, ...command],
      options,
    );
    return stdout;
  }

  async throughput(...direction) {
    const text = await this.inNear(
      'iperf3',
      '-J',
      '-c',
      FAR,
      '-p',
      String(IPERF_PORT),
      ...this.time,
      ...direction,
    );
    return JSON.parse(text).end.sum_received.bits_per_second / 1e6;
  }

  /** One turn with one variant. */
  async measure(variant) {
    const remove = await this.put(variant);
    try {
      const ping = [
        ...NEAR_CPU,
        join(this.scratch, 'ping-pong'),
        FAR,
        String(PING_PORT),
        String(this.pingRounds),
      ];
      const times = (await this.inNear(...ping)).split(' ');
      const [p50, p99] = times.map((ns) => Number(ns) / 1000);
      return { up: await this.throughput(), down: await this.throughput('-R'), p50, p99 };
    } finally {
      await remove();
    }
  }

  close() {
    for (const child of this.children) child.kill('SIGKILL');
    for (const space of [this.near, this.far]) {
      try {
        run('ip', 'netns', 'del', space);
      } catch {
        // Never made.
      }
    }
    rmSync(this.scratch, { recursive: true, force: true });
  }
}

/** `seqshim` looks at every packet; `auto` leaves settled connections to the kernel. */
const VARIANTS = ['none', 'c-example', 'c, same rules', 'seqshim', 'auto'];

export async function benchLive({ quick = false, rounds = quick ? 1 : ROUNDS } = {}) {
  const missing = whatIsMissing();
  if (missing !== '') return { skipped: missing };
  const bench = quick ? new Bench(1000, 1, 0) : new Bench(PING_ROUNDS, SECONDS, WARM_UP_SECONDS);
  const onSignal = () => {
    bench.close();
    process.exit(130);
  };
  process.once('SIGINT', onSignal);
  process.once('SIGTERM', onSignal);
  const seen = Object.fromEntries(VARIANTS.map((variant) => [variant, []]));
  try {
    bench.open();
    await bench.serve();
    for (let round = 0; round < rounds; round++) {
      // Another one begins each round: what warms up or throttles hits all alike.
      for (let i = 0; i < VARIANTS.length; i++) {
        const variant = VARIANTS[(i + round) % VARIANTS.length];
        seen[variant].push(await bench.measure(variant));
      }
    }
  } finally {
    bench.close();
    process.off('SIGINT', onSignal);
    process.off('SIGTERM', onSignal);
  }
  return summarize(seen);
}

function summarize(seen) {
  const figures = {};
  for (const [variant, rows] of Object.entries(seen)) {
    figures[variant] = {};
    for (const metric of ['up', 'down', 'p50', 'p99']) {
      const values = rows.map((row) => row[metric]);
      figures[variant][metric] = { median: median(values), spread: spread(values) };
    }
  }
  const ratio = {};
  for (const other of VARIANTS.filter((variant) => variant !== 'seqshim' && variant !== 'auto')) {
    ratio[other] = {};
    for (const metric of ['up', 'down', 'p50', 'p99']) {
      ratio[other][metric] = ratios(seen.seqshim, seen[other], metric);
    }
  }
  const autoRatio = { none: {} };
  for (const metric of ['up', 'down', 'p50', 'p99']) {
    autoRatio.none[metric] = ratios(seen.auto, seen.none, metric);
  }
  return { figures, ratio, autoRatio };
}

function whatIsMissing() {
  if (process.getuid?.() !== 0) return 'needs root';
  if (!existsSync(CLI)) return 'needs dist/: run npm run build';
  if (!existsSync(EXAMPLE)) return 'needs the package libnetfilter-queue-dev';
  for (const program of ['iperf3', 'gcc', 'iptables', 'taskset']) {
    try {
      run('sh', '-c', `command -v ${program}`);
    } catch {
      return `needs ${program}`;
    }
  }
  return '';
}

function run(command, ...args) {
  return execFileSync(command, args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: COMMAND_MS,
  });
}

/** Resolves when the program has printed this; rejects when it ends first, with what it said. */
function lineOf(child, text) {
  return new Promise((resolve, reject) => {
    let said = '';
    const hear = (data) => {
      said += data;
      if (said.includes(text)) resolve();
    };
    child.stdout.on('data', hear);
    child.stderr.on('data', hear);
    child.once('close', () => reject(new Error(`ended before "${text}": ${said}`)));
  });
}

export function printLive(result) {
  if (result.skipped !== undefined) {
    console.log(`live: not run, ${result.skipped}`);
    return;
  }
  const cell = ({ median: middle, spread: [low, high] }, digits) =>
    `${middle.toFixed(digits)} (${low.toFixed(digits)}-${high.toFixed(digits)})`.padStart(24);
  console.log(
    `${'live'.padEnd(26)}${['up Mbit/s', 'down Mbit/s', 'p50 us', 'p99 us'].map((name) => name.padStart(24)).join('')}`,
  );
  for (const [variant, row] of Object.entries(result.figures)) {
    const cells = [cell(row.up, 0), cell(row.down, 0), cell(row.p50, 1), cell(row.p99, 1)];
    console.log(variant.padEnd(26) + cells.join(''));
  }
  for (const [other, row] of Object.entries(result.ratio)) {
    const cells = ['up', 'down', 'p50', 'p99'].map((metric) => cell(row[metric], 2));
    console.log(`seqshim / ${other}`.padEnd(26) + cells.join(''));
  }
  const cells = ['up', 'down', 'p50', 'p99'].map((metric) =>
    cell(result.autoRatio.none[metric], 2),
  );
  console.log('auto / none'.padEnd(26) + cells.join(''));
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const at = process.argv.indexOf('--rounds');
  const rounds = at < 0 ? {} : { rounds: Number(process.argv[at + 1]) };
  const result = await benchLive({ quick: process.argv.includes('--quick'), ...rounds });
  if (process.argv.includes('--json')) console.log(JSON.stringify(result));
  else printLive(result);
}
