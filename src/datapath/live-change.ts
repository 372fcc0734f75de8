/**
 * Another configuration for a shim that runs: rules, policy, pace, log level, date. Owns nothing.
 *
 * What can fail comes first and changes nothing when it does: all of it is applied, or none. The
 * flow table is not touched, so that no connection notices.
 */
import type { Logger } from 'pino';
import type { Config } from '../config/config.ts';
import { OperatorError } from '../config/errors.ts';
import { EXIT_IMPOSSIBLE } from '../config/exit-codes.ts';
import type { Expiry } from './expiry.ts';
import { demandForwarding } from './forwarding.ts';
import { writePolicy } from './policy.ts';
import { type RuleBook, RuleError } from './rules/rule-book.ts';
import { ruleInput } from './rules/rule-config.ts';
import type { Workers } from './workers.ts';

export interface Running {
  readonly workers: Workers;
  readonly rules: RuleBook | undefined;
  /** Nothing is put back that somebody removed. */
  readonly rulesStand: boolean;
  readonly expiry: Expiry;
  readonly log: Logger;
  /** undefined: it goes on. */
  readonly stopping: Promise<void> | undefined;
}

export async function changeConfig(running: Running, old: Config, next: Config): Promise<void> {
  const { workers, rules, expiry, log, stopping } = running;
  if (stopping !== undefined)
    throw new OperatorError('Cannot reload: seqshim is stopping for good');
  for (const because of demandForwarding(next)) log.warn({ because }, 'forwarded connections');
  const input = ruleInput(next);
  if (rules !== undefined && JSON.stringify(input) !== JSON.stringify(ruleInput(old))) {
    await rules.replace(input, running.rulesStand).catch(fail);
  }
  writePolicy(workers.memories[0], next);
  workers.setPace(next);
  expiry.watch(next);
  log.level = next.logLevel;
}

function fail(error: unknown): never {
  if (!(error instanceof RuleError)) throw error;
  throw new OperatorError(error.message, EXIT_IMPOSSIBLE);
}
