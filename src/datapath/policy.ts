/** From the operator's configuration to the engine's policy page. Owns nothing. */
import type { Config } from '../config/config.ts';
import {
  CHECKSUM_FILL_ALWAYS,
  CHECKSUM_FILL_AUTO,
  CHECKSUM_FILL_OFF,
  type EngineMemory,
  IDLE_FORGET,
  IDLE_KEEPALIVE,
  IDLE_RESET,
  POLICY_CHECKSUM_FILL,
  POLICY_EVIDENCE,
  POLICY_GATEWAY,
  POLICY_IDLE,
  POLICY_IDLE_AFTER_MS,
  POLICY_MSS_CLAMP,
  POLICY_OBSERVE,
  POLICY_SACK,
  SACK_AUTO,
  SACK_OFF,
  SACK_REPAIR,
  SACK_STRIP,
} from '../engine/memory.ts';

const CHECKSUM_FILL = {
  off: CHECKSUM_FILL_OFF,
  auto: CHECKSUM_FILL_AUTO,
  always: CHECKSUM_FILL_ALWAYS,
} as const;

const SACK = {
  auto: SACK_AUTO,
  repair: SACK_REPAIR,
  strip: SACK_STRIP,
  off: SACK_OFF,
} as const;

const IDLE = {
  forget: IDLE_FORGET,
  keepalive: IDLE_KEEPALIVE,
  reset: IDLE_RESET,
} as const;

/** Before the engine starts. */
export function writePolicy(memory: EngineMemory, config: Config): void {
  const policy = new Int32Array(memory.policy);
  policy[POLICY_OBSERVE] = config.mode === 'observe' ? 1 : 0;
  policy[POLICY_GATEWAY] = config.hooks.includes('gateway') ? 1 : 0;
  policy[POLICY_MSS_CLAMP] = config.mssClamp;
  policy[POLICY_SACK] = SACK[config.sack];
  policy[POLICY_IDLE] = IDLE[config.idleAction];
  policy[POLICY_IDLE_AFTER_MS] = config.idleAfterMs;
  policy[POLICY_EVIDENCE] = config.evidence === 'on' ? 1 + config.evidencePayload : 0;
  policy[POLICY_CHECKSUM_FILL] = CHECKSUM_FILL[config.checksumFill];
}
