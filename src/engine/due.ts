/**
 * What is armed in repair slots and has become due: probes, deadlines, dead-man checks, watches.
 * The most urgent thing of each flow first. Owns nothing. Times: ms.
 */
import { type Core, repairBase } from './core.ts';
import {
  R_ARMED,
  R_ASKING,
  R_CHECKING,
  R_DEADMAN,
  R_FLOW,
  R_IDLE,
  R_JUMPING,
} from './flow/repair-table.ts';
import { tickDeadman } from './normalize/held.ts';
import { tickIdle } from './normalize/idle-watch.ts';
import { tickJump } from './normalize/jump.ts';
import { tickQuestion } from './normalize/question.ts';
import { tickCheck } from './normalize/reset.ts';

/** Returns how many have something armed that is a matter of milliseconds. */
export function runDue(core: Core): number {
  const repairs = core.repairs;
  let urgentCount = 0;
  for (let i = repairs.activeCount() - 1; i >= 0; i--) {
    const slot = repairs.active[i]!;
    const base = repairBase(slot);
    const flow = repairs.words[base + R_FLOW]!;
    const armed = repairs.words[base + R_ARMED]!;
    if ((armed & ~R_IDLE) !== 0) urgentCount++;
    if ((armed & R_CHECKING) !== 0) tickCheck(core, slot, flow);
    else if ((armed & R_ASKING) !== 0) tickQuestion(core, slot, flow);
    else if ((armed & R_DEADMAN) !== 0) tickDeadman(core, slot, flow);
    else if ((armed & R_JUMPING) !== 0) tickJump(core, slot, flow);
    else if ((armed & R_IDLE) !== 0) tickIdle(core, slot, flow);
  }
  return urgentCount;
}
