/**
 * The packet thread's loop: batch in, engine, verdicts out; housekeeping in what time is left.
 *
 * Owns the order of things within a turn. Reads the queue; writes the stats page. Nothing is held
 * in the kernel's queue longer than a batch. Times: ms, the latency in µs. Allocates nothing a
 * packet.
 */
import { STAT_SHED } from '../../engine/codes.ts';
import type { Engine } from '../../engine/engine.ts';
import {
  HOOK_POSTROUTING,
  HOOK_PREROUTING,
  TO_FAR,
  TO_NEAR,
  VERDICT_ACCEPT,
  VERDICT_DROP,
  VERDICT_REWRITTEN,
  WORD_READY,
  WORD_SETTLED,
  WORD_WAKES,
} from '../../engine/verdict.ts';
import * as page from '../../telemetry/stats-page.ts';
import { GcPauses } from './gc-pauses.ts';
import { engineMs } from './monotonic.ts';
import type { Queue } from './queue.ts';
import { RepeatGuard } from './repeat-guard.ts';

/** The clock is read after this many packets of a batch (a power of two). */
const CLOCK_PACKETS = 4;
/** An overload is when every batch is full, and their verdicts late, for this long. */
const OVERLOAD_MS = 100;
/** Housekeeping happens at least this often, however many packets wait. */
const TICK_LATEST_MS = 20;
const SAMPLE_MS = 1000;
/**
 * After `stop` or a failure the queue is emptied before it is given back, within this many batches.
 */
const DRAIN_BATCHES = 64;

export interface LoopSettings {
  readonly batchCount: number;
  /** The bit for NF_REPEAT; 0: plain NF_ACCEPT (nft, where our base chains are our own). */
  readonly repeatMark: number;
  /** The bits for NF_REPEAT that settle and that unsettle a connection; 0: none is ever settled. */
  readonly settleMark: number;
  readonly unsettleMark: number;
  /** Called when the engine has asked the outside for something. */
  readonly onOutbox: () => void;
  /** Slots ever committed to the outbox. */
  readonly outboxCount: () => number;
}

export class PacketLoop {
  private readonly queue: Queue;
  private readonly engine: Engine;
  private readonly stats: page.StatsPage;
  private readonly settings: LoopSettings;
  private readonly guard: RepeatGuard;
  /** Since when every batch has been full and late; from the next one on when `calm`. */
  private lateSinceMs = 0;
  /** The last batch was not: time that we slept or did not get a processor is no overload. */
  private calm = true;
  /** A packet that carries it has been judged. */
  private readonly judgedMark: number;
  private outboxSeen = 0;
  private tickedMs = 0;
  private sampledMs = 0;
  private readonly gc: GcPauses;

  constructor(queue: Queue, engine: Engine, stats: page.StatsPage, settings: LoopSettings) {
    this.queue = queue;
    this.engine = engine;
    this.stats = stats;
    this.settings = settings;
    this.guard = new RepeatGuard(queue.bytes);
    this.gc = new GcPauses(stats.gcPauseUs);
    this.outboxSeen = settings.outboxCount();
    this.judgedMark = settings.repeatMark | settings.unsettleMark;
    engine.attach(queue.bytes, queue.simdSum);
  }

  /** Until the stop word is set. */
  run(): void {
    const { control } = this.stats;
    this.tickedMs = engineMs();
    while (Atomics.load(control, page.PAGE_STOP) === 0) this.turn();
    // What is still in the queue is judged like the rest: giving the queue back would drop it.
    for (let i = 0; i < DRAIN_BATCHES; i++) {
      this.queue.setTimeoutMs(1);
      if (this.turn() === 0) break;
    }
  }

  /** After a failure: lets go of the batch, and of what is still in the queue, unseen. */
  letGo(): void {
    this.queue.flush();
    this.queue.setTimeoutMs(1);
    for (let i = 0; i < DRAIN_BATCHES && this.queue.receive() > 0; i++) this.queue.flush();
  }

  /** Returns how many packets there were. */
  private turn(): number {
    const { queue, stats, settings } = this;
    queue.busyPollUs = stats.control[page.PAGE_BUSY_POLL_US]!;
    const count = queue.receive();
    const startMs = performance.now();
    const nowMs = engineMs();
    if (count > 0) {
      this.judge(count, startMs, nowMs);
      stats.counters[page.PAGE_PACKETS] = stats.counters[page.PAGE_PACKETS]! + count;
      stats.counters[page.PAGE_BATCHES] = stats.counters[page.PAGE_BATCHES]! + 1;
    }
    const busy = count === settings.batchCount;
    if (!busy) this.calm = true;
    const spare = !busy || ((nowMs - this.tickedMs) | 0) >= TICK_LATEST_MS;
    // A question that this batch has raised is asked now: its answer is waited for from now on.
    if (spare && (nowMs !== this.tickedMs || this.engine.isArmed())) {
      this.tickedMs = nowMs;
      queue.setTimeoutMs(timeoutStep(this.engine.tick(nowMs)));
      stats.control[page.PAGE_HEARTBEAT_MS] = nowMs;
      if (((nowMs - this.sampledMs) | 0) >= SAMPLE_MS) this.sample(nowMs);
    }
    const asked = settings.outboxCount();
    if (asked !== this.outboxSeen) {
      this.outboxSeen = asked;
      settings.onOutbox();
    }
    return count;
  }

  /** One batch: a verdict for each packet, sent together, or earlier when the budget is used up. */
  private judge(count: number, startMs: number, nowMs: number): void {
    const { queue, stats } = this;
    if (this.calm) this.lateSinceMs = nowMs;
    this.calm = false;
    const overload = ((nowMs - this.lateSinceMs) | 0) >= OVERLOAD_MS;
    const budgetUs = stats.control[page.PAGE_BUDGET_US]!;
    let budgetMs = budgetUs / 1000;
    let flushed = 0;
    for (let i = 0; i < count; i++) {
      if ((queue.mark[i]! & this.judgedMark) === 0) {
        this.decide(i, i === count - 1, nowMs, overload);
      }
      if ((i & (CLOCK_PACKETS - 1)) !== CLOCK_PACKETS - 1) continue;
      if (performance.now() - startMs < budgetMs) continue;
      queue.flush(i + 1);
      stats.latencyUs.record((performance.now() - startMs) * 1000, i + 1 - flushed);
      flushed = i + 1;
      budgetMs += budgetUs / 1000;
    }
    queue.flush();
    const tookUs = (performance.now() - startMs) * 1000;
    if (count > flushed) stats.latencyUs.record(tookUs, count - flushed);
    const late = tookUs > budgetUs;
    if (late) {
      stats.counters[page.PAGE_BUDGET_EXCEEDED] = stats.counters[page.PAGE_BUDGET_EXCEEDED]! + 1;
    }
    // Shedding makes batches quick: that alone does not end it, a batch that is not full does.
    if (!late && !overload) this.calm = true;
  }

  /**
   * The engine's word, as a verdict after which the administrator's rules behind ours still run:
   * NF_REPEAT with our bit, which the head of our chain takes away. A packet that carries the bit
   * has been judged and is accepted; were its head rule gone, repeating would never end. Behind
   * conntrack the bits also tell the kernel the engine's word on the connection.
   */
  private decide(i: number, last: boolean, nowMs: number, overload: boolean): void {
    const { queue, engine } = this;
    const off = queue.off[i]!;
    const len = queue.len[i]!;
    const hook = queue.hook[i]!;
    // A new packet has the verdict ACCEPT until it is judged.
    if (this.settings.repeatMark !== 0 && this.guard.isReturned(off, len, hook, nowMs)) return;
    const dir = hook === HOOK_POSTROUTING ? TO_FAR : TO_NEAR;
    if (overload && engine.isPlainData(off, len, dir)) {
      this.answer(i, VERDICT_ACCEPT, nowMs);
      this.countShed();
    } else {
      const info = queue.info[i]!;
      const verdict = engine.step(off, len, dir, hook, info, queue.macHash[i]!, nowMs);
      const ready = engine.word === WORD_READY && hook !== HOOK_PREROUTING;
      if (ready && last && this.isAlone(i)) engine.settle();
      this.answer(i, verdict, nowMs);
    }
  }

  /**
   * What waited in the queue would be overtaken by what no longer comes here. So the others of the
   * batch go first, and whatever they have provoked is looked for.
   */
  private isAlone(i: number): boolean {
    this.queue.flush(i);
    return this.queue.isEmpty();
  }

  private answer(i: number, verdict: number, nowMs: number): void {
    const { queue } = this;
    const { repeatMark } = this.settings;
    const bits = repeatMark | this.wordMark(queue.hook[i]!);
    if (bits === 0 || verdict === VERDICT_DROP) {
      queue.setVerdict(i, verdict);
      return;
    }
    const isRewritten = verdict === VERDICT_REWRITTEN;
    if (repeatMark !== 0) {
      this.guard.note(queue.off[i]!, queue.len[i]!, queue.hook[i]!, isRewritten, nowMs);
    }
    queue.setVerdictRepeat(i, verdict, queue.mark[i]! | bits);
  }

  /** raw has no connection yet. With NF_REPEAT for all, a word needs saying only to settle. */
  private wordMark(hook: number): number {
    const { settleMark, unsettleMark } = this.settings;
    const { word } = this.engine;
    if (hook === HOOK_PREROUTING) return 0;
    if (word === WORD_SETTLED) return settleMark;
    return word === WORD_WAKES ? unsettleMark : 0;
  }

  private countShed(): void {
    const { counters } = this.stats;
    counters[page.PAGE_SHED] = counters[page.PAGE_SHED]! + 1;
    this.engine.counters[STAT_SHED] = this.engine.counters[STAT_SHED]! + 1;
  }

  private sample(nowMs: number): void {
    const { counters } = this.stats;
    this.sampledMs = nowMs;
    counters[page.PAGE_KERNEL_ERRORS] = this.queue.errorCount;
    counters[page.PAGE_SEND_FAILURES] = this.queue.sendFailures;
    counters[page.PAGE_HEAP_BYTES] = process.memoryUsage().heapUsed;
    this.gc.sample();
  }
}

/** The power of two below: fewer different values, fewer system calls to change it. */
function timeoutStep(ms: number): number {
  return ms < 1 ? 1 : 1 << (31 - Math.clz32(ms));
}
