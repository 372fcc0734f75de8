/**
 * Ends and beginnings of the simulated shim: another engine over the same memory between two
 * packets, or a kill, some time without a shim, and a start. Owns when they happen: a random stream
 * of its own, so that nothing else of a world changes. Times: virtual microseconds.
 */
import { FLOW_MOVING, FLOW_RULE, FLOW_RULE_WANTED } from '../../engine/flow/layout.ts';
import type { EngineMemory } from '../../engine/memory.ts';
import { Recovery } from '../../engine/recovery.ts';
import type { Ring } from '../../engine/ring.ts';
import { flowsWith, type LeftFlow } from '../left-flows.ts';
import type { EventQueue } from './event-queue.ts';
import { Random } from './random.ts';
import type { ShimPlan } from './shim-plan.ts';

const RELOAD_CHANCE = 0.05;
const RUNS_US = { least: 20_000, most: 1_500_000 };
const OUTAGE_US = { least: 5000, most: 1_200_000 };

export class ShimOutage {
  /** Nobody listens on the queue. */
  isOn = false;
  count = 0;
  /** Of these behind a kill and a while without anybody. */
  gapCount = 0;
  tornCount = 0;
  private readonly random: Random;
  private readonly mode: ShimPlan['restarts'];
  private readonly memory: EngineMemory;
  private readonly begin: (seed: number, left: readonly LeftFlow[] | null) => void;

  /** `begin` starts the next engine; `left` are flows that wait for an answer that is lost. */
  constructor(
    plan: ShimPlan,
    memory: EngineMemory,
    begin: (seed: number, left: readonly LeftFlow[] | null) => void,
  ) {
    this.mode = plan.restarts;
    this.random = new Random(plan.seed, 0x6e57);
    this.memory = memory;
    this.begin = begin;
  }

  /** Between two packets. */
  mayReload(): void {
    if (this.mode === 'reload' && this.random.chance(RELOAD_CHANCE)) this.takeOver(false);
  }

  /** From now on, now and then. */
  schedule(queue: EventQueue, rings: readonly Ring[]): void {
    if (this.mode !== 'outage') return;
    queue.after(this.random.between(RUNS_US.least, RUNS_US.most), () => {
      this.isOn = true;
      queue.after(this.random.between(OUTAGE_US.least, OUTAGE_US.most), () => {
        this.isOn = false;
        for (const ring of rings) while (ring.peek() >= 0) ring.release();
        this.takeOver(true);
        this.schedule(queue, rings);
      });
    });
  }

  private takeOver(gap: boolean): void {
    const seed = this.random.between(0, 0x7fffffff);
    const recovery = new Recovery(this.memory, seed);
    this.count++;
    this.tornCount += recovery.tornCount;
    if (!gap) {
      this.begin(seed, null);
      return;
    }
    this.gapCount++;
    recovery.bridgeGap();
    const waits = flowsWith(this.memory, FLOW_RULE_WANTED | FLOW_MOVING);
    const isOpen = ({ flags }: LeftFlow) => (flags & (FLOW_MOVING | FLOW_RULE)) !== FLOW_RULE;
    this.begin(seed, waits.filter(isOpen));
  }
}
