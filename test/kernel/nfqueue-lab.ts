/**
 * Two network namespaces with a wire between them, and programs of ours built to run inside.
 *
 * Owns the namespaces and the processes it starts; `close` removes both. Near is 10.91.0.1, far is
 * 10.91.0.2 (and fd91::1, fd91::2). Needs root, ip and iptables.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

export const NEAR = '10.91.0.1';
export const FAR = '10.91.0.2';
export const QUEUE_NUM = 91;

const BUILD_DIR = fileURLToPath(new URL('../../node_modules/.cache/seqshim/', import.meta.url));
/** Of this process alone: two test runs may build at the same time. */
const OWN_DIR = `${BUILD_DIR}${process.pid}/`;

export class Lab {
  readonly near: string;
  readonly far: string;
  private readonly children: ChildProcess[] = [];

  constructor(name: string) {
    this.near = `sq-${process.pid}-${name}-n`;
    this.far = `sq-${process.pid}-${name}-f`;
    try {
      this.build();
    } catch (error) {
      this.close();
      throw error;
    }
  }

  private build(): void {
    run('ip', 'netns', 'add', this.near);
    run('ip', 'netns', 'add', this.far);
    const wire = ['link', 'add', 'wire', 'netns', this.near, 'type', 'veth'];
    run('ip', ...wire, 'peer', 'name', 'wire', 'netns', this.far);
    for (const [space, host] of [[this.near, 1] as const, [this.far, 2] as const]) {
      run('ip', '-n', space, 'addr', 'add', `10.91.0.${host}/24`, 'dev', 'wire');
      run('ip', '-n', space, 'addr', 'add', `fd91::${host}/64`, 'dev', 'wire', 'nodad');
      run('ip', '-n', space, 'link', 'set', 'lo', 'up');
      run('ip', '-n', space, 'link', 'set', 'wire', 'up');
    }
  }

  /** Sends TCP on the wire, both ways, to the queue. */
  queueTcp(...extra: string[]): void {
    const queue = ['-p', 'tcp', ...extra, '-j', 'NFQUEUE', '--queue-num', String(QUEUE_NUM)];
    for (const command of ['iptables', 'ip6tables']) {
      const table = [command, '-t', 'mangle', '-A'] as const;
      this.inNear(...table, 'POSTROUTING', '-o', 'wire', ...queue, '--queue-bypass');
      this.inNear(...table, 'INPUT', '-i', 'wire', ...queue, '--queue-bypass');
    }
  }

  inNear(...command: readonly string[]): string {
    return run('ip', 'netns', 'exec', this.near, ...command);
  }

  /** Starts a program; it ends with the lab at the latest. */
  start(space: string, ...command: readonly string[]): Program {
    const child = spawn('ip', ['netns', 'exec', space, ...command], {
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    this.children.push(child);
    return new Program(child);
  }

  close(): void {
    for (const child of this.children) child.kill('SIGKILL');
    for (const space of [this.near, this.far]) {
      try {
        run('ip', 'netns', 'del', space);
      } catch {
        // Never made, or gone already.
      }
    }
  }
}

/** A started program: its lines as they come. */
export class Program {
  readonly child: ChildProcess;
  readonly lines: string[] = [];
  errors = '';
  private readonly ended: Promise<number | null>;
  private rest = '';
  private heard: () => void = () => {};

  constructor(child: ChildProcess) {
    this.child = child;
    child.stdout?.on('data', (data: Buffer) => {
      const parts = (this.rest + data.toString()).split('\n');
      this.rest = parts.pop() ?? '';
      this.lines.push(...parts);
      this.heard();
    });
    child.stderr?.on('data', (data: Buffer) => {
      this.errors += data.toString();
    });
    this.ended = once(child, 'close').then(([code]) => {
      this.heard();
      return code as number | null;
    });
  }

  /** The first line from now on, or since `from`, that begins like this. */
  async line(start: string, timeoutMs = 10_000): Promise<string> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const found = this.lines.find((line) => line.startsWith(start));
      if (found !== undefined) return found;
      const leftMs = deadline - Date.now();
      if (leftMs <= 0 || this.child.exitCode !== null) {
        throw new Error(`no line "${start}": ${this.lines.join('|')} ${this.errors}`);
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, leftMs);
        this.heard = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  tell(line: string): void {
    this.child.stdin?.write(`${line}\n`);
  }

  /** What it has used of the processors, user and system time (proc(5), 10 ms ticks). */
  processorMs(): number {
    const stat = readFileSync(`/proc/${this.child.pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) * 10;
  }

  exit(): Promise<number | null> {
    return this.ended;
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }
}

/** Ends a driver that waits for the file, and reads what it says then. */
export async function figuresOf<T>(program: Program, stopFile: string): Promise<T> {
  writeFileSync(stopFile, '');
  const line = await program.line('figures');
  return JSON.parse(line.slice('figures '.length)) as T;
}

export function run(command: string, ...args: readonly string[]): string {
  return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

/**
 * Bundles a program of this folder; Node 20 cannot run TypeScript. Returns its path; remove it
 * after.
 */
export async function buildProgram(name: string, as?: string): Promise<string> {
  mkdirSync(OWN_DIR, { recursive: true });
  const input = fileURLToPath(new URL(name, import.meta.url));
  const file = OWN_DIR + (as ?? `${basename(name, '.ts')}.mjs`);
  const bundle = await rolldown({
    input,
    platform: 'node',
    external: (id) => !id.startsWith('.') && !id.startsWith('/'),
    logLevel: 'silent',
  });
  await bundle.write({ file, format: 'esm', codeSplitting: false });
  await bundle.close();
  return file;
}
