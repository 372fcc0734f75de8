/**
 * Three namespaces in a row for benches that need a firewall between client and server: near, wall
 * and far. What is put there: our faulty firewall, `seqshim run` at either end. Owns namespaces,
 * rules, processes and a scratch directory.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { inSpace, lineOf, pause, programExists, run } from './spaces.mjs';

export const NEAR = '10.93.1.1';
export const FAR = '10.93.2.2';
const CLI = fileURLToPath(new URL('../dist/cli.js', import.meta.url));
const FIREWALL = fileURLToPath(new URL('../dist/firewall.js', import.meta.url));
const QUEUE = 93;
const WALL_QUEUE = 9;
const ENDED_MS = 30_000;
const POLL_MS = 50;
const OPEN = ['state', 'all', 'exclude', 'listening', 'exclude', 'time-wait'];

export class WallLab {
  names = {
    near: `sqk-${process.pid}-n`,
    wall: `sqk-${process.pid}-w`,
    far: `sqk-${process.pid}-f`,
  };
  scratch = mkdtempSync(join(tmpdir(), 'seqshim-wall-'));
  children = new Set();

  /** `port`: of the server whose connections are looked after. */
  constructor(port) {
    this.port = port;
  }

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

  /**
   * Until no connection is left that another firewall would renumber: it would go on sending its
   * FIN into the next measurement's counters.
   */
  async untilEnded() {
    const { near, far } = this.names;
    for (let waited = 0; waited < ENDED_MS; waited += POLL_MS) {
      const open = [near, far].map((space) => inSpace(space, 'ss', '-Htn', ...OPEN)).join('');
      if (open.trim() === '') return;
      await pause(POLL_MS);
    }
    throw new Error('connections of a measurement do not end');
  }

  /** `fault`: of src/testbed/firewall/fault.ts; `match`: which packets it sees. */
  async putFirewall(fault, ...match) {
    const { wall } = this.names;
    const child = this.start(wall, [process.execPath, FIREWALL, JSON.stringify(fault)], 'pipe');
    await lineOf(child, 'ready');
    const queue = ['-j', 'NFQUEUE', '--queue-num', String(WALL_QUEUE)];
    inSpace(wall, 'iptables', '-w', '5', '-A', 'FORWARD', '-p', 'tcp', ...match, ...queue);
    return async () => {
      inSpace(wall, 'iptables', '-w', '5', '-F', 'FORWARD');
      await this.stop(child);
    };
  }

  /** A shim that knows nothing yet, at the `near` end or the `far` one. */
  async putShim(end, ...options) {
    const place =
      end === 'near' ? ['--target', `${FAR}/32`] : ['--target', `${NEAR}/32`, '--direction', 'in'];
    const state = join(this.scratch, end);
    rmSync(state, { recursive: true, force: true });
    const run = [process.execPath, CLI, 'run', ...place, '--port', String(this.port), ...options];
    const where = ['--queue-num', String(QUEUE), '--state-dir', state, '--log-format', 'json'];
    const shim = this.start(this.names[end], [...run, ...where], 'pipe');
    await lineOf(shim, '"msg":"ready"');
    return () => this.stop(shim);
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

/** What a bench with a wall lacks here, '' if nothing; `programs`: what it runs besides. */
export function whatTheWallLacks(programs) {
  if (process.getuid?.() !== 0) return 'needs root';
  if (!existsSync(CLI)) return 'needs dist/: run npm run build';
  const absent = ['iptables', 'ss', ...programs].find((name) => !programExists(name));
  return absent === undefined ? '' : `needs ${absent}`;
}

/** Gives the lab to `use`, and closes it on every way out. */
export async function withWall(port, use) {
  const lab = new WallLab(port);
  const onSignal = () => {
    lab.close();
    process.exit(130);
  };
  process.once('SIGINT', onSignal);
  process.once('SIGTERM', onSignal);
  try {
    lab.open();
    return await use(lab);
  } finally {
    lab.close();
    process.off('SIGINT', onSignal);
    process.off('SIGTERM', onSignal);
  }
}
