/**
 * The main thread's side of the packet worker: starts and stops it, and does what the engine asks.
 *
 * Owns the worker, the stats page and the consumer side of the outbox; writes the inbox. The caller
 * owns the rules: they go in after `startRuntime` and come out before `stop`.
 */
import { randomInt } from 'node:crypto';
import { Worker } from 'node:worker_threads';
import { Engine } from '../../engine/engine.ts';
import {
  INBOX_SLOT_BYTES,
  INBOX_SLOT_COUNT,
  OUTBOX_SLOT_BYTES,
  OUTBOX_SLOT_COUNT,
} from '../../engine/limits.ts';
import type { EngineMemory } from '../../engine/memory.ts';
import * as box from '../../engine/outbox.ts';
import { Ring } from '../../engine/ring.ts';
import { type FlowAddress, flowAddressOf } from '../../telemetry/flow-address.ts';
import type { Histogram, Quantiles } from '../../telemetry/histogram.ts';
import * as page from '../../telemetry/stats-page.ts';
import { keepYoungGenerationsSmall } from '../main-heap.ts';
import type { SockDiag } from '../sock-diag.ts';
import { workerFile } from '../worker-file.ts';
import { type Adoption, writeAdoption } from './adoption.ts';
import { handMemory } from './handed-memory.ts';
import type { Injector } from './injector.ts';
import { engineMs } from './monotonic.ts';
import { type InstallFlowRule, RuleRequests } from './rule-requests.ts';
import { tellSocket } from './socket-answer.ts';
import { Waker } from './waker.ts';
import type { WorkerMessage, WorkerSettings } from './worker-settings.ts';

/** Translation by the kernel. */
export interface KernelMover {
  /** Lets it translate a flow by B - A: 0: it does, or REFUSED_*. */
  move(flow: FlowAddress, delta: number): number;
  /** The engine has let go of a flow, and has seen its end or has not. */
  release(flow: FlowAddress, ended: boolean): void;
}

export interface RuntimeOptions extends page.Pace {
  readonly memory: EngineMemory;
  /** Of the other workers, which then have the same seed. */
  readonly others?: readonly EngineMemory[];
  readonly queueNum: number;
  readonly queueLength: number;
  /** The mark bit for NF_REPEAT (iptables), 0 for NF_ACCEPT (nft). */
  readonly repeatMark: number;
  /** The bits for NF_REPEAT that settle and that unsettle a connection; 0: none. */
  readonly settleMark: number;
  readonly unsettleMark: number;
  readonly injector: Injector;
  readonly installFlowRule: InstallFlowRule;
  readonly sockets: SockDiag;
  readonly kernel: KernelMover;
  /** The worker is gone, and why. Called at most once, never after `stop`. */
  readonly onFatal: (error: Error) => void;
  /** The packet at word `at` of the outbox was sent; it may be overwritten behind this. */
  readonly onInjected?: (words: Int32Array, at: number, packet: Uint8Array) => void;
  /** Of the flow table's hash; random where absent. */
  readonly seed?: number;
}

export interface RuntimeStats {
  readonly packets: number;
  readonly batches: number;
  readonly latencyUs: Quantiles;
  readonly gcPauseUs: Quantiles;
  readonly budgetExceeded: number;
  readonly shed: number;
  readonly injected: number;
  readonly injectFailed: number;
  readonly kernelErrors: number;
  readonly sendFailures: number;
  readonly workerHeapBytes: number;
  /** Since the packet loop last turned. */
  readonly heartbeatMs: number;
}

export interface Runtime {
  stats(): RuntimeStats;
  readonly latencyUs: Histogram;
  /** From the next batch on. */
  setPace(pace: page.Pace): void;
  readonly gcPauseUs: Histogram;
  /** Takes no new flow and ends the translated ones towards the near end. */
  endAll(): void;
  /** Forgets what is known of a destination; port 0: of all its ports. */
  forgetPath(family: 4 | 6, address: Int32Array, port: number): void;
  /** The kernel translates this flow already: it is left alone. */
  adopt(told: Adoption): void;
  /** A rule of a flow's own that it has asked an older run for stands. */
  ruleStands(row: number, generation: number): void;
  /** What became of a move to the kernel that it has asked an older run for: 0, or REFUSED_*. */
  kernelTold(row: number, generation: number, refused: number): void;
  /** Gives the queue back. Remove the rules first. */
  stop(): Promise<void>;
}

const STOP_PATIENCE_MS = 2000;
const INBOX_RETRY_MS = 1;
/** Beyond this the inbox is not being read: the worker is gone. */
const INBOX_RETRIES = 1000;

/** Resolves when the queue is bound; rejects with a QueueError where it cannot be. */
export async function startRuntime(options: RuntimeOptions): Promise<Runtime> {
  const stats = new page.StatsPage();
  stats.setPace(options);
  const seed = options.seed ?? randomInt(2 ** 31);
  const settings: WorkerSettings = {
    memory: handMemory(options.memory),
    others: (options.others ?? []).map(handMemory),
    stats: stats.buffer,
    queueNum: options.queueNum,
    queueLength: options.queueLength,
    repeatMark: options.repeatMark,
    settleMark: options.settleMark,
    unsettleMark: options.unsettleMark,
    seed,
  };
  const worker = new Worker(workerFile('packet-worker.js'), { workerData: settings });
  const runtime = new WorkerRuntime({ ...options, seed }, stats, worker);
  await runtime.bound;
  keepYoungGenerationsSmall();
  return runtime;
}

class WorkerRuntime implements Runtime {
  private readonly options: RuntimeOptions;
  private readonly page: page.StatsPage;
  private readonly worker: Worker;
  private readonly outbox: Ring;
  private readonly inbox: Ring;
  private readonly rules: RuleRequests;
  private readonly exited: Promise<void>;
  private waker: Waker | undefined;
  private stopping = false;
  private told = false;
  readonly bound: Promise<void>;
  private settleBinding: (error?: Error) => void = () => {};

  constructor(options: RuntimeOptions, stats: page.StatsPage, worker: Worker) {
    this.options = options;
    this.page = stats;
    this.worker = worker;
    this.outbox = new Ring(options.memory.outbox, OUTBOX_SLOT_COUNT, OUTBOX_SLOT_BYTES);
    this.inbox = new Ring(options.memory.inbox, INBOX_SLOT_COUNT, INBOX_SLOT_BYTES);
    this.rules = new RuleRequests(options.installFlowRule);
    this.bound = new Promise((resolve, reject) => {
      this.settleBinding = (error) => (error === undefined ? resolve() : reject(error));
    });
    worker.on('message', (message: WorkerMessage) => this.hear(message));
    worker.on('error', (error) => this.fail(error instanceof Error ? error : new Error('worker')));
    this.exited = new Promise((resolve) => {
      worker.on('exit', () => {
        this.fail(new Error('the packet worker has ended'));
        resolve();
      });
    });
  }

  setPace(pace: page.Pace): void {
    this.page.setPace(pace);
  }

  get latencyUs(): Histogram {
    return this.page.latencyUs;
  }

  get gcPauseUs(): Histogram {
    return this.page.gcPauseUs;
  }

  stats(): RuntimeStats {
    const now = engineMs();
    const heartbeat = Atomics.load(this.page.control, page.PAGE_HEARTBEAT_MS);
    return {
      packets: this.page.counter(page.PAGE_PACKETS),
      batches: this.page.counter(page.PAGE_BATCHES),
      latencyUs: this.latencyUs.quantiles(),
      gcPauseUs: this.gcPauseUs.quantiles(),
      budgetExceeded: this.page.counter(page.PAGE_BUDGET_EXCEEDED),
      shed: this.page.counter(page.PAGE_SHED),
      injected: this.options.injector.sentCount,
      injectFailed: this.options.injector.failedCount,
      kernelErrors: this.page.counter(page.PAGE_KERNEL_ERRORS),
      sendFailures: this.page.counter(page.PAGE_SEND_FAILURES),
      workerHeapBytes: this.page.counter(page.PAGE_HEAP_BYTES),
      heartbeatMs: Math.max(0, (now - heartbeat) | 0),
    };
  }

  endAll(): void {
    this.answer(box.IN_KIND_END_ALL, 0, 0, 0, INBOX_RETRIES);
    if (this.told) this.endForTheDead();
  }

  /** Its flows are still in the memory: another engine over it ends them. */
  private endForTheDead(): void {
    new Engine(this.options.memory, this.options.seed ?? 0, this.options.others).tick(engineMs());
    this.drain();
  }

  forgetPath(family: 4 | 6, address: Int32Array, port: number): void {
    const at = this.inbox.reserve();
    if (at < 0) return;
    const { words } = this.inbox;
    words[at + box.IN_KIND] = box.IN_KIND_FORGET;
    words[at + box.IN_PORT] = port;
    words[at + box.IN_FAMILY] = family;
    words.set(address, at + box.IN_ADDR);
    this.inbox.commit();
    this.waker?.wake();
  }

  adopt(told: Adoption): void {
    const at = this.inbox.reserve();
    if (at < 0) {
      if (!this.told) setTimeout(() => this.adopt(told), INBOX_RETRY_MS);
      return;
    }
    writeAdoption(this.inbox.words, at, told);
    this.inbox.commit();
    this.waker?.wake();
  }

  ruleStands(row: number, generation: number): void {
    this.answer(box.IN_KIND_RULE_DONE, row, generation, 1, INBOX_RETRIES);
  }

  kernelTold(row: number, generation: number, refused: number): void {
    const ok = refused === 0 ? 1 : 0;
    this.answer(box.IN_KIND_KERNEL, row, generation, ok, INBOX_RETRIES, refused);
  }

  async stop(): Promise<void> {
    this.stopping = true;
    Atomics.store(this.page.control, page.PAGE_STOP, 1);
    this.waker?.wake();
    const patience = setTimeout(() => this.worker.terminate(), STOP_PATIENCE_MS);
    await this.exited;
    clearTimeout(patience);
    this.drain();
    await this.rules.settled();
    this.waker?.close();
    this.waker = undefined;
  }

  private hear(message: WorkerMessage): void {
    if (message.kind === 'outbox') {
      this.drain();
    } else if (message.kind === 'bound') {
      this.waker = new Waker(Atomics.load(this.page.control, page.PAGE_PORT_ID));
      this.settleBinding();
    } else {
      const error = new Error(message.message);
      error.name = message.name;
      error.stack = message.stack;
      this.fail(error);
    }
  }

  private fail(error: Error): void {
    if (this.told) return;
    this.told = true;
    this.settleBinding(error);
    if (this.waker !== undefined && !this.stopping) this.options.onFatal(error);
  }

  /** Everything in the outbox, in order. */
  private drain(): void {
    const { words, bytes } = this.outbox;
    for (let at = this.outbox.peek(); at >= 0; at = this.outbox.peek()) {
      if (words[at + box.OUT_KIND] === box.OUT_KIND_INJECT) {
        const from = (at + box.OUT_PACKET) * 4;
        const packet = bytes.subarray(from, from + (words[at + box.OUT_BYTES] ?? 0));
        this.options.injector.send(words[at + box.OUT_PATH] ?? 0, packet);
        this.options.onInjected?.(words, at, packet);
      } else if (words[at + box.OUT_KIND] === box.OUT_KIND_SOCKET) {
        this.askSocket(at);
      } else if (words[at + box.OUT_KIND] === box.OUT_KIND_KERNEL_ADD) {
        this.moveToKernel(at);
      } else if (words[at + box.OUT_KIND] === box.OUT_KIND_KERNEL_DEL) {
        this.options.kernel.release(flowAddressOf(words, at), words[at + box.OUT_ENDED] === 1);
      } else {
        this.requestRule(at);
      }
      this.outbox.release();
    }
  }

  /** Without an answer the engine goes on with what it has. */
  private askSocket(at: number): void {
    const { words } = this.outbox;
    const numbers = this.options.sockets.ask(words, at);
    if (tellSocket(this.inbox, words, at, numbers)) this.waker?.wake();
  }

  private moveToKernel(at: number): void {
    const { words } = this.outbox;
    const row = words[at + box.OUT_FLOW] ?? 0;
    const generation = words[at + box.OUT_GENERATION] ?? 0;
    const delta = words[at + box.OUT_DELTA] ?? 0;
    this.kernelTold(row, generation, this.options.kernel.move(flowAddressOf(words, at), delta));
  }

  private requestRule(at: number): void {
    const { words } = this.outbox;
    const add = words[at + box.OUT_KIND] === box.OUT_KIND_RULE_ADD;
    const row = words[at + box.OUT_FLOW] ?? 0;
    const generation = words[at + box.OUT_GENERATION] ?? 0;
    this.rules.request(row, add, flowAddressOf(words, at), (ok) => {
      const kind = add ? box.IN_KIND_RULE_DONE : box.IN_KIND_RULE_GONE;
      this.answer(kind, row, generation, ok ? 1 : 0, INBOX_RETRIES);
    });
  }

  private answer(
    kind: number,
    row: number,
    generation: number,
    ok: number,
    retries: number,
    refused = 0,
  ): void {
    const at = this.inbox.reserve();
    if (at < 0) {
      if (retries === 0 || this.told) return;
      const again = () => this.answer(kind, row, generation, ok, retries - 1, refused);
      setTimeout(again, INBOX_RETRY_MS);
      return;
    }
    const { words } = this.inbox;
    words[at + box.IN_KIND] = kind;
    words[at + box.IN_FLOW] = row;
    words[at + box.IN_GENERATION] = generation;
    words[at + box.IN_OK] = ok;
    words[at + box.IN_REFUSED] = refused;
    this.inbox.commit();
    this.waker?.wake();
  }
}
