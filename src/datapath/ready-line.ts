/** The fields of the log line `ready`: API, like its message. Owns nothing. */
import type { Config } from '../config/config.ts';
import { VERSION } from '../version.ts';
import type { ExpiryFacts } from './expiry.ts';

export interface ReadyFacts {
  readonly firewall: string;
  readonly inspect: string;
  readonly inject: string;
  readonly endsAt: string | undefined;
  readonly expiry: ExpiryFacts;
}

export function readyFields(config: Config, facts: ReadyFacts): Record<string, unknown> {
  const { expires, ticket } = facts.expiry;
  return {
    version: VERSION,
    pid: process.pid,
    mode: config.mode,
    targets: config.targetNames,
    ports: config.ports,
    queue: config.queueNum,
    queues: config.queueCount,
    firewall: facts.firewall,
    inspect: facts.inspect,
    inject: facts.inject,
    remove: config.removeScript,
    ...(facts.endsAt === undefined ? {} : { endsAt: facts.endsAt }),
    ...(expires === undefined ? {} : { expires }),
    ...(ticket === undefined ? {} : { ticket }),
  };
}
