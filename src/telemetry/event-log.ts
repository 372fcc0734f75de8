/**
 * Engine events as log lines: code, flow, and the numbers that justify the decision, named by the
 * registry. Owns the consumer side of the events rings and the rate limit per code.
 */
import type { Logger } from 'pino';
import * as ev from '../engine/events.ts';
import { EVENT_SLOT_COUNT, EVENT_WORDS } from '../engine/limits.ts';
import { Ring } from '../engine/ring.ts';
import { SUPPORT_DF, SUPPORT_IP_ID, SUPPORT_NO_TIMESTAMPS } from '../engine/support-bits.ts';
import { formatAddress } from './flow-address.ts';
import { codeEntry } from './registry.ts';

/** Lines of one code in one period; the rest is counted and told at its end. */
const LINES_MAX = 100;
const PERIOD_MS = 60_000;

export interface EventRecord {
  readonly code: string;
  readonly kind: string;
  readonly cause: string | undefined;
  readonly flow: string;
  readonly ageMs: number;
  readonly observed: boolean;
  readonly args: Readonly<Record<string, number | readonly string[]>>;
  readonly summary: string;
  readonly severity: 'note' | 'warning' | 'error';
}

export class EventLog {
  private readonly rings: readonly Ring[];
  private readonly log: Logger;
  private readonly lines = new Map<string, number>();
  /** On the monotonic clock: one that is set back must not silence a code. */
  private periodAt = performance.now();
  private lostSeen = 0;

  constructor(events: readonly ArrayBufferLike[], log: Logger) {
    this.rings = events.map((buffer) => new Ring(buffer, EVENT_SLOT_COUNT, EVENT_WORDS * 4));
    this.log = log;
  }

  /** Logs everything that waits. */
  drain(): void {
    for (const ring of this.rings) {
      for (let at = ring.peek(); at >= 0; at = ring.peek()) {
        const record = readEvent(ring.words, at);
        ring.release();
        if (record !== undefined) this.write(record);
      }
    }
    const lost = this.rings.reduce((sum, ring) => sum + ring.lostCount(), 0);
    if (lost !== this.lostSeen) {
      this.log.warn({ events: lost - this.lostSeen }, 'events lost');
      this.lostSeen = lost;
    }
    if (performance.now() - this.periodAt >= PERIOD_MS) this.endPeriod();
  }

  /** Drains for the last time, and tells what the period has not logged so far. */
  close(): void {
    this.drain();
    this.endPeriod();
  }

  private write(record: EventRecord): void {
    const written = (this.lines.get(record.code) ?? 0) + 1;
    this.lines.set(record.code, written);
    if (written > LINES_MAX) return;
    const fields = {
      code: record.code,
      kind: record.kind,
      ...(record.cause === undefined ? {} : { cause: record.cause }),
      flow: record.flow,
      ageMs: record.ageMs,
      ...(record.observed ? { observeOnly: true } : {}),
      ...record.args,
      summary: record.summary,
    };
    if (record.severity === 'note') this.log.info(fields, record.code);
    else this.log.warn(fields, record.code);
  }

  private endPeriod(): void {
    this.periodAt = performance.now();
    for (const [code, written] of this.lines) {
      if (written > LINES_MAX) this.log.warn({ code, lines: written - LINES_MAX }, 'not logged');
    }
    this.lines.clear();
  }
}

/** The event at word `at`, in words for people. Sequence numbers are unsigned. */
export function readEvent(words: Int32Array, at: number): EventRecord | undefined {
  const word = (offset: number) => words[at + offset] ?? 0;
  const entry = codeEntry(word(ev.EV_CODE));
  if (entry === undefined) return undefined;
  const family = word(ev.EV_FAMILY) === 6 ? 6 : 4;
  const ports = word(ev.EV_PORTS);
  const near = endpoint(formatAddress(words, at + ev.EV_NEAR_ADDR, family), ports >>> 16);
  const far = endpoint(formatAddress(words, at + ev.EV_FAR_ADDR, family), ports & 0xffff);
  const args: Record<string, number | string[]> = {};
  entry.args.forEach(([key, kind], i) => {
    const value = word(ev.EV_ARG + i);
    args[key] = kind === 'support' ? supportNames(value) : kind === 'seq' ? value >>> 0 : value;
  });
  return {
    code: entry.name,
    kind: entry.kind,
    cause: codeEntry(word(ev.EV_CAUSE))?.name,
    flow: `${near} > ${far}`,
    ageMs: word(ev.EV_AGE_MS),
    observed: word(ev.EV_WOULD) !== 0,
    args,
    summary: entry.summary,
    severity: entry.severity,
  };
}

/** What is told in support of a finding, and proves nothing: API, never renamed. */
const SUPPORT = [
  [SUPPORT_IP_ID, 'ip-id'],
  [SUPPORT_NO_TIMESTAMPS, 'no-timestamps'],
  [SUPPORT_DF, 'df'],
] as const;

export function supportNames(bits: number): string[] {
  return SUPPORT.filter(([bit]) => (bits & bit) !== 0).map(([, name]) => name);
}

/** RFC 3986 brackets around an IPv6 address. */
export function endpoint(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}
