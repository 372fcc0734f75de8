/**
 * The live shim: puts configuration, engine memory, packet worker, rules, log and control socket
 * together, in the order in which nothing can go wrong half-way, and takes them apart again.
 *
 * Owns everything it starts. Rules go in after the queue is bound and come out before it is given
 * back; what cannot be had is one line that says what to do, and nothing remains.
 */
import { writeFileSync } from 'node:fs';
import type { Server } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import type { Logger } from 'pino';
import { type Config, MARK_BYPASS, MARK_INJECT } from '../config/config.ts';
import { OperatorError } from '../config/errors.ts';
import { EXIT_BUG, EXIT_IMPOSSIBLE, EXIT_NO, EXIT_OK } from '../config/exit-codes.ts';
import { makeRunDir } from '../config/run-dir.ts';
import { FLOW_ENDED } from '../engine/codes.ts';
import { type ControlRequest, serveControl } from '../telemetry/control-server.ts';
import { EventLog } from '../telemetry/event-log.ts';
import { countFlows, viewFlows } from '../telemetry/flow-view.ts';
import { NO_FIGURES, type Status, statusOf } from '../telemetry/status.ts';
import { VERSION } from '../version.ts';
import { KernelTranslation } from './conntrack/kernel-translation.ts';
import { demandForwarding } from './forwarding.ts';
import { type InstanceLock, takeLock } from './instance-lock.ts';
import { type Injector, openInjector } from './nfqueue/injector.ts';
import { engineMs } from './nfqueue/monotonic.ts';
import { runSelfTest } from './nfqueue/self-test.ts';
import { PathStore } from './path-store.ts';
import { writePolicy } from './policy.ts';
import { demandCapabilities } from './privileges.ts';
import { writeRemoveScript } from './rules/remove-script.ts';
import { RuleBook, RuleError } from './rules/rule-book.ts';
import { ruleInput } from './rules/rule-config.ts';
import { ServiceManager } from './service-manager.ts';
import { Settling } from './settling.ts';
import { Trial } from './trial.ts';
import { Workers } from './workers.ts';

const QUEUE_LENGTH = 8192;
const EVENTS_MS = 50;
const RULES_CHECK_MS = 5000;
const PATHS_SAVE_MS = 30_000;
/** Resets to the near end leave within this before the rules go. */
const FAREWELL_MS = 300;
const RULES_REMOVED = 'rules were removed by somebody else';
const RULES_MISSING = 'rules are missing: run seqshim up';
const FLOWS_SHOWN = 1000;
const FLOWS_LISTED = 100;

export class LiveShim {
  private readonly config: Config;
  private readonly log: Logger;
  private readonly workers: Workers;
  private readonly events: EventLog;
  private readonly startedMs = performance.now();
  private readonly timers: NodeJS.Timeout[] = [];
  private lock: InstanceLock | undefined;
  private injector: Injector | undefined;
  private rules: RuleBook | undefined;
  private control: Server | undefined;
  private readonly trial: Trial;
  private rulesGone = false;
  private readonly settling: Settling;
  private readonly kernel: KernelTranslation;
  private readonly paths: PathStore;
  private readonly service = new ServiceManager();
  private stopping: Promise<void> | undefined;
  private finish: (exitCode: number) => void = () => {};
  /** Resolves with the exit code when the shim has stopped. */
  readonly done = new Promise<number>((resolve) => {
    this.finish = resolve;
  });

  constructor(config: Config, log: Logger) {
    this.config = config;
    this.log = log;
    this.workers = new Workers(config.queueCount, config.flowCountMax);
    const { memories } = this.workers;
    const [first] = memories;
    writePolicy(first, config);
    this.events = new EventLog(
      memories.map(({ events }) => events),
      log,
    );
    this.trial = new Trial(log);
    this.settling = new Settling(config, log, first);
    this.kernel = new KernelTranslation(config, log, first, this.settling.sockets);
    this.paths = new PathStore(
      config.pathsFile,
      memories.map(({ paths }) => paths),
      log,
    );
  }

  async start(): Promise<void> {
    try {
      await this.startUnsafe();
    } catch (error) {
      await this.takeApart();
      throw error;
    }
  }

  private async startUnsafe(): Promise<void> {
    const { config, log } = this;
    demandCapabilities('start');
    await this.claim();
    for (const because of demandForwarding(config)) log.warn({ because }, 'forwarded connections');
    await this.selfTest();
    makeRunDir(config.runDir);
    const rules = this.openRules();
    this.rules = rules;
    this.settling.decide(rules);
    this.settling.clearMarks();
    this.kernel.decide(rules);
    this.paths.load(engineMs(), Date.now());
    this.injector = openInjector({
      backend: config.inject,
      mark: MARK_INJECT,
      wakeMark: MARK_BYPASS,
      report: (line) => log.warn({ reason: line }, 'injection failed'),
    });
    await this.workers.start({
      queueNum: config.queueNum,
      queueLength: QUEUE_LENGTH,
      budgetUs: config.budgetUs,
      repeatMark: rules.repeatMark,
      settleMark: this.settling.isOn ? MARK_BYPASS | MARK_INJECT : 0,
      unsettleMark: this.settling.isOn ? MARK_BYPASS : 0,
      sockets: this.settling.sockets,
      injector: this.injector,
      installFlowRule: (add, flow) => (add ? rules.addFlow(flow) : rules.delFlow(flow)),
      kernel: this.kernel,
      onFatal: (error) => this.fatal(error),
    });
    writeRemoveScript(config, VERSION);
    this.kernel.adopt(this.workers);
    this.installRules();
    this.settling.rulesStand(!this.rulesGone);
    this.control = await serveControl(config.control, (request) => this.answer(request));
    this.timers.push(
      setInterval(() => this.events.drain(), EVENTS_MS),
      setInterval(() => void this.checkRules(), RULES_CHECK_MS),
      setInterval(() => this.kernel.sweep(), RULES_CHECK_MS),
      setInterval(() => void this.paths.save(engineMs(), Date.now()), PATHS_SAVE_MS),
    );
    if (config.forMs !== undefined) this.trial.begin(config.forMs, () => void this.stop());
    log.info(
      {
        version: VERSION,
        pid: process.pid,
        mode: config.mode,
        targets: config.targetNames,
        ports: config.ports,
        queue: config.queueNum,
        queues: config.queueCount,
        firewall: this.rules?.backend ?? 'none',
        inspect: this.settling.inspect,
        inject: this.injector.backend,
        remove: config.removeScript,
        ...(this.trial.endsAt === undefined ? {} : { endsAt: this.trial.endsAt }),
      },
      'ready',
    );
    this.service.ready(config.targetNames, () => this.workers.stats().heartbeatMs);
  }

  private async claim(): Promise<void> {
    const lock = await takeLock();
    if ('release' in lock) {
      this.lock = lock;
      return;
    }
    const who = lock.heldBy === 0 ? 'another process' : `pid ${lock.heldBy}`;
    throw new OperatorError(
      `Cannot start: seqshim already runs here (${who}). Stop it first, or look: seqshim status`,
      EXIT_NO,
    );
  }

  private async selfTest(): Promise<void> {
    const { queueNum, queueCount, inject } = this.config;
    const options = { queueNum, queueCount, inject, mark: MARK_INJECT };
    for (const result of await runSelfTest(options)) {
      if (result.outcome === 'failed') throw new OperatorError(result.line, EXIT_IMPOSSIBLE);
    }
  }

  private openRules(): RuleBook {
    try {
      return new RuleBook(ruleInput(this.config), this.config.firewall);
    } catch (error) {
      throw asOperatorError(error);
    }
  }

  private installRules(): void {
    if (!this.config.rules) {
      this.rulesGone = this.rules?.adopt() !== true;
      if (!this.rulesGone) return;
      this.log.warn({}, 'no rules of ours stand yet: nothing is inspected before `seqshim up`');
      return;
    }
    try {
      this.rules?.install();
    } catch (error) {
      throw asOperatorError(error);
    }
  }

  /** What a colleague removed is not put back; what `seqshim up` puts back is used again. */
  private async checkRules(): Promise<void> {
    const { rules } = this;
    if (rules === undefined || (this.rulesGone && this.config.rules)) return;
    // Not blocking: a probe that leaves late is one that nobody answers in time.
    const stand = await rules.presentNow();
    await this.settling.count();
    if (this.stopping !== undefined || stand === undefined || stand === !this.rulesGone) return;
    if (stand && !rules.adopt()) return; // of other queues
    this.rulesGone = !stand;
    if (!stand) {
      this.log.warn({}, 'rules were removed by somebody else: nothing is inspected any more');
      return;
    }
    this.settling.rulesStand(true);
    this.log.info({}, 'rules stand again');
  }

  private answer(request: ControlRequest): unknown {
    switch (request.op) {
      case 'status':
        return this.settling.count().then(() => this.status());
      case 'flows':
        return {
          schema: 1,
          total: countFlows(this.workers.memories).current,
          flows: this.flows(request['all'] === true ? 1e6 : FLOWS_SHOWN),
        };
      case 'paths':
        return this.paths.answer(engineMs(), Date.now());
      case 'forget':
        return this.paths.forget(request, engineMs(), Date.now(), this.workers);
      case 'keep':
        return { schema: 1, kept: this.trial.keep() };
      case 'stop':
        setImmediate(() => void this.stop());
        return { schema: 1, stopping: true };
      default:
        return {
          error: `Cannot do "${request.op}": ask for status, flows, paths, forget, keep or stop`,
        };
    }
  }

  status(): Status {
    const reasons: string[] = [];
    const ready = this.workers.areRunning;
    const runtime = ready ? this.workers.stats() : NO_FIGURES;
    if (this.rulesGone) reasons.push(this.config.rules ? RULES_REMOVED : RULES_MISSING);
    if (runtime.heartbeatMs > 2000) reasons.push('packet loop is stuck');
    return statusOf({
      version: VERSION,
      mode: this.config.mode,
      hook: this.config.hooks.join(','),
      targets: this.config.targetNames,
      ready,
      reasons,
      startedMs: this.startedMs,
      endsAt: this.trial.endsAt,
      inspect: this.settling.inspect,
      fullBecause: this.settling.fullBecause,
      ...this.kernel.facts,
      rules: { installed: !this.rulesGone, backend: this.rules?.backend ?? 'none' },
      budgetUs: this.config.budgetUs,
      memories: this.workers.memories,
      packetsByQueue: this.workers.packetsByQueue(),
      runtime,
    });
  }

  /** Stops for good: translated flows end cleanly at the near end, nothing of ours remains. */
  stop(): Promise<void> {
    this.stopping ??= this.stopUnsafe();
    return this.stopping;
  }

  private async stopUnsafe(): Promise<void> {
    this.service.stopping();
    const before = this.workers.count(FLOW_ENDED);
    const flows = this.flows(FLOWS_LISTED).filter(
      (flow) => flow.translatedBy === 'userspace' && flow.nearState === 'ESTABLISHED',
    );
    await this.farewell();
    this.events.drain();
    const flowsEnded = this.workers.count(FLOW_ENDED) - before;
    const names = flows.map((flow) => `${flow.near} > ${flow.far}`);
    this.log.info({ flowsEnded, flows: names }, 'stopping');
    await this.takeApart();
    this.log.info({}, 'stopped');
    this.finish(EXIT_OK);
  }

  /** Resets to the near end have time to leave, where any are due. */
  private async farewell(): Promise<void> {
    this.workers.endAll();
    if (countFlows(this.workers.memories).translated > 0) await pause(FAREWELL_MS);
  }

  private flows(countMax: number) {
    return viewFlows(this.workers.memories, engineMs(), countMax);
  }

  private async takeApart(): Promise<void> {
    for (const timer of this.timers) clearInterval(timer);
    this.trial.cancel();
    const clean = this.config.rules ? (this.rules?.remove() ?? true) : true;
    if (!clean) this.log.error({ remove: this.config.removeScript }, 'rules remain: run remove.sh');
    await this.workers.stop();
    if (this.workers.areRunning) await this.paths.save(engineMs(), Date.now());
    if (this.workers.areRunning) this.settling.clearMarks();
    this.kernel.close();
    this.events.close();
    this.injector?.close();
    this.settling.close();
    this.control?.close();
    this.lock?.release();
  }

  /**
   * A packet thread is gone: our bug. Its traffic passes by the rules' bypass; what the others
   * translate is ended, and the rules go too.
   */
  private fatal(error: Error): void {
    const file = `${this.config.runDir}/crash-${Date.now()}.txt`;
    try {
      writeFileSync(file, `seqshim ${VERSION}, node ${process.version}\n${error.stack}\n`);
    } catch {
      // the line below is what remains
    }
    process.stderr.write(`seqshim has failed: ${error.message}. Please report ${file}\n`);
    void this.farewell()
      .then(() => this.takeApart())
      .finally(() => this.finish(EXIT_BUG));
  }
}

function asOperatorError(error: unknown): unknown {
  return error instanceof RuleError ? new OperatorError(error.message, EXIT_IMPOSSIBLE) : error;
}
