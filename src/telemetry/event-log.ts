/**
 * Engine events as log lines: code, flow, and the numbers that justify the decision, named by the
 * registry. Owns the consumer side of the events rings. Who hears of events hears of all of them;
 * of one code a limited number is logged.
 */
import type { Logger } from 'pino';
import * as ev from '../engine/events.ts';
import { EVENT_SLOT_COUNT, EVENT_WORDS } from '../engine/limits.ts';
import { Ring } from '../engine/ring.ts';
import { SUPPORT_DF, SUPPORT_IP_ID, SUPPORT_NO_TIMESTAMPS } from '../engine/support-bits.ts';
import { formatAddress } from './flow-address.ts';
import { LogLimit } from './log-limit.ts';
import { codeEntry } from './registry.ts';

export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

export interface EventRecord {
  readonly code: string;
  readonly kind: string;
  readonly cause: string | undefined;
  readonly flow: string;
  readonly near: Endpoint;
  readonly far: Endpoint;
  readonly ageMs: number;
  readonly observed: boolean;
  readonly args: Readonly<Record<string, number | readonly string[]>>;
  readonly summary: string;
  readonly severity: 'note' | 'warning' | 'error';
}

/** Where an event stands: the how manieth of which ring, and of which flow at which engine time. */
export interface EventPlace {
  readonly queue: number;
  readonly number: number;
  readonly flow: number;
  readonly generation: number;
  readonly nowMs: number;
}

export interface EventHearer {
  note(record: EventRecord, place: EventPlace): void;
  /** Events that no ring had room for. */
  noteLost(events: number): void;
}

export class EventLog {
  private readonly rings: readonly Ring[];
  private readonly log: Logger;
  private readonly hearers: readonly EventHearer[];
  private readonly limit = new LogLimit();
  private lostSeen = 0;

  constructor(events: readonly ArrayBufferLike[], log: Logger, ...hearers: EventHearer[]) {
    this.hearers = hearers;
    this.rings = events.map((buffer) => new Ring(buffer, EVENT_SLOT_COUNT, EVENT_WORDS * 4));
    this.log = log;
  }

  /** Logs everything that waits. */
  drain(): void {
    for (const [queue, ring] of this.rings.entries()) {
      for (let at = ring.peek(); at >= 0; at = ring.peek()) {
        const record = readEvent(ring.words, at);
        const place = placeOf(ring, at, queue);
        ring.release();
        if (record === undefined) continue;
        for (const hearer of this.hearers) hearer.note(record, place);
        this.write(record);
      }
    }
    const lost = this.rings.reduce((sum, ring) => sum + ring.lostCount(), 0);
    if (lost !== this.lostSeen) {
      for (const hearer of this.hearers) hearer.noteLost(lost - this.lostSeen);
      this.log.warn({ events: lost - this.lostSeen }, 'events lost');
      this.lostSeen = lost;
    }
    this.tellSuppressed(performance.now());
  }

  /** Drains for the last time, and tells what was not logged so far. */
  close(): void {
    this.drain();
    this.tellSuppressed(Number.POSITIVE_INFINITY);
  }

  private write(record: EventRecord): void {
    if (!this.limit.take(record.code, performance.now())) return;
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

  private tellSuppressed(nowMs: number): void {
    for (const { code, lines } of this.limit.suppressed(nowMs)) {
      this.log.warn({ code, lines }, 'suppressed');
    }
  }
}

function placeOf(ring: Ring, at: number, queue: number): EventPlace {
  const word = (offset: number) => ring.words[at + offset] ?? 0;
  return {
    queue,
    number: ring.releasedCount(),
    flow: word(ev.EV_FLOW),
    generation: word(ev.EV_GENERATION),
    nowMs: word(ev.EV_NOW_MS),
  };
}

/** The event at word `at`, in words for people. Sequence numbers are unsigned. */
export function readEvent(words: Int32Array, at: number): EventRecord | undefined {
  const word = (offset: number) => words[at + offset] ?? 0;
  const entry = codeEntry(word(ev.EV_CODE));
  if (entry === undefined) return undefined;
  const family = word(ev.EV_FAMILY) === 6 ? 6 : 4;
  const ports = word(ev.EV_PORTS);
  const near = {
    address: formatAddress(words, at + ev.EV_NEAR_ADDR, family),
    port: ports >>> 16,
  };
  const far = { address: formatAddress(words, at + ev.EV_FAR_ADDR, family), port: ports & 0xffff };
  const args: Record<string, number | string[]> = {};
  entry.args.forEach(([key, kind], i) => {
    const value = word(ev.EV_ARG + i);
    args[key] = kind === 'support' ? supportNames(value) : kind === 'seq' ? value >>> 0 : value;
  });
  return {
    code: entry.name,
    kind: entry.kind,
    cause: codeEntry(word(ev.EV_CAUSE))?.name,
    flow: `${endpoint(near.address, near.port)} > ${endpoint(far.address, far.port)}`,
    near,
    far,
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
