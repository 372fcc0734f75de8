/**
 * Commands inside network namespaces that we made. Owns the processes started through it: every one
 * is known by its pid and ended with the lab. Never touches the host's own network.
 */
import { type ChildProcess, execFileSync, type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';

const COMMAND_TIMEOUT_MS = 60_000;

/** Runs a program to its end and returns what it printed; throws with its message otherwise. */
export function call(file: string, args: readonly string[], input = ''): string {
  return execFileSync(file, args, {
    encoding: 'utf8',
    input,
    timeout: COMMAND_TIMEOUT_MS,
    maxBuffer: 256 << 20,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
}

export interface Finished {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly ms: number;
}

export class Namespace {
  readonly name: string;
  private readonly children = new Set<ChildProcess>();

  constructor(name: string) {
    this.name = name;
    call('ip', ['netns', 'add', name]);
    this.call('ip', ['link', 'set', 'lo', 'up']);
  }

  call(file: string, args: readonly string[], input = ''): string {
    return call('ip', ['netns', 'exec', this.name, file, ...args], input);
  }

  /** Like `call`, and never throws. */
  tryCall(file: string, args: readonly string[]): string {
    try {
      return this.call(file, args);
    } catch (error) {
      return (error as { stdout?: string }).stdout ?? '';
    }
  }

  start(file: string, args: readonly string[], options: SpawnOptions = {}): ChildProcess {
    const child = spawn('ip', ['netns', 'exec', this.name, file, ...args], {
      stdio: ['pipe', 'pipe', 'pipe'],
      ...options,
    });
    child.on('error', () => {}); // its exit says so
    this.children.add(child);
    child.once('exit', () => this.children.delete(child));
    return child;
  }

  /** Runs a program without blocking; it is killed at `timeoutMs` (exit code -1). */
  async run(
    file: string,
    args: readonly string[],
    timeoutMs: number,
    input = '',
  ): Promise<Finished> {
    const started = performance.now();
    const child = this.start(file, args);
    const out = collect(child);
    child.stdin?.on('error', () => {});
    child.stdin?.end(input);
    const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
    const [code] = (await once(child, 'close')) as [number | null];
    clearTimeout(timer);
    const ms = performance.now() - started;
    return { exitCode: code ?? -1, stdout: out.stdout, stderr: out.stderr, ms };
  }

  async close(): Promise<void> {
    const children = [...this.children];
    for (const child of children) child.kill('SIGKILL');
    await Promise.all(children.map((child) => (hasEnded(child) ? 0 : once(child, 'exit'))));
    this.closeNow();
  }

  /** For exit handlers: what still lives in the namespace was started by us. */
  closeNow(): void {
    for (const child of this.children) child.kill('SIGKILL');
    try {
      this.killAll();
      call('ip', ['netns', 'del', this.name]);
    } catch {
      // already gone
    }
  }

  /** Every process in it. */
  killAll(): void {
    for (const pid of call('ip', ['netns', 'pids', this.name]).split('\n').filter(Boolean)) {
      try {
        process.kill(Number(pid), 'SIGKILL');
      } catch {} // it has ended by itself since
    }
  }
}

/** A killed child has no exit code either. */
export function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

export interface Output {
  stdout: string;
  stderr: string;
}

export function collect(child: ChildProcess): Output {
  const out: Output = { stdout: '', stderr: '' };
  child.stdout?.on('data', (chunk: Buffer) => {
    out.stdout += chunk.toString('utf8');
  });
  child.stderr?.on('data', (chunk: Buffer) => {
    out.stderr += chunk.toString('utf8');
  });
  return out;
}
