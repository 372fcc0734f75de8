/**
 * The real `seqshim run` in a lab's jumpbox, its gateway or its server: starts it, reads its log,
 * asks and stops it. Reads SEQSHIM_FIREWALL: which firewall program it is to use, default `auto`.
 */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { distFile } from './dist-file.ts';
import { BULK_PORT, ECHO_PORT, type Lab, SERVER_NETWORKS, SSH_PORT } from './lab.ts';
import { collect, hasEnded, type Namespace, type Output } from './namespace.ts';

const READY_MS = 10_000;
const PORTS = ['--port', [SSH_PORT, ECHO_PORT, BULK_PORT].join(',')] as const;

export interface LogLine {
  readonly level: string;
  readonly msg: string;
  readonly time: string;
  readonly [key: string]: unknown;
}

export class ShimProcess {
  readonly child: ChildProcess;
  readonly runDir: string;
  private readonly host: Namespace;
  private readonly output: Output;

  private constructor(host: Namespace, child: ChildProcess, runDir: string) {
    this.host = host;
    this.child = child;
    this.runDir = runDir;
    this.output = collect(child);
  }

  /** On a gateway it looks after what that forwards. */
  static open(lab: Lab, extra: readonly string[] = []): Promise<ShimProcess> {
    const hook = lab.gateway === undefined ? [] : ['--hook', 'gateway'];
    return ShimProcess.openWith(lab, [...hook, ...extra]);
  }

  /** At the servers' end, for those who come to them. */
  static atServer(lab: Lab, extra: readonly string[] = []): Promise<ShimProcess> {
    const args = [...PORTS, '--target', '10.99.1.0/24,fd99:1::/64', '--direction', 'in', ...extra];
    return ShimProcess.start(lab.server, `${lab.dir}/run-server`, args);
  }

  static openWith(lab: Lab, extra: readonly string[]): Promise<ShimProcess> {
    return ShimProcess.openIn(lab, [], extra);
  }

  /** Behind a program that changes its world, and then runs it: `unshare …`. */
  static openIn(
    lab: Lab,
    wrap: readonly string[],
    extra: readonly string[] = [],
  ): Promise<ShimProcess> {
    const args = [...PORTS, '--target', SERVER_NETWORKS, ...extra];
    return ShimProcess.start(lab.shimHost, `${lab.dir}/run`, args, wrap);
  }

  /** What it looks after stands in a file or directory, where a test can change it. */
  static configured(lab: Lab, config: string): Promise<ShimProcess> {
    return ShimProcess.start(lab.shimHost, `${lab.dir}/run`, ['--config', config]);
  }

  /** On a machine of another kind of lab. */
  static async on(host: Namespace, runDir: string, extra: readonly string[]): Promise<ShimProcess> {
    return ShimProcess.start(host, runDir, [...PORTS, '--target', '10.99.2.0/24', ...extra]);
  }

  private static async start(
    host: Namespace,
    runDir: string,
    extra: readonly string[],
    wrap: readonly string[] = [],
  ): Promise<ShimProcess> {
    const [program = '', ...args] = [...wrap, process.execPath];
    const child = host.start(program, [
      ...args,
      distFile('cli.js'),
      'run',
      '--state-dir',
      runDir,
      '--log-format',
      'json',
      '--firewall',
      process.env['SEQSHIM_FIREWALL'] ?? 'auto',
      ...extra,
    ]);
    const shim = new ShimProcess(host, child, runDir);
    for (let waited = 0; waited < READY_MS; waited += 10) {
      if (shim.lines().some((line) => line.msg === 'ready')) return shim;
      if (child.exitCode !== null) break;
      await pause(10);
    }
    throw new Error(`seqshim run did not get ready: ${shim.output.stderr}${shim.output.stdout}`);
  }

  lines(): LogLine[] {
    return this.output.stdout
      .split('\n')
      .filter((line) => line.startsWith('{') && line.endsWith('}'))
      .map((line) => JSON.parse(line) as LogLine);
  }

  stderr(): string {
    return this.output.stderr;
  }

  /** Events of one code. */
  events(code: string): LogLine[] {
    return this.lines().filter((line) => line['code'] === code);
  }

  status(): Record<string, unknown> {
    const args = [distFile('cli.js'), 'status', '--json', '--state-dir', this.runDir];
    return JSON.parse(this.host.tryCall(process.execPath, args)) as Record<string, unknown>;
  }

  /** Stops it with a signal and returns its exit code (-1: killed). */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number> {
    if (hasEnded(this.child)) return this.child.exitCode ?? -1;
    this.child.kill(signal);
    const [code] = (await once(this.child, 'exit')) as [number | null];
    return code ?? -1;
  }
}
