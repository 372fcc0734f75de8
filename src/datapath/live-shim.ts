/**
 * The live shim: puts configuration, engine memory, packet worker, rules, log and control socket
 * together, in the order in which nothing can go wrong half-way, and takes them apart again.
 *
 * Owns everything it starts. Rules go in after the queue is bound and come out before it is given
 * back; what cannot be had is one line that says what to do, and nothing remains.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { Logger } from 'pino';
import { type Config, MARK_BYPASS, MARK_INJECT } from '../config/config.ts';
import { OperatorError } from '../config/errors.ts';
import { EXIT_BUG, EXIT_IMPOSSIBLE, EXIT_OK } from '../config/exit-codes.ts';
import { FLOW_ENDED } from '../engine/codes.ts';
import { EventLog } from '../telemetry/event-log.ts';
import { countFlows } from '../telemetry/flow-view.ts';
import { MetricsOutput } from '../telemetry/metrics-output.ts';
import { claim } from './claim.ts';
import { KernelTranslation } from './conntrack/kernel-translation.ts';
import { ControlDesk } from './control-desk.ts';
import { writeCrashFile } from './crash-file.ts';
import { EvidenceRecorder } from './evidence/evidence-recorder.ts';
import { Expiry } from './expiry.ts';
import { demandForwarding } from './forwarding.ts';
import { HistoryKeeper } from './history-keeper.ts';
import type { InstanceLock } from './instance-lock.ts';
import { changeConfig } from './live-change.ts';
import { collectGarbage } from './main-heap.ts';
import { Neighbours } from './neighbours.ts';
import { type Injector, openInjector } from './nfqueue/injector.ts';
import { engineMs } from './nfqueue/monotonic.ts';
import { demandSelfTest } from './nfqueue/self-test.ts';
import { PathStore } from './path-store.ts';
import { writePolicy } from './policy.ts';
import { readyFields } from './ready-line.ts';
import { RuleWatch } from './rule-watch.ts';
import { type Asked, keepFirewall, recallFirewall } from './rules/found-firewall.ts';
import { RuleBook, RuleError } from './rules/rule-book.ts';
import { ruleInput } from './rules/rule-config.ts';
import { writeRemoveScript } from './rules/write-remove-script.ts';
import { ServiceManager } from './service-manager.ts';
import { Settling } from './settling.ts';
import { State } from './state/state.ts';
import { answerLeft, ruledFlows } from './taking-over.ts';
import { Trial } from './trial.ts';
import { Workers } from './workers.ts';

const QUEUE_LENGTH = 8192;
const EVENTS_MS = 50;
const RULES_CHECK_MS = 5000;
const STRANGERS_MS = 1000;
const NEIGHBOURS_MS = 15_000;
const SAVE_MS = 30_000;
/** Some 10 ms of this thread; what a burst of evidence leaves is not kept for long. */
const GARBAGE_MS = 15_000;
/** Resets to the near end leave within this before the rules go. */
const FAREWELL_MS = 300;
const FLOWS_LISTED = 100;

export class LiveShim {
  private config: Config;
  private readonly log: Logger;
  private readonly workers: Workers;
  private readonly events: EventLog;
  private readonly evidence: EvidenceRecorder;
  private readonly timers: NodeJS.Timeout[] = [];
  private readonly lock: InstanceLock;
  private readonly state: State;
  private injector: Injector | undefined;
  private rules: RuleBook | undefined;
  private readonly trial: Trial;
  private readonly expiry: Expiry;
  private readonly watch: RuleWatch;
  private readonly neighbours: Neighbours;
  private readonly settling: Settling;
  private readonly kernel: KernelTranslation;
  private readonly paths: PathStore;
  private readonly keeper: HistoryKeeper;
  private readonly desk: ControlDesk;
  private readonly metrics: MetricsOutput;
  private readonly service = new ServiceManager();
  private stopping: Promise<void> | undefined;
  private reloading: Promise<void> | undefined;
  private finish: (exitCode: number) => void = () => {};
  /** Resolves with the exit code when the shim has stopped. */
  readonly done = new Promise<number>((resolve) => {
    this.finish = resolve;
  });

  static async open(config: Config, log: Logger): Promise<LiveShim> {
    return new LiveShim(config, log, await claim(), new State(config, log));
  }

  constructor(config: Config, log: Logger, lock: InstanceLock, state: State) {
    this.config = config;
    this.log = log;
    this.lock = lock;
    this.state = state;
    this.workers = new Workers(config.queueCount, config.flowCountMax, state.files);
    const { memories } = this.workers;
    const [first] = memories;
    writePolicy(first, config);
    this.keeper = new HistoryKeeper(config.historyFile, memories, config.ports, log);
    this.evidence = new EvidenceRecorder(config.evidenceDir, memories, () => this.config, log);
    this.events = new EventLog(
      memories.map(({ events }) => events),
      log,
      this.keeper,
      this.evidence,
    );
    this.trial = new Trial(log);
    this.expiry = new Expiry(log);
    this.watch = new RuleWatch(config, log, () => ruledFlows(memories));
    this.neighbours = new Neighbours(() => this.config, log, first);
    this.settling = new Settling(config, log, first);
    this.kernel = new KernelTranslation(config, log, first, this.settling.sockets);
    this.paths = new PathStore(
      config.pathsFile,
      memories.map(({ paths }) => paths),
      log,
    );
    const { workers, trial, expiry, settling, kernel, paths, keeper, watch, neighbours } = this;
    this.desk = new ControlDesk({
      evidence: this.evidence,
      ...{ log, workers, trial, expiry, settling, kernel, paths, keeper, watch, neighbours },
      config: () => this.config,
      backend: () => this.rules?.backend ?? 'none',
      stop: () => void this.stop(),
    });
    this.metrics = new MetricsOutput(config, log, () => this.desk.snapshot());
  }

  async start(): Promise<void> {
    try {
      await this.startUnsafe();
    } catch (error) {
      await this.takeApart(this.state.isLeft); // that waits for the next start
      throw error;
    }
  }

  private async startUnsafe(): Promise<void> {
    const { config, log } = this;
    for (const because of demandForwarding(config)) log.warn({ because }, 'forwarded connections');
    const { queueNum, queueCount, inject } = config;
    if (!this.state.isKnown) {
      await demandSelfTest({ queueNum, queueCount, inject, mark: MARK_INJECT });
    }
    const rules = this.openRules();
    this.rules = rules;
    this.settling.decide(rules);
    this.kernel.decide(rules);
    this.paths.load(engineMs(), Date.now());
    this.keeper.load(Date.now());
    this.state.recover(this.workers.memories, this.workers.seed);
    if (!this.state.isWhole) this.settling.clearMarks();
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
      busyPollUs: config.busyPollUs,
      repeatMark: rules.repeatMark,
      settleMark: this.settling.isOn ? MARK_BYPASS | MARK_INJECT : 0,
      unsettleMark: this.settling.isOn ? MARK_BYPASS : 0,
      sockets: this.settling.sockets,
      injector: this.injector,
      installFlowRule: (add, flow) => (add ? rules.addFlow(flow) : rules.delFlow(flow)),
      kernel: this.kernel,
      evidence: this.evidence,
      onFatal: (error) => this.fatal(error),
    });
    writeRemoveScript(config);
    this.kernel.adopt(this.workers);
    await this.watch.begin(rules).catch((error: unknown) => {
      throw asOperatorError(error);
    });
    if (this.state.isLeft) answerLeft(this.workers, this.kernel);
    if (!this.watch.areGone) keepFirewall(this.state.firewallFile, this.asked(), rules);
    this.settling.rulesStand(!this.watch.areGone);
    await this.desk.open();
    await this.metrics.open();
    this.timers.push(
      setInterval(() => this.drain(), EVENTS_MS),
      setInterval(() => void this.checkRules(), RULES_CHECK_MS),
      setInterval(() => void this.neighbours.check(), NEIGHBOURS_MS),
      setInterval(() => this.kernel.sweep(), RULES_CHECK_MS),
      setInterval(() => this.state.noteAlive(), RULES_CHECK_MS),
      setInterval(() => this.kernel.lookForStrangers(), STRANGERS_MS),
      setInterval(() => void this.save(), SAVE_MS),
      setInterval(collectGarbage, GARBAGE_MS),
    );
    if (config.forMs !== undefined) this.trial.begin(config.forMs, () => void this.stop());
    this.expiry.watch(config);
    const facts = {
      firewall: rules.backend,
      inspect: this.settling.inspect,
      inject: this.injector.backend,
      endsAt: this.trial.endsAt,
      expiry: this.expiry.facts,
    };
    log.info(readyFields(config, facts), 'ready');
    this.service.ready(config.targetNames, () => this.workers.stats().heartbeatMs);
  }

  /** Another configuration, whole or not at all: an OperatorError says why not. */
  reload(next: Config): Promise<void> {
    const { workers, rules, expiry, log, stopping } = this;
    const facts = { workers, rules, expiry, log, rulesStand: !this.watch.areGone, stopping };
    const changed = changeConfig(facts, this.config, next).then(() => {
      this.config = next;
    });
    this.reloading = changed.catch(() => {});
    return changed;
  }

  private asked(): Asked {
    return { input: ruleInput(this.config), choice: this.config.firewall };
  }

  private openRules(): RuleBook {
    try {
      const { input, choice } = this.asked();
      const known = recallFirewall(this.state.firewallFile, { input, choice });
      return new RuleBook(input, choice, this.state.isKnown ? known : undefined);
    } catch (error) {
      throw asOperatorError(error);
    }
  }

  private async checkRules(): Promise<void> {
    await this.watch.check({
      isStopping: () => this.stopping !== undefined,
      onStand: () => this.settling.rulesStand(true),
      onGone: () => this.workers.endAll(),
    });
    await this.settling.count();
  }

  /** Stops for good: translated flows end cleanly at the near end, nothing of ours remains. */
  stop(): Promise<void> {
    this.stopping ??= this.stopUnsafe();
    return this.stopping;
  }

  private async stopUnsafe(): Promise<void> {
    this.service.stopping();
    const before = this.workers.count(FLOW_ENDED);
    const flows = this.desk
      .flows(FLOWS_LISTED)
      .filter((flow) => flow.translatedBy === 'userspace' && flow.nearState === 'ESTABLISHED');
    await this.farewell();
    this.drain();
    const flowsEnded = this.workers.count(FLOW_ENDED) - before;
    const names = flows.map((flow) => `${flow.near} > ${flow.far}`);
    this.log.info({ flowsEnded, flows: names }, 'stopping');
    await this.takeApart(false);
    this.log.info({}, 'stopped');
    this.finish(EXIT_OK);
  }

  /** A signal. A service whose rules stand leaves its connections to the next run. */
  signalled(): Promise<void> {
    const { config, watch, state } = this;
    if (config.rules || watch.areGone || state.files.length === 0) return this.stop();
    this.stopping ??= this.leave();
    return this.stopping;
  }

  private async leave(): Promise<void> {
    this.service.stopping();
    await this.reloading;
    this.log.info(
      { translated: countFlows(this.workers.memories).translated },
      'leaving: connections wait for the next run',
    );
    await this.takeApart(true);
    this.finish(EXIT_OK);
  }

  /** Resets to the near end have time to leave, where any are due. */
  private async farewell(): Promise<void> {
    await this.reloading; // rules that it puts in must not outlive us
    this.workers.endAll();
    if (countFlows(this.workers.memories).translated > 0) await pause(FAREWELL_MS);
  }

  private async save(): Promise<void> {
    await this.paths.save(engineMs(), Date.now());
    await this.keeper.save(Date.now());
  }

  /** Evidence is told what events are about it. */
  private drain(): void {
    this.events.drain();
    this.evidence.drain();
  }

  /** `leaving`: another run goes on with these connections. */
  private async takeApart(leaving: boolean): Promise<void> {
    for (const timer of this.timers) clearInterval(timer);
    this.trial.cancel();
    this.expiry.close();
    const clean = this.config.rules ? (this.rules?.remove() ?? true) : true;
    if (!clean) this.log.error({ remove: this.config.removeScript }, 'rules remain: run remove.sh');
    await this.workers.stop();
    this.events.close();
    await this.evidence.close();
    if (this.workers.areRunning) await this.save();
    if (this.workers.areRunning && !leaving) this.settling.clearMarks();
    this.state.close(leaving, this.workers.areRunning ? this.workers.memories : []);
    this.kernel.close();
    this.injector?.close();
    this.settling.close();
    this.metrics.close();
    this.desk.close();
    this.lock.release();
  }

  /**
   * A packet thread is gone: our bug. Its traffic passes by the rules' bypass; what the others
   * translate is ended, and the rules go too.
   */
  private fatal(error: Error): void {
    const file = writeCrashFile(this.config.runDir, error);
    process.stderr.write(`seqshim has failed: ${error.message}. Please report ${file}\n`);
    void this.farewell()
      .then(() => this.takeApart(false))
      .finally(() => this.finish(EXIT_BUG));
  }
}

function asOperatorError(error: unknown): unknown {
  return error instanceof RuleError ? new OperatorError(error.message, EXIT_IMPOSSIBLE) : error;
}
