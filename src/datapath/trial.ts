/** The end that `--for` has set, unless somebody says `keep`. Owns its timer. Times: ms. */
import type { Logger } from 'pino';

export class Trial {
  /** RFC 3339 UTC; undefined: it goes on until stopped. */
  endsAt: string | undefined;
  private readonly log: Logger;
  private timer: NodeJS.Timeout | undefined;

  constructor(log: Logger) {
    this.log = log;
  }

  begin(ms: number, end: () => void): void {
    this.endsAt = new Date(Date.now() + ms).toISOString();
    this.timer = setTimeout(() => {
      this.log.info({}, 'time is up: stopping for good');
      end();
    }, ms);
  }

  /** False: no end was set. */
  keep(): boolean {
    if (this.timer === undefined) return false;
    this.cancel();
    this.log.info({}, 'kept: it goes on until stopped');
    return true;
  }

  cancel(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.endsAt = undefined;
  }
}
