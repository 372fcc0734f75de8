/** From the operator's configuration to what the rules are made from. Owns nothing. */
import { type Config, MARK_BYPASS, MARK_INJECT } from '../../config/config.ts';
import { VERSION } from '../../version.ts';
import type { RuleInput } from './rule-input.ts';

export function ruleInput(config: Config): RuleInput {
  return {
    version: VERSION,
    targets: config.targets,
    excludes: config.excludes,
    ports: config.ports,
    direction: config.direction,
    hooks: config.hooks,
    queueNum: config.queueNum,
    queueCount: config.queueCount,
    marks: { bypass: MARK_BYPASS, inject: MARK_INJECT },
    removeScript: config.removeScript,
    ticket: config.ticket,
    expires: config.expires,
    settledBypass: config.inspect === 'auto',
  };
}
