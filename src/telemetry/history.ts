/**
 * What was found and done, counted per hour, destination and code, so that `report` can look back.
 *
 * Owns the counts. Bounded: hours become days after two of them, days are kept for ninety, and
 * where there are too many rows or destinations the oldest go, which moves `sinceDate`. Times: ms
 * of the wall clock.
 */
import * as v from 'valibot';

const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;
const HOURS_KEPT_MS = 2 * DAY_MS;
const DAYS_KEPT_MS = 90 * DAY_MS;
const ROW_COUNT_MAX = 8192;
const DESTINATION_COUNT_MAX = 1024;

/** Rows of no destination: the engine's own counters, which miss nothing. */
export const ALL = '';
/** What rows count besides codes. Names are in the file. */
export const CONNECTIONS = 'connections';
export const EVENTS_LOST = 'events-lost';
export const CANARIES = 'canaries';
/** Before a code: decided in observe mode, not done. */
export const WOULD_PREFIX = 'would ';

export interface Destination {
  readonly address: string;
  readonly port: number;
  /** The last fault found there; 0: none was. */
  lastFault: number;
  /** Canaries since then that have begun, and that have ended well. */
  canaries: number;
  canariesClean: number;
  /** SACK blocks were off, and no canary has shown one that is right. */
  sackBlind: boolean;
}

interface Row {
  readonly at: number;
  readonly spanMs: number;
  /** `nameOf` a destination, or ALL. */
  readonly name: string;
  readonly code: string;
  count: number;
}

const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const HISTORY_FILE = v.object({
  schema: v.literal(1),
  since: count,
  destinations: v.pipe(
    v.array(
      v.object({
        address: v.string(),
        port: count,
        lastFault: count,
        canaries: count,
        canariesClean: count,
        sackBlind: v.boolean(),
      }),
    ),
    v.maxLength(DESTINATION_COUNT_MAX),
  ),
  rows: v.pipe(
    v.array(v.tuple([count, v.picklist([HOUR_MS, DAY_MS]), v.string(), v.string(), count])),
    v.maxLength(ROW_COUNT_MAX),
  ),
});

/** Counts by code. */
export type Counts = ReadonlyMap<string, number>;

export class History {
  /** Nothing older is known. */
  sinceDate: number;
  private rows = new Map<string, Row>();
  private readonly known = new Map<string, Destination>();

  constructor(nowDate: number) {
    this.sinceDate = nowDate;
  }

  get destinations(): readonly Destination[] {
    return [...this.known.values()];
  }

  /** Taken now if it was not known. */
  destination(address: string, port: number): Destination {
    const name = nameOf(address, port);
    const had = this.known.get(name);
    if (had !== undefined) return had;
    const empty = { lastFault: 0, canaries: 0, canariesClean: 0, sackBlind: false };
    const fresh = { address, port, ...empty };
    this.known.set(name, fresh);
    if (this.known.size > DESTINATION_COUNT_MAX) this.dropDestination(name);
    return fresh;
  }

  /** What has shown no fault for longest; `except` has just come. */
  private dropDestination(except: string): void {
    const others = [...this.known].filter(([name]) => name !== except);
    const [oldest] = others.sort(([, a], [, b]) => a.lastFault - b.lastFault);
    if (oldest === undefined) return;
    const [name, { lastFault }] = oldest;
    this.known.delete(name);
    for (const [key, row] of this.rows) if (row.name === name) this.rows.delete(key);
    this.sinceDate = Math.max(this.sinceDate, lastFault);
  }

  add(name: string, code: string, more: number, nowDate: number): void {
    if (more > 0) this.put(nowDate - (nowDate % HOUR_MS), HOUR_MS, name, code, more);
  }

  private put(at: number, spanMs: number, name: string, code: string, more: number): void {
    const key = `${at} ${spanMs} ${name} ${code}`;
    const row = this.rows.get(key);
    if (row === undefined) this.rows.set(key, { at, spanMs, name, code, count: more });
    else row.count += more;
  }

  /** Counts by destination since a moment, in whole hours or days. */
  countsSince(fromDate: number): ReadonlyMap<string, Counts> {
    const counts = new Map<string, Map<string, number>>();
    for (const { at, spanMs, name, code, count: more } of this.rows.values()) {
      if (at + spanMs <= fromDate) continue;
      const of = counts.get(name) ?? new Map<string, number>();
      of.set(code, (of.get(code) ?? 0) + more);
      counts.set(name, of);
    }
    return counts;
  }

  /** Where the counts since a moment really begin: at a full hour or day, or with the history. */
  beginOf(fromDate: number): number {
    let begin = Math.max(this.sinceDate, fromDate - (fromDate % HOUR_MS));
    for (const { at, spanMs } of this.rows.values()) {
      if (at + spanMs > fromDate && at < begin) begin = at;
    }
    return Math.max(begin, this.sinceDate);
  }

  /** Old hours become days; what is too old or too much goes. */
  compact(nowDate: number): void {
    const before = [...this.rows.values()].sort((a, b) => b.at - a.at);
    this.rows = new Map();
    for (const { at, spanMs, name, code, count: more } of before) {
      if (at + spanMs <= nowDate - DAYS_KEPT_MS || this.rows.size >= ROW_COUNT_MAX) {
        this.sinceDate = Math.max(this.sinceDate, at + spanMs);
      } else if (spanMs === HOUR_MS && at + HOUR_MS <= nowDate - HOURS_KEPT_MS) {
        this.put(at - (at % DAY_MS), DAY_MS, name, code, more);
      } else {
        this.put(at, spanMs, name, code, more);
      }
    }
  }

  text(): string {
    const rows = [...this.rows.values()]
      .sort((a, b) => a.at - b.at)
      .map(({ at, spanMs, name, code, count: n }) => JSON.stringify([at, spanMs, name, code, n]));
    const head = { schema: 1, since: this.sinceDate, destinations: this.destinations };
    return `${JSON.stringify(head).slice(0, -1)},"rows":[${rows.length > 0 ? '\n' : ''}${rows.join(',\n')}]}\n`;
  }

  /** False: it is none of ours, and nothing has changed. */
  restore(text: string, nowDate: number): boolean {
    const checked = v.safeParse(HISTORY_FILE, parse(text));
    if (!checked.success) return false;
    const { since, destinations, rows } = checked.output;
    // A clock that was set back must not make a fault look newer than everything.
    this.sinceDate = Math.min(since, nowDate);
    for (const had of destinations) {
      const restored = this.destination(had.address, had.port);
      Object.assign(restored, had, { lastFault: Math.min(had.lastFault, nowDate) });
    }
    for (const [at, spanMs, name, code, n] of rows) {
      if (at <= nowDate) this.put(at, spanMs, name, code, n);
    }
    return true;
  }
}

export function nameOf(address: string, port: number): string {
  return `${address} ${port}`;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
