/**
 * `probe`: attempts on the bare path, one after the other, each watched on the wire; where it is
 * asked for, as many through the running shim in between. Owns order, pace and limits.
 * Times: ms.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { MARK_INJECT } from '../config/config.ts';
import { OperatorError } from '../config/errors.ts';
import { EXIT_IMPOSSIBLE } from '../config/exit-codes.ts';
import { BareRule } from '../datapath/probe/bare-rule.ts';
import {
  countedSince,
  type KernelCounts,
  readKernelCounters,
} from '../datapath/probe/kernel-counters.ts';
import { ReservedPorts } from '../datapath/probe/reserved-ports.ts';
import { localAddress, TcpSocket } from '../datapath/probe/tcp-socket.ts';
import type { Report } from '../diagnose/report.ts';
import { type Attempt, attemptOnce, type Manners, type Way } from './attempt.ts';
import { demandSeen, type ShimBeside } from './shim-beside.ts';
import type { Target } from './target.ts';
import { Watch } from './watch.ts';

/** From the beginning of one attempt to the beginning of the next, at least. */
export const INTERVAL_MS = 1000;
/** A SYN-ACK that was not acknowledged comes again after a second. */
export const AFTERMATH_MS = 1200;
/** Connecting, the greeting and the end, each at its limit. */
export const ATTEMPT_MS_MAX = 8600;

export interface Plan {
  readonly target: Target;
  readonly count: number;
  /** The one that runs here. */
  readonly shim: ShimBeside | undefined;
  readonly compare: boolean;
}

export interface ProbeResult {
  readonly plan: Plan;
  readonly attempts: readonly Attempt[];
  readonly interrupted: boolean;
  readonly kernel: KernelCounts;
  readonly report: Report;
}

/** Told as it goes on. */
export type Progress = (attempt: Attempt, count: number) => void;

export async function runProbe(
  plan: Plan,
  signal: AbortSignal,
  progress: Progress,
): Promise<ProbeResult> {
  const path = await BarePath.open(plan);
  try {
    const before = readKernelCounters();
    const attempts = await path.attempts(signal, progress);
    await rest(AFTERMATH_MS, signal, () => path.watch.look());
    const kernel = countedSince(before, readKernelCounters());
    path.watch.look();
    const report = path.watch.report(`${plan.target.name}`);
    return { plan, attempts, interrupted: signal.aborted, kernel, report };
  } finally {
    await path.close();
  }
}

/** What stands for the time of a probe: ports, the packet socket, a rule beside a shim. */
class BarePath {
  readonly watch: Watch;
  private readonly plan: Plan;
  private readonly local: string;
  private readonly ports: ReservedPorts;
  private readonly rule: BareRule | undefined;

  static async open(plan: Plan): Promise<BarePath> {
    const { family, address, port, name } = plan.target;
    const local = localAddress(family, address, port, MARK_INJECT);
    if (local === undefined) {
      throw new OperatorError(
        `Cannot probe ${name}: there is no route to ${address}`,
        EXIT_IMPOSSIBLE,
      );
    }
    const ports = ReservedPorts.take(plan.count, { family, address: local, mark: MARK_INJECT });
    if (ports === undefined) {
      throw new OperatorError(
        `Cannot probe ${name}: no ${plan.count} local ports in a row are free, try again`,
        EXIT_IMPOSSIBLE,
      );
    }
    try {
      return new BarePath(plan, local, ports);
    } catch (error) {
      ports.release();
      throw error;
    }
  }

  private constructor(plan: Plan, local: string, ports: ReservedPorts) {
    const { family, address, port } = plan.target;
    const range = { nearPortFirst: ports.first, nearPortLast: ports.last };
    const watched = { family, farAddr: address, farPort: port, ...range };
    this.plan = plan;
    this.local = local;
    this.ports = ports;
    this.watch = new Watch(watched);
    const program = plan.shim?.rules;
    this.rule = program === undefined ? undefined : BareRule.open(program, watched, MARK_INJECT);
  }

  async attempts(signal: AbortSignal, progress: Progress): Promise<Attempt[]> {
    const { count, compare, target, shim } = this.plan;
    const ways: readonly Way[] = compare ? ['shim', 'bare'] : ['bare'];
    const total = count * ways.length;
    const made: Attempt[] = [];
    const look = () => this.watch.look();
    const manners: Manners = { target, signal, look };
    while (made.length < total && !signal.aborted) {
      const startedMs = performance.now();
      const way = ways[made.length % ways.length] ?? 'bare';
      const socket = way === 'bare' ? this.ports.next() : this.unmarked();
      const attempt = await attemptOnce(socket, made.length + 1, way, manners);
      if (way === 'shim' && made.length === 0 && shim !== undefined) {
        await demandSeen(shim, target, this.local, attempt.localPort);
      }
      made.push(attempt);
      progress(attempt, total);
      if (made.length < total) {
        await rest(INTERVAL_MS - (performance.now() - startedMs), signal, look);
      }
    }
    return made;
  }

  async close(): Promise<void> {
    this.watch.close();
    await this.rule?.close();
    this.ports.release();
  }

  /** As every program has it. */
  private unmarked(): TcpSocket {
    const { family } = this.plan.target;
    const socket = TcpSocket.bind({ family, address: this.local, port: 0, mark: 0 });
    if (socket === undefined) throw new Error('no local port is free');
    return socket;
  }
}

/** Waits, and takes packets meanwhile. */
async function rest(ms: number, signal: AbortSignal, look: () => void): Promise<void> {
  const endMs = performance.now() + ms;
  while (performance.now() < endMs && !signal.aborted) {
    await pause(Math.min(20, Math.max(1, endMs - performance.now())));
    look();
  }
}
