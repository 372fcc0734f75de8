/**
 * The packet workers of a run, one per queue, as one: started and stopped together, and what they
 * say added up.
 *
 * Owns their memories and runtimes. The kernel chooses the queue by the two addresses of a packet,
 * in either order and without the ports (nfqueue_hash, net/netfilter/nf_queue.h): all packets of
 * an address pair come to one worker, so that each flow is in one flow table only. The policy page
 * is common to all.
 */
import { randomInt } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { createEngineMemory, type EngineMemory } from '../engine/memory.ts';
import { quantilesOf, type Totals, totalsOf } from '../telemetry/histogram.ts';
import type { Pace } from '../telemetry/stats-page.ts';
import type { EvidenceRecorder } from './evidence/evidence-recorder.ts';
import type { Adoption } from './nfqueue/adoption.ts';
import {
  type Runtime,
  type RuntimeOptions,
  type RuntimeStats,
  startRuntime,
} from './nfqueue/runtime.ts';
import type { StateFile } from './state/state-file.ts';

/** `queueNum` is the first one's. */
export interface WorkersOptions extends Omit<RuntimeOptions, 'memory' | 'onInjected'> {
  /** The packet at word `at` of the outbox of the how manieth worker was sent. */
  readonly evidence?: Pick<EvidenceRecorder, 'noteInjected'>;
}

export class Workers {
  readonly memories: readonly [EngineMemory, ...EngineMemory[]];
  /** Of the flow tables' hashes. */
  readonly seed = randomInt(2 ** 31);
  private readonly runtimes: Runtime[] = [];

  /**
   * Each has room for `flowCountMax` connections: the kernel may give one queue all of them. What
   * lasts lies in `files`, where there are any.
   */
  constructor(count: number, flowCountMax: number, files: readonly StateFile[] = []) {
    const first = createMemory(flowCountMax, files[0]);
    const others = Array.from({ length: count - 1 }, (_, i) => ({
      ...createMemory(flowCountMax, files[i + 1]),
      policy: first.policy,
    }));
    this.memories = [first, ...others];
  }

  /** One that cannot have its queue fails the start; `stop` then stops those before it. */
  async start(options: WorkersOptions): Promise<void> {
    const { seed } = this;
    const pace = this.affordable(options);
    for (const [i, memory] of this.memories.entries()) {
      const others = this.memories.filter((other) => other !== memory);
      const queueNum = options.queueNum + i;
      const onInjected = (words: Int32Array, at: number, packet: Uint8Array) => {
        options.evidence?.noteInjected(i, words, at, packet);
      };
      const own = { memory, others, seed, queueNum, onInjected };
      this.runtimes.push(await startRuntime({ ...options, ...own, ...pace }));
    }
  }

  get areRunning(): boolean {
    return this.runtimes.length === this.memories.length;
  }

  /** Sums; of what is no sum the worst. */
  stats(): RuntimeStats {
    const all = this.runtimes.map((runtime) => runtime.stats());
    const sum = (key: NumericKey) => all.reduce((total, stats) => total + stats[key], 0);
    return {
      packets: sum('packets'),
      batches: sum('batches'),
      latencyUs: quantilesOf(this.runtimes.map((runtime) => runtime.latencyUs)),
      gcPauseUs: quantilesOf(this.runtimes.map((runtime) => runtime.gcPauseUs)),
      budgetExceeded: sum('budgetExceeded'),
      shed: sum('shed'),
      // They share the injector.
      injected: all[0]?.injected ?? 0,
      injectFailed: all[0]?.injectFailed ?? 0,
      kernelErrors: sum('kernelErrors'),
      sendFailures: sum('sendFailures'),
      workerHeapBytes: sum('workerHeapBytes'),
      heartbeatMs: Math.max(0, ...all.map(({ heartbeatMs }) => heartbeatMs)),
    };
  }

  setPace(pace: Pace): void {
    for (const runtime of this.runtimes) runtime.setPace(this.affordable(pace));
  }

  /** Who polls keeps a processor from those whom it waits for: one has to be left for them. */
  private affordable({ budgetUs, busyPollUs }: Pace): Pace {
    const isOneLeft = availableParallelism() > this.memories.length;
    return { budgetUs, busyPollUs: isOneLeft ? busyPollUs : 0 };
  }

  /** Of all verdicts, µs. */
  latencyTotals(boundsUs: readonly number[]): Totals {
    const histograms = this.runtimes.map((runtime) => runtime.latencyUs);
    return totalsOf(histograms, boundsUs);
  }

  /** Packets of each queue, in the order of their numbers. */
  packetsByQueue(): number[] {
    return this.runtimes.map((runtime) => runtime.stats().packets);
  }

  /** Of a code. */
  count(code: number): number {
    const of = ({ counters }: EngineMemory) => new Float64Array(counters)[code] ?? 0;
    return this.memories.reduce((sum, memory) => sum + of(memory), 0);
  }

  /** Take no new flow, and end the translated ones towards the near end. */
  endAll(): void {
    for (const runtime of this.runtimes) runtime.endAll();
  }

  forgetPath(family: 4 | 6, address: Int32Array, port: number): void {
    for (const runtime of this.runtimes) runtime.forgetPath(family, address, port);
  }

  /** Which queue its packets come to only the kernel knows. */
  adopt(told: Adoption): void {
    for (const runtime of this.runtimes) runtime.adopt(told);
  }

  ruleStands(queue: number, row: number, generation: number): void {
    this.runtimes[queue]?.ruleStands(row, generation);
  }

  kernelTold(queue: number, row: number, generation: number, refused: number): void {
    this.runtimes[queue]?.kernelTold(row, generation, refused);
  }

  async stop(): Promise<void> {
    await Promise.all(this.runtimes.map((runtime) => runtime.stop()));
  }
}

function createMemory(flowCountMax: number, file: StateFile | undefined): EngineMemory {
  const allocate = (bytes: number) => new SharedArrayBuffer(bytes);
  if (file === undefined) return createEngineMemory(flowCountMax, allocate);
  const mapped = { mappedAt: file.address };
  return { ...createEngineMemory(flowCountMax, allocate, file.lasting), ...mapped };
}

type NumericKey = {
  [Key in keyof RuntimeStats]: RuntimeStats[Key] extends number ? Key : never;
}[keyof RuntimeStats];
