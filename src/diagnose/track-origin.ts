/**
 * Whether one side's packets come from two places in turns: TTL or MAC address. Resets do not count
 * (a forged one says nothing about the address). Owns the first two places. DESIGN §4.8.
 */
import type { Seen } from './flow.ts';
import { UNKNOWN } from './packet-record.ts';

export class OriginTrack {
  ttl = UNKNOWN;
  mac = '';
  otherTtl = UNKNOWN;
  otherMac = '';
  otherFrame = 0;
  /** How often the first place came back after the other one. */
  returns = 0;
  lastFrame = 0;
  private atOther = false;

  /** Its last packet came from the first place. */
  get isAtFirst(): boolean {
    return this.lastFrame !== 0 && !this.atOther;
  }

  note(seen: Seen): void {
    if (seen.ttl === UNKNOWN && seen.srcMac === '') return;
    if (this.lastFrame === 0) {
      this.ttl = seen.ttl;
      this.mac = seen.srcMac;
    }
    const isFirst = seen.ttl === this.ttl && seen.srcMac === this.mac;
    if (isFirst) {
      if (this.atOther) this.returns += 1;
      this.atOther = false;
    } else {
      if (this.otherFrame === 0) {
        this.otherTtl = seen.ttl;
        this.otherMac = seen.srcMac;
        this.otherFrame = seen.frame;
      }
      this.atOther = seen.ttl === this.otherTtl && seen.srcMac === this.otherMac;
    }
    this.lastFrame = seen.frame;
  }
}
