/**
 * The two namespaces of the live bench: what is put into the path, and one measurement through it.
 * Owns namespaces, rules, processes and a scratch directory. Mbit/s, microseconds, CPU-seconds.
 */
import { execFile, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { inSpace, lineOf, pause, programExists, run } from './spaces.mjs';

const CLI = fileURLToPath(new URL('../dist/cli.js', import.meta.url));
const PING_PONG = fileURLToPath(new URL('./ping-pong.c', import.meta.url));
const EXAMPLE = '/usr/share/doc/libnetfilter-queue-dev/examples/nf-queue.c';
const NEAR = '10.92.0.1';
const FAR = '10.92.0.2';
const IPERF_PORT = 5201;
const PING_PORT = 5202;
/** A terminating proxy listens beside: the server's port and this. */
const PROXY_OFFSET = 100;
const QUEUE = 92;
/** Both ends stay where they are: left to the scheduler, p50 jumps between two values. */
const NEAR_CPU = ['taskset', '-c', '0'];
const FAR_CPU = ['taskset', '-c', String(Math.min(1, availableParallelism() - 1))];
const COMMAND_MS = 20_000;
const START_MS = 200;
/** iperf3 gives up now and then where its server is slow to say goodbye to the one before. */
const ATTEMPTS = 3;
/** Jiffies a second, as /proc/stat counts them (USER_HZ). */
const JIFFIES = 100;

const RUBY = `require 'nfqueue'
Netfilter::Queue.create(${QUEUE}) { |packet| Netfilter::Packet::ACCEPT }
`;

export class LiveLab {
  near = `sqb-${process.pid}-n`;
  far = `sqb-${process.pid}-f`;
  scratch = mkdtempSync(join(tmpdir(), 'seqshim-bench-'));
  children = new Set();
  congestionControl = '';
  /** Everything that is started shares one core. */
  oneCore = false;
  shimPid = 0;
  /** How often a program on the queue did not live to the end of its turn. */
  ended = {};
  /** What is added to the servers' ports, and where they are: a proxy stands on our own side. */
  portOffset = 0;
  host = FAR;

  /** `settings`: seconds, warmUpSeconds, pingRounds, connectMs. */
  constructor(settings) {
    this.settings = settings;
  }

  open() {
    run('gcc', '-O2', '-o', join(this.scratch, 'ping-pong'), PING_PONG);
    const libraries = ['-lnetfilter_queue', '-lmnl'];
    run('gcc', '-O2', '-o', join(this.scratch, 'nf-queue'), EXAMPLE, ...libraries);
    writeFileSync(join(this.scratch, 'accept.rb'), RUBY);
    writeFileSync(join(this.scratch, 'haproxy.cfg'), haproxyConfig());
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
      // Thousands of connections a second: ports in TIME-WAIT are used again.
      inSpace(space, 'sysctl', '-qw', 'net.ipv4.ip_local_port_range=10000 65000');
      inSpace(space, 'sysctl', '-qw', 'net.ipv4.tcp_tw_reuse=1');
    }
    const control = inSpace(this.near, 'sysctl', '-n', 'net.ipv4.tcp_congestion_control');
    this.congestionControl = control.trim();
  }

  async serve() {
    this.start(this.far, ['iperf3', '-s', '-p', String(IPERF_PORT)]);
    const pong = this.start(
      this.far,
      [...FAR_CPU, join(this.scratch, 'ping-pong'), 'serve', String(PING_PORT)],
      'pipe',
    );
    await lineOf(pong, 'serving');
    await pause(300);
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
    if (variant === 'conntrack') return this.putTracking();
    if (variant === 'seqshim') return this.putShim('full');
    if (variant === 'auto') return this.putShim('auto');
    if (variant === 'c-same-rules') return this.putExampleBehindOurRules();
    if (variant === 'c-example') {
      return this.putQueue(variant, [join(this.scratch, 'nf-queue'), String(QUEUE)]);
    }
    if (variant === 'ruby-nfqueue') {
      return this.putQueue(variant, ['ruby', join(this.scratch, 'accept.rb')]);
    }
    if (variant === 'haproxy') {
      return this.putProxies([['haproxy', '-q', '-db', '-f', join(this.scratch, 'haproxy.cfg')]]);
    }
    return this.putProxies(
      [IPERF_PORT, PING_PORT].map((port) => [
        'socat',
        `TCP-LISTEN:${port + PROXY_OFFSET},fork,reuseaddr,nodelay`,
        `TCP:${FAR}:${port},nodelay`,
      ]),
    );
  }

  /** A program on the queue, behind the two barest rules. */
  async putQueue(variant, command) {
    const program = this.start(this.near, command);
    await pause(START_MS);
    const queue = ['-p', 'tcp', '-j', 'NFQUEUE', '--queue-num', String(QUEUE), '--queue-bypass'];
    this.rule('-A', 'POSTROUTING', '-o', 'wire', ...queue);
    this.rule('-A', 'INPUT', '-i', 'wire', ...queue);
    return async () => {
      this.rule('-F');
      if (program.exitCode !== null) this.ended[variant] = (this.ended[variant] ?? 0) + 1;
      await this.stop(program, 'SIGKILL');
    };
  }

  /** What any host with a stateful firewall has in its path already. */
  async putTracking() {
    this.rule('-A', 'FORWARD', '-m', 'conntrack', '--ctstate', 'INVALID', '-j', 'RETURN');
    return async () => this.rule('-F');
  }

  async putProxies(commands) {
    const programs = commands.map((command) => this.start(this.near, command));
    await pause(START_MS);
    this.portOffset = PROXY_OFFSET;
    this.host = NEAR;
    return async () => {
      this.portOffset = 0;
      this.host = FAR;
      for (const program of programs) await this.stop(program, 'SIGKILL');
    };
  }

  async putShim(inspect) {
    const place = this.oneCore ? NEAR_CPU : [];
    const command = [process.execPath, CLI, 'run', ...this.options(), '--inspect', inspect];
    const shim = this.start(this.near, [...place, ...command, '--log-format', 'json'], 'pipe');
    const ready = JSON.parse(await lineOf(shim, '"msg":"ready"'));
    this.shimPid = ready.pid;
    return () => this.stop(shim, 'SIGTERM');
  }

  /** What the example costs where our rules send it packets: the difference is ours alone. */
  async putExampleBehindOurRules() {
    const program = this.start(this.near, [join(this.scratch, 'nf-queue'), String(QUEUE)]);
    await pause(START_MS);
    await this.inNear(process.execPath, CLI, 'up', ...this.options());
    return async () => {
      await this.inNear(process.execPath, CLI, 'down', '--state-dir', join(this.scratch, 'state'));
      await this.stop(program, 'SIGKILL');
    };
  }

  async status() {
    const place = this.oneCore ? NEAR_CPU : [];
    const state = ['--state-dir', join(this.scratch, 'state')];
    const command = [process.execPath, CLI, 'status', '--json', ...state];
    return JSON.parse(await this.inNear(...place, ...command));
  }

  /** No super-packets: each segment is a packet of its own. */
  segmentBySegment(on) {
    for (const space of [this.near, this.far]) {
      run('ip', '-n', space, 'link', 'set', 'wire', 'gso_max_segs', on ? '1' : '65535');
    }
  }

  /** So many Mbit/s, evenly. */
  async paced(mbit, seconds) {
    const rate = ['-b', `${mbit}M`, '-t', String(seconds)];
    await this.inNear('iperf3', '-J', '-c', FAR, '-p', String(IPERF_PORT), ...rate);
  }

  /** p99 of a round trip of one octet, with a pause behind each. */
  async keystrokes() {
    const tool = [...NEAR_CPU, join(this.scratch, 'ping-pong')];
    const to = [FAR, String(PING_PORT), String(this.settings.pingRounds), '500'];
    const times = (await this.inNear(...tool, ...to)).split(' ');
    return Number(times[1]) / 1000;
  }

  options() {
    const targets = ['--target', `${FAR}/32`, '--port', `${IPERF_PORT},${PING_PORT}`];
    const state = ['--state-dir', join(this.scratch, 'state')];
    return [...targets, '--queue-num', String(QUEUE), ...state];
  }

  rule(...args) {
    inSpace(this.near, 'iptables', '-w', '5', '-t', 'mangle', ...args);
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

  /** What reached the receiver, Mbit/s, and what the whole machine spent on it, per GB. */
  async throughput(...direction) {
    const { seconds, warmUpSeconds } = this.settings;
    const time = ['-t', String(seconds), '-O', String(warmUpSeconds)];
    const port = String(IPERF_PORT + this.portOffset);
    let failure = '';
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const before = busySeconds();
      const text = await this.inNear(
        'iperf3',
        ...['-J', '-c', this.host, '-p', port, ...time, ...direction],
      );
      const spent = busySeconds() - before;
      const { end, error } = JSON.parse(text);
      if (end.sum_received !== undefined) {
        const rate = end.sum_received.bits_per_second;
        const octets = (rate / 8) * (seconds + warmUpSeconds);
        return { rate: rate / 1e6, cpu: spent / (octets / 1e9) };
      }
      failure = error;
      await pause(START_MS);
    }
    throw new Error(`iperf3: ${failure}`);
  }

  /** One turn with one variant. */
  async measure(variant) {
    const remove = await this.put(variant);
    try {
      const { pingRounds, connectMs } = this.settings;
      const tool = [...NEAR_CPU, join(this.scratch, 'ping-pong')];
      const to = [this.host, String(PING_PORT + this.portOffset)];
      const times = (await this.inNear(...tool, ...to, String(pingRounds))).split(' ');
      const [p50, p99] = times.map((ns) => Number(ns) / 1000);
      const connect = async () =>
        Number(await this.inNear(...tool, 'connects', ...to, String(connectMs)));
      // The first handshakes behind a start are interpreted and compiled on the way: told apart.
      const coldConnects = await connect();
      await connect();
      const connects = await connect();
      const up = await this.throughput();
      const down = await this.throughput('-R');
      const rates = { up: up.rate, down: down.rate, cpuUp: up.cpu, cpuDown: down.cpu };
      return { ...rates, p50, p99, connects, coldConnects };
    } finally {
      await remove();
    }
  }

  close() {
    for (const child of this.children) child.kill('SIGKILL');
    for (const space of [this.near, this.far]) {
      try {
        for (const pid of run('ip', 'netns', 'pids', space).split('\n')) {
          if (pid !== '') process.kill(Number(pid), 'SIGKILL');
        }
        run('ip', 'netns', 'del', space);
      } catch {
        // Never made.
      }
    }
    rmSync(this.scratch, { recursive: true, force: true });
  }
}

function haproxyConfig() {
  const listen = [IPERF_PORT, PING_PORT].map(
    (port) => `listen p${port}\n  bind ${NEAR}:${port + PROXY_OFFSET}\n  server s ${FAR}:${port}\n`,
  );
  const defaults = 'defaults\n  mode tcp\n  timeout connect 5s\n  timeout client 60s\n';
  return `global\n  maxconn 1000\n${defaults}  timeout server 60s\n${listen.join('')}`;
}

/** User, nice, system, irq and softirq time of all processors. */
function busySeconds() {
  const [, user, nice, system, , , irq, softirq] = readFileSync('/proc/stat', 'utf8').split(/\s+/);
  return (Number(user) + Number(nice) + Number(system) + Number(irq) + Number(softirq)) / JIFFIES;
}

export function whatIsMissing() {
  if (process.getuid?.() !== 0) return 'needs root';
  if (!existsSync(CLI)) return 'needs dist/: run npm run build';
  if (!existsSync(EXAMPLE)) return 'needs the package libnetfilter-queue-dev';
  const absent = ['iperf3', 'gcc', 'iptables', 'taskset'].find((name) => !programExists(name));
  return absent === undefined ? '' : `needs ${absent}`;
}
