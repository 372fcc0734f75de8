/**
 * The date until which the workaround is to stay: a warning once a day behind it, never a stop.
 * Owns its timer. Days are UTC, by the wall clock: a clock step costs a warning, or repeats one.
 */
import type { Logger } from 'pino';
import type { Config } from '../config/config.ts';
import { daysOver } from '../config/deadline.ts';

const LOOK_MS = 600_000;

/** What `status` and the line `ready` say of it. */
export interface ExpiryFacts {
  readonly expires: string | undefined;
  readonly expired: boolean;
  readonly ticket: string | undefined;
}

export class Expiry {
  private readonly log: Logger;
  private readonly nowMs: () => number;
  private expires: string | undefined;
  private ticket: string | undefined;
  /** On which day over it was warned last. */
  private warnedDay = 0;
  private timer: NodeJS.Timeout | undefined;

  constructor(log: Logger, nowMs: () => number = Date.now) {
    this.log = log;
    this.nowMs = nowMs;
  }

  get facts(): ExpiryFacts {
    const { expires, ticket } = this;
    const expired = expires !== undefined && daysOver(expires, this.nowMs()) > 0;
    return { expires, expired, ticket };
  }

  /** From now on, and again with another date. */
  watch({ expires, ticket }: Pick<Config, 'expires' | 'ticket'>): void {
    if (expires !== this.expires) this.warnedDay = 0;
    this.expires = expires;
    this.ticket = ticket;
    this.timer ??= setInterval(() => this.look(), LOOK_MS).unref();
    this.look();
  }

  /** Every few minutes. */
  look(): void {
    const { expires, ticket } = this;
    const day = expires === undefined ? 0 : daysOver(expires, this.nowMs());
    if (day === 0 || day === this.warnedDay) return;
    this.warnedDay = day;
    const fields = { expires, ...(ticket === undefined ? {} : { ticket }), daysOver: day };
    this.log.warn(fields, 'this workaround was to end by now: is it still needed?');
  }

  close(): void {
    clearInterval(this.timer);
    this.timer = undefined;
  }
}
