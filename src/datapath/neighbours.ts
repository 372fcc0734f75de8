/**
 * Rules of others that come after the start of a gateway: what would have refused it (NAT, flow
 * offload, IPsec, VRF) is looked for again whenever the ruleset has changed.
 *
 * While something stands in the way seqshim observes, says so, and goes on when it is gone; what is
 * translated already stays so. Writes the policy word for that. On a host none of it matters.
 */
import { createHash } from 'node:crypto';
import type { Logger } from 'pino';
import type { Config } from '../config/config.ts';
import { type EngineMemory, POLICY_OBSERVE } from '../engine/memory.ts';
import { checkForwarding } from './forwarding.ts';
import { runAsync } from './rules/execute.ts';
import { withoutOurs } from './rules/mark-conflicts.ts';
import { CHAIN_PREFIX } from './rules/rule-input.ts';

const SOURCES = [
  ['iptables-save'],
  ['ip6tables-save'],
  ['nft', 'list', 'ruleset'],
  ['ip', 'xfrm', 'policy'],
] as const;

export class Neighbours {
  /** What stands in the way, in one line. */
  reason: string | undefined;
  /** SIGHUP may replace it. */
  private readonly config: () => Config;
  private readonly log: Logger;
  private readonly policy: Int32Array;
  private seen = '';
  private isLooking = false;

  constructor(config: () => Config, log: Logger, memory: EngineMemory) {
    this.config = config;
    this.log = log;
    this.policy = new Int32Array(memory.policy);
  }

  /** Now and then. The first time has nothing to compare with: the start itself has looked. */
  async check(): Promise<void> {
    if (!this.config().hooks.includes('gateway') || this.isLooking) return;
    this.isLooking = true;
    const now = await fingerprint();
    this.isLooking = false;
    const changed = this.seen !== '' && now !== this.seen;
    this.seen = now;
    if (changed) this.decide();
  }

  private decide(): void {
    // Some programs, one after the other: a tenth of a second, when somebody has changed rules.
    const found = checkForwarding(this.config()).find(({ level }) => level === 'blocks')?.line;
    if (found === this.reason) return;
    this.reason = found;
    const observes = found !== undefined || this.config().mode === 'observe';
    this.policy[POLICY_OBSERVE] = observes ? 1 : 0;
    if (found === undefined) this.log.info({}, 'forwarded connections are looked after again');
    else this.log.warn({ because: found }, 'forwarded connections are observed only');
  }
}

/** Of the rules of others, without what they count. */
async function fingerprint(): Promise<string> {
  const hash = createHash('sha256');
  for (const [file, ...args] of SOURCES) {
    const { stdout } = await runAsync(file, args, '');
    const lines = withoutOurs(stdout)
      .replace(/^#.*$|\[\d+:\d+\]|packets \d+ bytes \d+/gm, '')
      .split('\n');
    hash.update(lines.filter((line) => !line.includes(CHAIN_PREFIX)).join('\n'));
  }
  return hash.digest('hex');
}
