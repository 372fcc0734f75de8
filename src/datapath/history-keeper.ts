/**
 * Feeds the history of a run: events by destination, the engine's counters, which miss nothing, and
 * how canaries ended; and keeps it on disk. Owns the history and its file; reads the memories of
 * the packet workers. Times: engine ms, and ms of the wall clock.
 */
import type { Logger } from 'pino';
import { STAT_FLOW_CREATED, WOULD } from '../engine/codes.ts';
import * as p from '../engine/flow/path-table.ts';
import { COUNTER_COUNT, PATH_FACT_MS } from '../engine/limits.ts';
import type { EngineMemory } from '../engine/memory.ts';
import type { EventHearer, EventRecord } from '../telemetry/event-log.ts';
import { addressWords, formatAddress } from '../telemetry/flow-address.ts';
import {
  ALL,
  CANARIES,
  CONNECTIONS,
  type Destination,
  EVENTS_LOST,
  History,
  nameOf,
  WOULD_PREFIX,
} from '../telemetry/history.ts';
import { CODES } from '../telemetry/registry.ts';
import { engineMs } from './nfqueue/monotonic.ts';
import { StateFile } from './state-file.ts';

const RECENT_COUNT = 8;
/** Both files are written this often. */
const SAVED_MS = 60_000;

/** Findings that nothing is done about by themselves: that they are seen makes seqshim no use. */
const NOT_REPAIRED = ['rst-foreign', 'checksum-bad', 'duplicate-address', 'far-end-silent'];

export interface RecentRepair {
  readonly time: string;
  readonly code: string;
  readonly flow: string;
  readonly observeOnly: boolean;
}

interface Seen {
  readonly name: string;
  readonly canaries: number;
  readonly clean: number;
  /** When SACK blocks were found off; undefined: they are not. */
  readonly sackBlindMs: number | undefined;
  readonly learnedMs: number;
  readonly hasFacts: boolean;
}

export class HistoryKeeper implements EventHearer {
  readonly history = new History(Date.now());
  /** The newest first. */
  recent: readonly RecentRepair[] = [];
  eventsLost = 0;
  private readonly file: StateFile;
  private readonly memories: readonly EngineMemory[];
  private readonly ports: readonly number[];
  private readonly words: readonly Int32Array[];
  private counted = new Float64Array(COUNTER_COUNT);
  private readonly seen = new Map<string, Seen>();

  /** `ports` are those of servers. */
  constructor(
    file: string,
    memories: readonly EngineMemory[],
    ports: readonly number[],
    log: Logger,
  ) {
    this.file = new StateFile(file, 'counts of what was repaired', log);
    this.memories = memories;
    this.ports = ports;
    this.words = memories.map(({ paths }) => new Int32Array(paths));
  }

  /** Before the engines start, behind the path profiles: what these bring was counted before. */
  load(nowDate: number): void {
    const text = this.file.read();
    if (text !== undefined && !this.history.restore(text, nowDate)) {
      this.file.setAside('it is damaged, or of another version');
    }
    for (const [row, now] of this.look()) this.seen.set(row, now);
    const nowMs = engineMs();
    for (const { name, learnedMs, hasFacts } of this.seen.values()) {
      const [address = '', port] = name.split(' ');
      const destination = this.history.destination(address, Number(port));
      const learned = nowDate - Math.max(0, (nowMs - learnedMs) | 0);
      // Of a run that ended before it could write its counts, or that wrote none yet.
      if (!hasFacts || learned < destination.lastFault + SAVED_MS) continue;
      Object.assign(destination, { lastFault: learned, canaries: 0, canariesClean: 0 });
    }
  }

  note(record: EventRecord): void {
    const nowDate = Date.now();
    const code = record.observed ? WOULD_PREFIX + record.code : record.code;
    const { address, port } = this.destinationOf(record);
    this.history.add(nameOf(address, port), code, 1, nowDate);
    if (record.kind === 'finding' && record.severity !== 'note' && isFault(record.code)) {
      // What ended well until now went before the fault.
      this.sampleDestination(address, port, nowDate);
      const destination = this.history.destination(address, port);
      Object.assign(destination, { lastFault: nowDate, canaries: 0, canariesClean: 0 });
    }
    if (record.kind !== 'intervention') return;
    const time = new Date(nowDate).toISOString();
    const { flow, observed: observeOnly } = record;
    this.recent = [{ time, code: record.code, flow, observeOnly }, ...this.recent].slice(
      0,
      RECENT_COUNT,
    );
  }

  noteLost(events: number): void {
    this.eventsLost += events;
    this.history.add(ALL, EVENTS_LOST, events, Date.now());
  }

  /** The far end, by its port as a server's; where the far end is the client, by the near port. */
  private destinationOf({ near, far }: EventRecord): { address: string; port: number } {
    const isClient = !this.ports.includes(far.port) && this.ports.includes(near.port);
    return { address: far.address, port: isClient ? near.port : far.port };
  }

  /** Brings the history up to date. */
  sample(nowDate: number): void {
    const sums = new Float64Array(COUNTER_COUNT);
    for (const { counters } of this.memories) {
      for (const [i, count] of new Float64Array(counters).entries()) {
        sums[i] = (sums[i] ?? 0) + count;
      }
    }
    const more = (index: number) => (sums[index] ?? 0) - (this.counted[index] ?? 0);
    for (const { code, name } of CODES) {
      this.history.add(ALL, name, more(code), nowDate);
      this.history.add(ALL, WOULD_PREFIX + name, more(code + WOULD), nowDate);
    }
    this.history.add(ALL, CONNECTIONS, more(STAT_FLOW_CREATED), nowDate);
    this.counted = sums;
    this.sampleCanaries(nowDate);
  }

  /** All destinations. */
  private sampleCanaries(nowDate: number): void {
    const rows = this.look();
    for (const [row, now] of rows) this.account(row, now, nowDate);
    for (const row of this.seen.keys()) if (!rows.has(row)) this.seen.delete(row);
  }

  /** One of them, of which each worker may have a row. */
  private sampleDestination(address: string, port: number, nowDate: number): void {
    const key = new Int32Array(10);
    key.set(addressWords(address), 4);
    key[9] = address.includes(':') ? 1 : 0;
    for (const [worker, words] of this.words.entries()) {
      const at = new p.PathTable(words.buffer).find(key, port);
      if (at >= 0) this.account(`${worker} ${at}`, seenAt(words, at), nowDate);
    }
  }

  /** What a row has that it had not when it was last looked at. */
  private account(row: string, now: Seen, nowDate: number): void {
    const was = this.seen.get(row);
    this.seen.set(row, now);
    // It may have gone to another destination, or have been learned anew.
    const had = was?.name === now.name && was.canaries <= now.canaries ? was : undefined;
    const [address = '', port] = now.name.split(' ');
    const destination = this.history.destination(address, Number(port));
    const begun = now.canaries - (had?.canaries ?? 0);
    destination.canaries += begun;
    destination.canariesClean += Math.max(0, now.clean - (had?.clean ?? 0));
    noteSack(destination, now, had, engineMs());
    this.history.add(now.name, CANARIES, begun, nowDate);
  }

  /** The rows of all workers' path tables. */
  private look(): Map<string, Seen> {
    const seen = new Map<string, Seen>();
    for (const [worker, words] of this.words.entries()) {
      for (let at = 0; at < words.length; at += p.PATH_WORDS) {
        if (words[at + p.P_FLAGS] !== 0) seen.set(`${worker} ${at}`, seenAt(words, at));
      }
    }
    return seen;
  }

  async save(nowDate: number): Promise<void> {
    this.sample(nowDate);
    this.history.compact(nowDate);
    await this.file.write(this.history.text());
  }
}

function isFault(code: string): boolean {
  return !NOT_REPAIRED.includes(code);
}

function seenAt(words: Int32Array, at: number): Seen {
  const word = (offset: number) => words[at + offset] ?? 0;
  const family = (word(p.P_FLAGS) & p.P_IPV6) !== 0 ? 6 : 4;
  const isBlind = (word(p.P_FLAGS) & (p.P_HAS << p.FACT_SACK_BLIND)) !== 0;
  return {
    name: nameOf(formatAddress(words, at + p.P_ADDR, family), word(p.P_PORT)),
    canaries: word(p.P_CANARIES),
    clean: word(p.P_CANARIES_CLEAN),
    learnedMs: word(p.P_LEARNED_MS),
    hasFacts: word(p.P_FLAGS) >= p.P_HAS,
    sackBlindMs: isBlind ? word(p.P_FACTS + 2 * p.FACT_SACK_BLIND) : undefined,
  };
}

/** A fact that goes before its time was cleared by a canary; one that has expired was not. */
function noteSack(destination: Destination, now: Seen, had: Seen | undefined, nowMs: number): void {
  if (now.sackBlindMs !== undefined) destination.sackBlind = true;
  else if (had?.sackBlindMs !== undefined) {
    if (((nowMs - had.sackBlindMs) | 0) < PATH_FACT_MS) destination.sackBlind = false;
  }
}
