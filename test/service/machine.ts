/**
 * A Debian with a real systemd, booted by systemd-nspawn in a network namespace of the caller's.
 * Owns its layer on the image, its mount and the process; commands run inside by nsenter.
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { hasEnded } from '../../src/testbed/namespace.ts';
import { debianImage } from './image.ts';

const BOOT_MS = 30_000;
const HALT_MS = 10_000;
const COMMAND_MS = 90_000;
/** Followed by the pid of the owner. */
const DIR = '/var/tmp/seqshim-test-machine-';

const machines = new Set<Machine>();
process.on('exit', () => {
  for (const machine of machines) machine.haltNow();
});

export interface Outcome {
  readonly exitCode: number;
  /** Both outputs, as they came. */
  readonly text: string;
}

export class Machine {
  private readonly dir: string;
  private readonly child: ChildProcess;
  private leader = 0;

  private constructor(dir: string, child: ChildProcess) {
    this.dir = dir;
    this.child = child;
  }

  /** @param netns path of the network namespace that becomes its own. */
  static async boot(name: string, netns: string): Promise<Machine> {
    const image = debianImage();
    removeAbandoned();
    const dir = mkdtempSync(`${DIR}${process.pid}-`);
    for (const part of ['upper', 'work', 'root']) mkdirSync(join(dir, part));
    const layers = `lowerdir=${image},upperdir=${dir}/upper,workdir=${dir}/work`;
    execFileSync('mount', ['-t', 'overlay', 'overlay', '-o', layers, join(dir, 'root')]);
    const console = openSync(join(dir, 'console'), 'w');
    const where = [`--directory=${dir}/root`, `--network-namespace-path=${netns}`];
    const alone = ['--register=no', '--keep-unit', '--link-journal=no', '--console=pipe'];
    const may = ['--capability=CAP_NET_ADMIN,CAP_NET_RAW', `--machine=${name}`];
    const child = spawn('systemd-nspawn', ['--quiet', '--boot', ...where, ...alone, ...may], {
      stdio: ['ignore', console, console],
    });
    closeSync(console);
    const machine = new Machine(dir, child);
    machines.add(machine);
    try {
      await machine.isUp();
    } catch (error) {
      await machine.halt();
      throw error;
    }
    return machine;
  }

  private async isUp(): Promise<void> {
    for (let waitedMs = 0; waitedMs < BOOT_MS; waitedMs += 200) {
      await pause(200);
      if (hasEnded(this.child)) break;
      const children = `/proc/${this.child.pid}/task/${this.child.pid}/children`;
      this.leader = Number(readFileSync(children, 'utf8').trim().split(' ')[0]);
      if (this.leader === 0) continue;
      const { text } = this.run('systemctl', 'is-system-running');
      if (/running|degraded/.test(text)) return;
    }
    throw new Error(`the machine does not boot: ${readFileSync(join(this.dir, 'console'))}`);
  }

  run(file: string, ...args: readonly string[]): Outcome {
    const command = ['--target', String(this.leader), '--all', file, ...args];
    const env = {
      PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
      LC_ALL: 'C',
      DEBIAN_FRONTEND: 'noninteractive',
    };
    const done = spawnSync('nsenter', command, { encoding: 'utf8', env, timeout: COMMAND_MS });
    return { exitCode: done.status ?? -1, text: `${done.stdout ?? ''}${done.stderr ?? ''}` };
  }

  /** Its text; throws with it where the command fails. */
  call(file: string, ...args: readonly string[]): string {
    const { exitCode, text } = this.run(file, ...args);
    if (exitCode === 0) return text;
    throw new Error(`${file} ${args.join(' ')}: exit ${exitCode}\n${text}`);
  }

  sh(script: string): string {
    return this.call('sh', '-c', script);
  }

  /** One property of a unit. */
  show(unit: string, property: string): string {
    return this.call('systemctl', 'show', '-P', property, unit).trim();
  }

  /** The path outside of a file inside. */
  path(inside: string): string {
    return join(this.dir, 'root', inside);
  }

  /** Until it is so; how long that took, ms. */
  async until(what: string, isSo: () => boolean, limitMs = 20_000): Promise<number> {
    const sinceMs = performance.now();
    while (performance.now() - sinceMs < limitMs) {
      if (isSo()) return Math.round(performance.now() - sinceMs);
      await pause(100);
    }
    const log = this.run('journalctl', '-n', '60', '--no-pager', '-o', 'short-precise').text;
    throw new Error(`not within ${limitMs} ms: ${what}\n${log}`);
  }

  async halt(): Promise<void> {
    if (!hasEnded(this.child) && this.leader > 0) {
      this.run('systemctl', 'poweroff', '--force', '--force');
      for (let waitedMs = 0; waitedMs < HALT_MS && !hasEnded(this.child); waitedMs += 50)
        await pause(50);
    }
    this.haltNow();
  }

  /** Its processes die with it. */
  haltNow(): void {
    if (!hasEnded(this.child)) this.child.kill('SIGKILL');
    remove(this.dir);
    machines.delete(this);
  }
}

function remove(dir: string): void {
  spawnSync('umount', ['--lazy', join(dir, 'root')], { stdio: 'ignore' });
  rmSync(dir, { recursive: true, force: true });
}

/** What a killed run has left: directories are named after their owner's pid. */
function removeAbandoned(): void {
  for (const entry of readdirSync(dirname(DIR))) {
    const owner = /^seqshim-test-machine-(\d+)-/.exec(entry)?.[1];
    if (owner !== undefined && !existsSync(`/proc/${owner}`)) remove(join(dirname(DIR), entry));
  }
}
