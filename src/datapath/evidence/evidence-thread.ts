/**
 * What one packet thread tells, in one order: packets from the evidence ring, packets that were
 * injected, and events, of which those about a packet stand at it.
 *
 * Owns the consumer side of the evidence ring. Events are numbered by the engine; a packet is not
 * looked at before all events about it were heard. Times: engine ms.
 */

import {
  beginsEvidence,
  EVD_DONE,
  EVD_EVENTS_FROM,
  EVD_EVENTS_TO,
  EVD_NOW_MS,
  EVD_WOULD,
} from '../../engine/evidence-tape.ts';
import {
  EVENT_SLOT_COUNT,
  EVENT_WORDS,
  EVIDENCE_SLOT_BYTES,
  EVIDENCE_SLOT_COUNT,
} from '../../engine/limits.ts';
import type { EngineMemory } from '../../engine/memory.ts';
import { Ring } from '../../engine/ring.ts';
import { VERDICT_REWRITTEN } from '../../engine/verdict.ts';
import type { EventPlace, EventRecord } from '../../telemetry/event-log.ts';
import { codeByName } from '../../telemetry/registry.ts';
import { actionsIn, canSend, sends } from './evidence-comments.ts';
import { type InjectedRecord, readTape, type TapeRecord } from './evidence-records.ts';

/** More are not under way at one time. */
const HEARD_MAX = 2 * EVENT_SLOT_COUNT;
const INJECTED_MAX = 1024;

export interface HeardEvent {
  readonly record: EventRecord;
  readonly place: EventPlace;
  /** Number of its code. */
  readonly code: number;
  /** The look at the events in which it was heard. */
  readonly turn: number;
}

export interface EvidenceSink {
  /** A slot of the ring that is no evidence so far; false: its flow is followed. */
  hold(words: Int32Array, at: number): boolean;
  packet(
    record: TapeRecord,
    delivered: Uint8Array | undefined,
    events: readonly HeardEvent[],
  ): void;
  injected(record: InjectedRecord, events: readonly HeardEvent[]): void;
  /** About no packet. */
  event(event: HeardEvent): void;
}

export class EvidenceThread {
  private readonly ring: Ring;
  private readonly events: Ring;
  private readonly sink: EvidenceSink;
  private readonly heard = new Map<number, HeardEvent>();
  private turn = 0;
  private injected: InjectedRecord[] = [];
  /** Injections from here on may have come behind the last look at the events. */
  private injectedSettled = 0;
  /** Events below were told. */
  private toldTo = 0;
  /** It was rewritten: what was delivered comes next. */
  private original: TapeRecord | undefined;
  private originalTurn = 0;

  constructor(memory: Pick<EngineMemory, 'evidence' | 'events'>, sink: EvidenceSink) {
    this.ring = new Ring(memory.evidence, EVIDENCE_SLOT_COUNT, EVIDENCE_SLOT_BYTES);
    this.events = new Ring(memory.events, EVENT_SLOT_COUNT, EVENT_WORDS * 4);
    this.sink = sink;
  }

  get lostCount(): number {
    return this.ring.lostCount();
  }

  hear(record: EventRecord, place: EventPlace): void {
    const code = codeByName(record.code)?.code ?? 0;
    this.heard.set(place.number, { record, place, code, turn: this.turn });
    if (this.heard.size > HEARD_MAX) {
      const [oldest] = this.heard.keys();
      if (oldest !== undefined) this.heard.delete(oldest);
    }
  }

  /** False: too many at one time. */
  noteInjected(record: InjectedRecord): boolean {
    if (this.injected.length >= INJECTED_MAX) return false;
    this.injected.push(record);
    return true;
  }

  /** Everything of which all is known. Right behind the events. */
  drain(): void {
    const heardTo = this.events.releasedCount();
    let isBehind = false;
    for (let at = this.ring.peek(); at >= 0; at = this.ring.peek()) {
      const { words } = this.ring;
      const eventsTo = words[at + EVD_EVENTS_TO] ?? 0;
      isBehind = ((eventsTo - heardTo) | 0) > 0;
      isBehind ||= this.awaitsPacket(words[at + EVD_EVENTS_FROM] ?? 0);
      if (isBehind) break;
      if (this.original !== undefined || !this.isHeld(words, at)) this.take(readTape(words, at));
      this.ring.release();
    }
    // There was no room for it.
    if (!isBehind && this.originalTurn !== this.turn) this.endPair(undefined);
    if (!isBehind && this.original === undefined && !this.awaitsPacket(heardTo)) {
      this.tellInjected(this.injectedSettled);
      this.tellEventsBelow(heardTo);
    }
    this.turn++;
    this.injectedSettled = this.injected.length;
  }

  /** For the last time. */
  close(): void {
    this.drain();
    this.drain(); // nothing is on its way any more
    this.endPair(undefined);
    this.tellInjected(this.injected.length);
    this.tellEventsBelow(this.events.releasedCount());
  }

  /** Nothing makes evidence of it so far. Allocates nothing: most packets of a flood end here. */
  private isHeld(words: Int32Array, at: number): boolean {
    const from = words[at + EVD_EVENTS_FROM] ?? 0;
    const to = words[at + EVD_EVENTS_TO] ?? 0;
    this.tellBefore(words[at + EVD_NOW_MS] ?? 0, from);
    const acted = (words[at + EVD_DONE] ?? 0) | (words[at + EVD_WOULD] ?? 0);
    if (acted !== 0 && actionsIn(acted).some(beginsEvidence)) return false;
    for (let number = from; number !== to; number = (number + 1) | 0) {
      const event = this.heard.get(number);
      if (event !== undefined && beginsEvidence(event.code)) return false;
    }
    if (!this.sink.hold(words, at)) return false;
    for (let number = from; number !== to; number = (number + 1) | 0) this.heard.delete(number);
    if (((to - this.toldTo) | 0) > 0) this.toldTo = to;
    return true;
  }

  /** What was sent or found before a packet. */
  private tellBefore(atMs: number, eventsFrom: number): void {
    let count = 0;
    while (count < this.injected.length && isBefore(this.injected[count], atMs, eventsFrom)) {
      count++;
    }
    this.tellInjected(count);
    this.tellEventsBelow(eventsFrom);
  }

  private take(record: TapeRecord): void {
    const { original } = this;
    if (!record.isOriginal && original !== undefined && original.flow === record.flow) {
      this.endPair(record.bytes);
      return;
    }
    this.endPair(undefined);
    this.tellBefore(record.atMs, record.eventsFrom);
    if (record.isOriginal && record.verdict === VERDICT_REWRITTEN) {
      this.original = record;
      this.originalTurn = this.turn;
    } else this.tell(record, undefined);
  }

  private endPair(delivered: Uint8Array | undefined): void {
    const { original } = this;
    this.original = undefined;
    if (original !== undefined) this.tell(original, delivered);
  }

  private tell(record: TapeRecord, delivered: Uint8Array | undefined): void {
    const events: HeardEvent[] = [];
    for (let number = record.eventsFrom; number !== record.eventsTo; number = (number + 1) | 0) {
      const event = this.heard.get(number);
      if (event !== undefined) events.push(event);
      if (event !== undefined && !sends(event.code)) this.heard.delete(number);
    }
    if (((record.eventsTo - this.toldTo) | 0) > 0) this.toldTo = record.eventsTo;
    this.sink.packet(record, delivered, events);
  }

  /** The first so many. */
  private tellInjected(count: number): void {
    if (count === 0) return;
    const now = this.injected.slice(0, count);
    this.injected = this.injected.slice(count);
    this.injectedSettled = Math.max(0, this.injectedSettled - count);
    for (const record of now) {
      const events = [...this.heard.values()].filter((event) => isReason(event, record));
      for (const { place } of events) this.heard.delete(place.number);
      this.sink.injected(record, events);
    }
  }

  private tellEventsBelow(end: number): void {
    for (let number = this.toldTo; ((end - number) | 0) > 0; number = (number + 1) | 0) {
      const event = this.heard.get(number);
      if (event === undefined || this.isTakenUp(event)) continue;
      this.heard.delete(number);
      this.sink.event(event);
    }
    if (((end - this.toldTo) | 0) > 0) this.toldTo = end;
  }

  /** One of the events below was heard just now, and the packet that it sent may be on its way. */
  private awaitsPacket(end: number): boolean {
    for (let number = this.toldTo; ((end - number) | 0) > 0; number = (number + 1) | 0) {
      const event = this.heard.get(number);
      const isNew = event !== undefined && event.turn === this.turn && sends(event.code);
      if (isNew && !this.isTakenUp(event)) return true;
    }
    return false;
  }

  /** A packet that waits will tell it. */
  private isTakenUp(event: HeardEvent): boolean {
    return sends(event.code) && this.injected.some((record) => isReason(event, record));
  }
}

/** Both have the engine's time and count of events; of the same of both the packet came first. */
function isBefore(injected: InjectedRecord | undefined, atMs: number, eventsFrom: number): boolean {
  if (injected === undefined) return false;
  const laterMs = (atMs - injected.atMs) | 0;
  if (laterMs !== 0) return laterMs > 0;
  return ((eventsFrom - injected.events) | 0) > 0;
}

function isReason({ place, code }: HeardEvent, injected: InjectedRecord): boolean {
  const { flow, generation, atMs, path } = injected;
  if (place.flow !== flow || place.generation !== generation) return false;
  return place.nowMs === atMs && canSend(code, path);
}
