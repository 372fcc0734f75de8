/**
 * `probe`: attempts on the bare path, one after the other, each watched on the wire; where it is
 * asked for, as many through the running shim in between. Then what else these connections can
 * show. Owns order, pace and limits. Times: ms.
 */
import { MARK_INJECT } from '../config/config.ts';
import {
  countedSince,
  type KernelCounts,
  readKernelCounters,
} from '../datapath/probe/kernel-counters.ts';
import type { TcpSocket } from '../datapath/probe/tcp-socket.ts';
import type { Report } from '../diagnose/report.ts';
import { ATTEMPT_MS_MAX, type Attempt, attemptOnce, type Manners, type Way } from './attempt.ts';
import { BarePath } from './bare-path.ts';
import { askReflector, type BothEnds, compareEnds } from './both-ends.ts';
import { IDLE_PORT_COUNT, type IdleResult, idleMsMax, searchIdleLimit } from './idle-search.ts';
import { type PortReuse, reusePort } from './port-reuse.ts';
import { attemptText } from './print-probe.ts';
import { ANY_LINE, REFLECT_GREETING } from './reflection.ts';
import { calibrateSack, type SackResult } from './sack-calibration.ts';
import { demandSeen, type ShimBeside } from './shim-beside.ts';
import type { Target } from './target.ts';

/** From the beginning of one attempt to the beginning of the next, at least. */
const INTERVAL_MS = 1000;
/** A SYN-ACK that was not acknowledged comes again after a second. */
const AFTERMATH_MS = 1200;
/** The line and two copies of it, each without an answer. */
const SACK_MS_MAX = 3000;
/** The answer of a reflector. */
const REFLECT_MS_MAX = 3000;

/** As ssh begins (RFC 4253 §4.2); in the server's log it says what it was. */
const SSH_LINE = 'SSH-2.0-seqshim_probe\r\n';

export interface Plan {
  readonly target: Target;
  readonly count: number;
  /** The one that runs here. */
  readonly shim: ShimBeside | undefined;
  readonly compare: boolean;
  /** The longest silence to try; 0: none. */
  readonly idleMaxS: number;
}

export interface ProbeResult {
  readonly plan: Plan;
  readonly attempts: readonly Attempt[];
  readonly interrupted: boolean;
  readonly kernel: KernelCounts;
  readonly report: Report;
  /** Null: the server expects no line that we could say. */
  readonly sack: SackResult | null;
  /** Null: interrupted before. */
  readonly portReuse: PortReuse | null;
  /** Null: not asked for, or interrupted before. */
  readonly idle: IdleResult | null;
  /** Null: the far end is no `reflect`, or has not told. */
  readonly reflect: BothEnds | null;
}

/** Told line by line as it goes on. */
export type Progress = (line: string) => void;

/** How long all of it takes at most. */
export function probeMsMax({ count, compare, idleMaxS }: Plan): number {
  const attempts = (compare ? 2 * count : count) * (ATTEMPT_MS_MAX + SACK_MS_MAX + REFLECT_MS_MAX);
  const idle = idleMaxS === 0 ? 0 : idleMsMax(idleMaxS);
  return attempts + ATTEMPT_MS_MAX + idle + AFTERMATH_MS;
}

export async function runProbe(
  plan: Plan,
  signal: AbortSignal,
  progress: Progress,
): Promise<ProbeResult> {
  const portCount = plan.count + (plan.idleMaxS === 0 ? 0 : IDLE_PORT_COUNT);
  const path = BarePath.open(plan.target, plan.shim, portCount, signal);
  try {
    const before = readKernelCounters();
    const probe = new Probe(plan, path, signal);
    const attempts = await probe.attempts(progress);
    const portReuse = signal.aborted ? null : await probe.reuse(attempts);
    const wantsIdle = plan.idleMaxS > 0 && !signal.aborted;
    const idle = wantsIdle ? await probe.idle(attempts, progress) : null;
    await path.rest(AFTERMATH_MS);
    const kernel = countedSince(before, readKernelCounters());
    const report = path.watch.report(plan.target.name);
    const { sack, reflect } = probe;
    const interrupted = signal.aborted;
    return { plan, attempts, interrupted, kernel, report, sack, portReuse, idle, reflect };
  } finally {
    await path.close();
  }
}

class Probe {
  sack: SackResult | null = null;
  reflect: BothEnds | null = null;
  private readonly plan: Plan;
  private readonly path: BarePath;
  private readonly manners: Manners;

  constructor(plan: Plan, path: BarePath, signal: AbortSignal) {
    this.plan = plan;
    this.path = path;
    this.manners = { target: plan.target, signal, look: () => path.watch.look() };
  }

  async attempts(progress: Progress): Promise<Attempt[]> {
    const { path, manners } = this;
    const { count, compare, target, shim } = this.plan;
    const ways: readonly Way[] = compare ? ['shim', 'bare'] : ['bare'];
    const total = count * ways.length;
    const made: Attempt[] = [];
    while (made.length < total && !manners.signal.aborted) {
      const startedMs = performance.now();
      const way = ways[made.length % ways.length] ?? 'bare';
      const attempt = await this.attempt(way, made.length + 1);
      if (way === 'shim' && made.length === 0 && shim !== undefined) {
        await demandSeen(shim, target, path.local, attempt.localPort);
      }
      made.push(attempt);
      progress(`${attempt.number}/${total} ${attemptText(attempt)}`);
      await path.rest(INTERVAL_MS - (performance.now() - startedMs));
    }
    return made;
  }

  reuse(attempts: readonly Attempt[]): Promise<PortReuse> {
    const bare = attempts.filter(({ way }) => way === 'bare');
    return reusePort(this.path, bare, this.manners);
  }

  idle(attempts: readonly Attempt[], progress: Progress): Promise<IdleResult> {
    const greets = attempts.some(({ outcome }) => outcome === 'greeted');
    const manners = { ...this.manners, greets };
    return searchIdleLimit(this.path, this.plan.idleMaxS, manners, progress);
  }

  private attempt(way: Way, number: number): Promise<Attempt> {
    const { path, manners } = this;
    if (way === 'shim') return attemptOnce(path.unmarked(), number, way, manners);
    const meanwhile = (socket: TcpSocket, greeting: string) => this.calibrate(socket, greeting);
    return attemptOnce(path.next(), number, way, { ...manners, meanwhile });
  }

  /** Once is enough, where it told something. */
  private async calibrate(socket: TcpSocket, greeting: string): Promise<void> {
    const isReflector = greeting === REFLECT_GREETING;
    if (!isReflector && !greeting.startsWith('SSH-')) return;
    const { watch } = this.path;
    if (this.sack === null || this.sack.verdict === 'undecided') {
      const { family } = this.plan.target;
      const line = isReflector ? `${ANY_LINE}\r\n` : SSH_LINE;
      this.sack = await calibrateSack(socket, line, family, MARK_INJECT, watch);
    }
    if (!isReflector || this.reflect !== null) return;
    const there = await askReflector(socket, this.manners.look);
    const here = watch.capture();
    const ends = there === undefined ? undefined : compareEnds(this.plan.target.name, here, there);
    this.reflect = ends ?? null;
  }
}
