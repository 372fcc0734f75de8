/**
 * What a plan says about its connections, for the checkers: told from the plan alone, so that it
 * stays true when the plan is made smaller. Owns nothing.
 */
import { FAULT_KINDS, type FaultKind, portOf } from './fault-plan.ts';
import type { RandomPlan } from './random-plan.ts';
import type { ConnectionPlan } from './world-plan.ts';

/** The faults that a connection suffers, in the order of FAULT_KINDS. */
export function kindsOf(plan: RandomPlan, { clientPort }: ConnectionPlan): FaultKind[] {
  const suffers = (kind: FaultKind) =>
    kind === 'twin'
      ? plan.twins.some((twin) => twin.clientPort === clientPort)
      : plan.faultPlans.some((fault) => {
          return fault.kind === kind && [clientPort, -1].includes(portOf(fault));
        });
  return FAULT_KINDS.filter(suffers);
}

export function isHealthy(plan: RandomPlan): boolean {
  return plan.faultPlans.length === 0 && plan.twins.length === 0;
}

/** Does the network lose packets, or does a fault with intent? */
export function isLossy({ nearLink, farLink, faultPlans }: RandomPlan): boolean {
  const drops = faultPlans.some(({ kind }) => kind === 'drop' || kind === 'idle');
  return drops || nearLink.loss + farLink.loss > 0;
}

/** Does the network bring packets twice? */
export function doubles({ nearLink, farLink }: RandomPlan): boolean {
  return nearLink.duplication + farLink.duplication > 0;
}

/** Is a client port used more than once? */
export function isReused({ connections }: RandomPlan): boolean {
  return new Set(connections.map(({ clientPort }) => clientPort)).size < connections.length;
}

/** The server ends it with a reset. */
export function aborts({ server }: ConnectionPlan): boolean {
  return server.steps.some((step) => step.do === 'abort');
}

export function oneWayUs({ nearLink, farLink }: RandomPlan): number {
  return nearLink.delayUs + farLink.delayUs;
}
