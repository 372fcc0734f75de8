/**
 * Our rules while a run lasts: puts them in, looks after them, and tells an accident from an order.
 *
 * What somebody's reload of the whole ruleset took along is put back, once in ten minutes, with a
 * warning. What a colleague removed is not, nor what went in a way that leaves a doubt
 * (`rules/landmarks.ts`). Rules of `seqshim up` are their owner's: they are used while they stand.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Config } from '../config/config.ts';
import type { FlowAddress } from '../telemetry/flow-address.ts';
import { isReload, type Landmarks } from './rules/landmarks.ts';
import { type RuleBook, RuleError } from './rules/rule-book.ts';
import { besides, type Look } from './rules/rule-look.ts';

/** A second loss within this is no accident: somebody does not want them. */
const REINSTALL_QUIET_MS = 600_000;
/** What restores one table after the other is through them within this, on a busy machine too. */
const RELOAD_MS = 2000;

const REMOVED = 'rules were removed by somebody else';
const MISSING = 'rules are missing: run seqshim up';

export interface RuleListener {
  isStopping(): boolean;
  /** Those of `seqshim up` stand again. */
  onStand(): void;
  /** They are not put back: what lives by translation cannot go on. */
  onGone(): void;
}

export class RuleWatch {
  /** They do not stand, and this run does not put them back. */
  areGone = false;
  /** Times that they were put back. */
  reinstalledCount = 0;
  private readonly config: Config;
  private readonly log: Logger;
  private readonly ruled: () => readonly FlowAddress[];
  private rules: RuleBook | undefined;
  private isLooking = false;
  private landmarks: Landmarks = new Map();
  private reinstalledMs = Number.NEGATIVE_INFINITY;

  /** `ruled`: the flows that have entries of their own, or have asked for them. */
  constructor(config: Config, log: Logger, ruled: () => readonly FlowAddress[]) {
    this.config = config;
    this.log = log;
    this.ruled = ruled;
  }

  /** Throws a RuleError where they cannot be had. */
  async begin(rules: RuleBook): Promise<void> {
    this.rules = rules;
    if (this.config.rules) {
      rules.install(this.ruled());
      this.remember(await rules.look());
      return;
    }
    this.areGone = !rules.adopt(this.ruled());
    if (!this.areGone) return;
    this.log.warn({}, 'no rules of ours stand yet: nothing is inspected before `seqshim up`');
  }

  /** What `status` says; undefined: they stand. */
  get reason(): string | undefined {
    if (!this.areGone) return undefined;
    return this.config.rules ? REMOVED : MISSING;
  }

  /** Now and then. */
  async check(hears: RuleListener): Promise<void> {
    const { rules, config } = this;
    if (rules === undefined || this.isLooking || (this.areGone && config.rules)) return;
    this.isLooking = true;
    try {
      const look = await rules.look();
      if (look === undefined || hears.isStopping()) return;
      if (!config.rules) this.follow(rules, look, hears);
      else if (!(await this.keep(rules, look, () => hears.isStopping()))) hears.onGone();
    } finally {
      this.isLooking = false;
    }
  }

  /** False: they are gone for good. */
  private async keep(
    rules: RuleBook,
    look: Look,
    isStopping: () => boolean,
    isFirstLook = true,
  ): Promise<boolean> {
    const stand = look.missing.length === 0;
    if (stand && !look.stale) return this.remember(look);
    // What stands, but is an older run's, came with a saved ruleset.
    const accident = stand || this.isReloaded(rules, look);
    // A reload takes its time, table by table: what it has not come to yet looks untouched.
    if (!accident && isFirstLook) {
      await pause(RELOAD_MS);
      const later = isStopping() ? undefined : await rules.look();
      return isStopping() || this.keep(rules, later ?? look, isStopping, false);
    }
    const again = performance.now() - this.reinstalledMs < REINSTALL_QUIET_MS;
    if (!accident || again) return this.giveIn(rules, accident ? 'they went twice' : 'ours alone');
    try {
      await rules.reinstall();
      this.reinstalledMs = performance.now();
      this.reinstalledCount++;
      const because = stand ? 'an older run’s came with a ruleset' : 'the whole ruleset is new';
      this.log.warn({ because, missing: look.missing }, 'rules were lost and are installed again');
      return this.remember(await rules.look());
    } catch (error) {
      if (!(error instanceof RuleError)) throw error;
      return this.giveIn(rules, error.message);
    }
  }

  private isReloaded(rules: RuleBook, look: Look): boolean {
    return isReload(this.landmarks, look.landmarks, besides(rules.backend, look.missing));
  }

  /** Half of them would show half of each connection: what is left of them goes too. */
  private giveIn(rules: RuleBook, because: string): false {
    this.areGone = true;
    rules.remove();
    this.log.warn(
      { because },
      'rules were removed by somebody else: nothing is inspected any more',
    );
    return false;
  }

  private follow(rules: RuleBook, look: Look, hears: RuleListener): void {
    const stand = look.missing.length === 0;
    if (stand === !this.areGone) return;
    if (stand && !rules.adopt(this.ruled())) return; // of other queues
    this.areGone = !stand;
    if (!stand) {
      this.log.warn({}, 'rules are missing: nothing is inspected before `seqshim up`');
      return;
    }
    hears.onStand();
    this.log.info({}, 'rules stand again');
  }

  private remember(look: Look | undefined): true {
    if (look !== undefined) this.landmarks = look.landmarks;
    return true;
  }
}
