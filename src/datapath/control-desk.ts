/**
 * Answers what comes over the control socket: reading commands to all who can open it, changing
 * ones to root and the members of CHANGING_GROUP, each with its line in the log. What `status`,
 * `top`, `report` and the metrics say comes from here. Owns the socket.
 */
import { chownSync, statSync } from 'node:fs';
import type { Server } from 'node:net';
import type { Logger } from 'pino';
import type { Config } from '../config/config.ts';
import {
  audit,
  CHANGING_GROUP,
  type Change,
  mayChange,
  type Peer,
  READING_GROUP,
} from '../telemetry/audit.ts';
import { type ControlRequest, serveControl } from '../telemetry/control-server.ts';
import { countFlows, type FlowView, viewFlows } from '../telemetry/flow-view.ts';
import { LATENCY_BOUNDS_US, type Snapshot } from '../telemetry/metrics.ts';
import { type RepairReport, reportOf } from '../telemetry/repair-report.ts';
import { NO_FIGURES, type Status, statusOf } from '../telemetry/status.ts';
import { VERSION } from '../version.ts';
import type { KernelTranslation } from './conntrack/kernel-translation.ts';
import type { EvidenceRecorder } from './evidence/evidence-recorder.ts';
import type { Expiry } from './expiry.ts';
import type { HistoryKeeper } from './history-keeper.ts';
import type { Neighbours } from './neighbours.ts';
import { engineMs } from './nfqueue/monotonic.ts';
import type { PathStore } from './path-store.ts';
import { groupId, peerOf } from './peer-credentials.ts';
import type { RuleWatch } from './rule-watch.ts';
import type { Settling } from './settling.ts';
import type { Trial } from './trial.ts';
import type { Workers } from './workers.ts';

const FLOWS_SHOWN = 1000;
const STUCK_MS = 2000;
/** How far back `report` looks where nothing else is asked for, and `status` and metrics always. */
const REPORT_MS = 7 * 86_400_000;
const REPORT_MS_MAX = 366 * 86_400_000;
const FORGOTTEN_SHOWN = 20;
const ABOUT_CHARACTERS_MAX = 80;

export interface DeskParts {
  /** SIGHUP may replace it. */
  readonly config: () => Config;
  readonly log: Logger;
  readonly workers: Workers;
  readonly trial: Trial;
  readonly expiry: Expiry;
  readonly settling: Settling;
  readonly kernel: KernelTranslation;
  readonly paths: PathStore;
  readonly keeper: HistoryKeeper;
  readonly watch: RuleWatch;
  readonly neighbours: Neighbours;
  readonly evidence: EvidenceRecorder;
  /** Which program owns our rules. */
  readonly backend: () => string;
  readonly stop: () => void;
}

export class ControlDesk {
  private readonly parts: DeskParts;
  private readonly startedMs = performance.now();
  private adminGid: number | undefined;
  private server: Server | undefined;

  constructor(parts: DeskParts) {
    this.parts = parts;
  }

  async open(): Promise<void> {
    const { control } = this.parts.config();
    this.adminGid = groupId(CHANGING_GROUP);
    this.server = await serveControl(
      control,
      (request, peer) => this.answer(request, peer),
      peerOf,
    );
    const gid = groupId(READING_GROUP);
    // A service's user has the group already, and may not call chown at all (the unit's filter).
    if (gid === undefined || statSync(control).gid === gid) return;
    try {
      chownSync(control, -1, gid);
    } catch (error) {
      const because = (error as NodeJS.ErrnoException).code;
      this.parts.log.warn(
        { control, because },
        `control socket cannot be given to group ${READING_GROUP}`,
      );
    }
  }

  close(): void {
    this.server?.close();
  }

  answer(request: ControlRequest, peer: () => Peer | undefined): unknown {
    switch (request.op) {
      case 'status':
        return this.parts.settling.count().then(() => this.status());
      case 'top':
        return this.top();
      case 'report':
        return this.report(request['sinceMs']);
      case 'flows':
        return {
          schema: 1,
          total: countFlows(this.parts.workers.memories).current,
          flows: this.flows(request['all'] === true ? 1e6 : FLOWS_SHOWN),
        };
      case 'paths':
        return this.parts.paths.answer(engineMs(), Date.now());
      case 'forget':
      case 'keep':
      case 'stop':
        return this.change(request, peer());
      default:
        return {
          error:
            `Cannot do "${request.op}": ` +
            'ask for status, top, report, flows, paths, forget, keep or stop',
        };
    }
  }

  private change(request: ControlRequest, peer: Peer | undefined): unknown {
    const allowed = mayChange(peer, this.adminGid);
    audit(this.parts.log, peer, allowed, this.changeOf(request));
    if (!allowed) {
      const who = `only root and members of group ${CHANGING_GROUP} may`;
      return { error: `Cannot ${request.op}: ${who}. Run this as root` };
    }
    const { paths, trial, workers, stop } = this.parts;
    if (request.op === 'keep') return { schema: 1, kept: trial.keep() };
    if (request.op === 'forget') return paths.forget(request, engineMs(), Date.now(), workers);
    setImmediate(stop);
    return { schema: 1, stopping: true };
  }

  /** What a request replaces, and by what. */
  private changeOf(request: ControlRequest): Change {
    const command = request.op;
    if (command === 'keep') return { command, old: this.parts.trial.endsAt, new: null };
    if (command === 'stop') return { command, old: 'running', new: 'stopped' };
    const known = this.parts.paths.matching(request, engineMs(), Date.now());
    const old = known.slice(0, FORGOTTEN_SHOWN).map(({ address, port, facts }) => ({
      address,
      port,
      facts: facts.map(({ fact }) => fact),
    }));
    const about = `${request['address']} ${request['port']}`.slice(0, ABOUT_CHARACTERS_MAX);
    return { command, about, old, new: [] };
  }

  status(): Status {
    const { workers, settling, kernel, trial, expiry, keeper, watch, neighbours } = this.parts;
    const config = this.parts.config();
    const reasons: string[] = [];
    const ready = workers.areRunning;
    const runtime = ready ? workers.stats() : NO_FIGURES;
    for (const { reason } of [watch, neighbours]) if (reason !== undefined) reasons.push(reason);
    if (runtime.heartbeatMs > STUCK_MS) reasons.push('packet loop is stuck');
    return statusOf({
      version: VERSION,
      mode: config.mode,
      hook: config.hooks.join(','),
      targets: config.targetNames,
      ready,
      reasons,
      startedMs: this.startedMs,
      endsAt: trial.endsAt,
      ...expiry.facts,
      inspect: settling.inspect,
      fullBecause: settling.fullBecause,
      ...kernel.facts,
      rules: {
        installed: !watch.areGone,
        backend: this.parts.backend(),
        reinstalled: watch.reinstalledCount,
      },
      budgetUs: config.budgetUs,
      memories: workers.memories,
      packetsByQueue: workers.packetsByQueue(),
      runtime,
      eventsLost: keeper.eventsLost,
      knownFaults: this.knownFaults(),
      evidence: this.parts.evidence.facts,
      removal: this.report(undefined).verdict,
    });
  }

  private knownFaults(): Record<string, number> {
    const counts: Record<string, number> = {};
    for (const { facts } of this.parts.paths.known(engineMs(), Date.now())) {
      for (const { fact } of facts) counts[fact] = (counts[fact] ?? 0) + 1;
    }
    return counts;
  }

  /** What is shown again and again must not start a program each time: no counters of the rules. */
  private top(): unknown {
    return { schema: 1, status: this.status(), recent: this.parts.keeper.recent };
  }

  private report(sinceMs: unknown): RepairReport {
    const { keeper } = this.parts;
    const asked = typeof sinceMs === 'number' && sinceMs > 0 ? sinceMs : REPORT_MS;
    const nowDate = Date.now();
    keeper.sample(nowDate);
    return reportOf(keeper.history, nowDate - Math.min(asked, REPORT_MS_MAX), nowDate);
  }

  /** For the metrics. */
  snapshot(): Snapshot {
    const latency = this.parts.workers.latencyTotals(LATENCY_BOUNDS_US);
    return { status: this.status(), latency };
  }

  flows(countMax: number): FlowView[] {
    return viewFlows(this.parts.workers.memories, engineMs(), countMax);
  }
}
