/** How the shim of a simulated world is set up. Owns nothing. Times: virtual microseconds. */
import {
  type EngineMemory,
  POLICY_BYPASS,
  POLICY_GATEWAY,
  POLICY_IDLE,
  POLICY_IDLE_AFTER_MS,
  POLICY_KERNEL,
  POLICY_OBSERVE,
  POLICY_OFF,
} from '../../engine/memory.ts';

export interface ShimPlan {
  readonly seed: number;
  readonly observe: boolean;
  /** Codes switched off. */
  readonly off: readonly number[];
  /** Settled connections stay in the kernel, which conntrack marks; else all is inspected. */
  readonly settles?: boolean;
  /** IDLE_* and behind how long a silence, ms (0: as learned); else idle flows are forgotten. */
  /** Where no packet comes the worker is seldom run: what is due may be some milliseconds late. */
  readonly ticks?: 'sparse';
  readonly idle?: { readonly action: number; readonly afterMs: number };
  /**
   * `reload`: between packets, another engine now and then takes the memory over. `outage`: the
   * shim is killed now and then, and runs again a little later.
   */
  readonly restarts?: 'reload' | 'outage';
}

/** Half of the shims are gateways, and a quarter lets conntrack translate, unless flows settle. */
export function writeSimPolicy(memory: EngineMemory, plan: ShimPlan): void {
  const policy = new Int32Array(memory.policy);
  policy[POLICY_OBSERVE] = plan.observe ? 1 : 0;
  for (const code of plan.off) {
    const at = POLICY_OFF + (code >> 5);
    policy[at] = (policy[at] as number) | (1 << (code & 31));
  }
  const settles = plan.settles === true;
  policy[POLICY_BYPASS] = settles ? 1 : 0;
  policy[POLICY_IDLE] = plan.idle?.action ?? 0;
  policy[POLICY_IDLE_AFTER_MS] = plan.idle?.afterMs ?? 0;
  policy[POLICY_GATEWAY] = settles ? 0 : plan.seed & 1;
  policy[POLICY_KERNEL] = !settles && (plan.seed & 3) === 2 ? 1 : 0;
}
