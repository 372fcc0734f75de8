/**
 * What flows of an older run still wait for, once this one's rules stand: the word that their own
 * rules do, and the kernel's translation where it was asked for or has been lost. Owns nothing.
 */
import {
  FLOW_KERNEL,
  FLOW_MOVING,
  FLOW_OVER,
  FLOW_RULE,
  FLOW_RULE_WANTED,
} from '../engine/flow/layout.ts';
import type { EngineMemory } from '../engine/memory.ts';
import type { FlowAddress } from '../telemetry/flow-address.ts';
import { flowsWith } from './left-flows.ts';

/** The flows that have rules of their own, or have asked for them. */
export function ruledFlows(memories: readonly EngineMemory[]): FlowAddress[] {
  return memories.flatMap((memory) => flowsWith(memory, FLOW_RULE_WANTED).map(({ flow }) => flow));
}

export interface Teller {
  readonly memories: readonly EngineMemory[];
  ruleStands(queue: number, row: number, generation: number): void;
  kernelTold(queue: number, row: number, generation: number, refused: number): void;
}

export interface Mover {
  holds(flow: FlowAddress): boolean;
  move(flow: FlowAddress, delta: number): number;
}

export function answerLeft(workers: Teller, kernel: Mover): void {
  for (const [queue, memory] of workers.memories.entries()) {
    for (const left of flowsWith(memory, FLOW_RULE_WANTED | FLOW_MOVING | FLOW_KERNEL)) {
      const { row, generation, flags, delta, flow } = left;
      if ((flags & (FLOW_RULE_WANTED | FLOW_RULE)) === FLOW_RULE_WANTED) {
        workers.ruleStands(queue, row, generation);
      }
      const isKernels = (flags & (FLOW_MOVING | FLOW_KERNEL)) !== 0;
      if (!isKernels || (flags & FLOW_OVER) !== 0) continue;
      const refused = kernel.holds(flow) ? 0 : kernel.move(flow, delta);
      if ((flags & FLOW_MOVING) !== 0) workers.kernelTold(queue, row, generation, refused);
    }
  }
}
