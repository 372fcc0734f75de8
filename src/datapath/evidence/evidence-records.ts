/**
 * Reads what packet threads tell: a slot of the evidence ring, and a packet that the outbox asked
 * to inject, cut behind its headers. Owns the shapes; what is returned is copied.
 */
import * as tape from '../../engine/evidence-tape.ts';
import * as box from '../../engine/outbox.ts';
import { parseSegment, WIRE_OK } from '../../engine/wire/parse.ts';
import { Segment } from '../../engine/wire/segment.ts';

export interface TapeRecord {
  readonly isOriginal: boolean;
  readonly verdict: number;
  readonly atMs: number;
  readonly toFar: boolean;
  readonly flow: number;
  readonly generation: number;
  readonly wireBytes: number;
  readonly bytes: Uint8Array;
  readonly eventsFrom: number;
  readonly eventsTo: number;
  readonly done: number;
  readonly would: number;
}

export interface InjectedRecord {
  /** INJECT_* */
  readonly path: number;
  readonly atMs: number;
  readonly flow: number;
  readonly generation: number;
  readonly wireBytes: number;
  readonly bytes: Uint8Array;
  /** Events before it was asked for. */
  readonly events: number;
}

/** `words` is a whole evidence ring, or whatever holds copies of its slots. */
export function readTape(words: Int32Array, at: number): TapeRecord {
  const word = (offset: number) => words[at + offset] ?? 0;
  const bytes = new Uint8Array(words.buffer, words.byteOffset);
  const from = (at + tape.EVD_PACKET) * 4;
  return {
    isOriginal: word(tape.EVD_KIND) === tape.EVD_ORIGINAL,
    verdict: word(tape.EVD_VERDICT),
    atMs: word(tape.EVD_NOW_MS),
    toFar: word(tape.EVD_TO_FAR) !== 0,
    flow: word(tape.EVD_FLOW),
    generation: word(tape.EVD_GENERATION),
    wireBytes: word(tape.EVD_WIRE_BYTES),
    bytes: bytes.slice(from, from + word(tape.EVD_BYTES)),
    eventsFrom: word(tape.EVD_EVENTS_FROM),
    eventsTo: word(tape.EVD_EVENTS_TO),
    done: word(tape.EVD_DONE),
    would: word(tape.EVD_WOULD),
  };
}

/** `payloadOctets` of what is behind the headers stay. */
export function readInjected(
  words: Int32Array,
  at: number,
  packet: Uint8Array,
  payloadOctets: number,
): InjectedRecord | undefined {
  const seg = new Segment();
  if (parseSegment(packet, 0, packet.length, seg) !== WIRE_OK) return undefined;
  const kept = Math.min(seg.payloadOff + payloadOctets, packet.length);
  return {
    path: words[at + box.OUT_PATH] ?? 0,
    atMs: words[at + box.OUT_NOW_MS] ?? 0,
    flow: words[at + box.OUT_FLOW] ?? 0,
    generation: words[at + box.OUT_GENERATION] ?? 0,
    wireBytes: packet.length,
    bytes: packet.slice(0, kept),
    events: words[at + box.OUT_EVENTS] ?? 0,
  };
}
