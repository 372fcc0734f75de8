/**
 * From the times that tcpdump prints to microseconds that grow: time of day (over midnight), date
 * and time (`-tttt`), epoch (`-tt`), distances to the packet before (`-ttt`) and to the first one
 * (`-ttttt`). Owns the state of one tcpdump run. Without times everything is UNKNOWN.
 */
import { UNKNOWN } from './packet-record.ts';

const DAY_US = 86_400_000_000;

export class TcpdumpClock {
  private previousUs = UNKNOWN;
  private dayOffsetUs = 0;
  private startsAtZero = false;
  private deltas = false;
  private deltaSumUs = 0;

  /** `timeFlags` is the number of t's on the command line, 0 when unknown. */
  reset(timeFlags: number): void {
    this.previousUs = UNKNOWN;
    this.dayOffsetUs = 0;
    this.startsAtZero = false;
    this.deltas = timeFlags === 3;
    this.deltaSumUs = 0;
  }

  read(text: string): number {
    if (text === '') return UNKNOWN;
    if (text.includes(' ') || !text.includes(':')) return readFullTime(text);
    const us = readTimeOfDay(text);
    if (this.previousUs === UNKNOWN && us === 0) this.startsAtZero = true;
    // Distances to the first packet never shrink; distances to the one before do at once.
    if (this.startsAtZero && !this.deltas && us < this.previousUs) this.becomeDeltas();
    if (this.deltas) {
      this.previousUs = us;
      this.deltaSumUs += us;
      return this.deltaSumUs;
    }
    if (this.previousUs !== UNKNOWN && us < this.previousUs - DAY_US / 2) {
      this.dayOffsetUs += DAY_US;
    }
    this.previousUs = us;
    return us + this.dayOffsetUs;
  }

  /** What was read so far was at most a few packets; time must not run backwards for them. */
  private becomeDeltas(): void {
    this.deltas = true;
    this.deltaSumUs = this.previousUs;
  }
}

function readTimeOfDay(text: string): number {
  const [hours = '0', minutes = '0', seconds = '0'] = text.split(':');
  return Math.round((Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds)) * 1e6);
}

/** `2018-12-23 10:50:09.891237` or `1545562209.891237`. */
function readFullTime(text: string): number {
  const [date = '', time] = text.split(' ');
  if (time === undefined) {
    const [seconds = '0', fraction = '0'] = date.split('.');
    return Number(seconds) * 1e6 + Number(`0.${fraction}`) * 1e6;
  }
  const dayMs = Date.parse(`${date}T00:00:00Z`);
  return Number.isNaN(dayMs) ? UNKNOWN : dayMs * 1000 + readTimeOfDay(time);
}
