/**
 * What a packet script says, as data: the far end's segments, the segments that the near end must
 * send, its socket calls, and what must hold. `parse-script.ts` makes it from text. Owns the types.
 *
 * Times: ms since the event before. Sequence numbers are relative: 0 is a side's SYN.
 */

/** Edges of the window that the near end has offered, as its packets told them. */
export type Base = 'zero' | 'left' | 'middle' | 'right';

export interface Place {
  readonly base: Base;
  readonly offset: number;
}

export interface OptionList {
  /** -1: absent. */
  readonly mss: number;
  /** -1: absent. */
  readonly wndScale: number;
  readonly sackPermitted: boolean;
  /**
   * The far end's clock: TSval of a segment that is injected, TSecr of one that is expected. -1:
   * absent.
   */
  readonly ts: number;
  /** Edges: left, right, left, right … in the numbers of whoever is told. */
  readonly sack: readonly number[];
}

export interface SegmentLine {
  readonly flags: number;
  readonly seq: Place;
  /** Octets of payload. */
  readonly octets: number;
  /** Meaningless without ACK. */
  readonly ack: number;
  /** Raw. -1: not said, the default is injected and anything is accepted. */
  readonly wnd: number;
  /** Null: not said; anything is accepted. */
  readonly options: OptionList | null;
}

export type Call =
  | { readonly name: 'listen' | 'connect' | 'accept' | 'shutdown' | 'close' | 'abort' }
  | { readonly name: 'read' | 'write' | 'receive-buffer'; readonly octets: number };

/** What a read may come to, besides octets. */
export type End = 'eof' | 'reset' | 'refused' | 'timeout' | 'broken-pipe';

export type Action =
  | { readonly kind: 'inject' | 'expect'; readonly segment: SegmentLine }
  | { readonly kind: 'call'; readonly call: Call }
  | { readonly kind: 'end'; readonly end: End }
  | { readonly kind: 'state'; readonly state: string }
  | { readonly kind: 'silence' };

export interface ScriptEvent {
  /** As it stands in the file, counted from 1, and its text. */
  readonly line: number;
  readonly text: string;
  readonly afterMs: number;
  /** For what is waited for: the latest time. */
  readonly beforeMs: number;
  readonly action: Action;
}

export interface Script {
  /** What is tested: the first line. */
  readonly title: string;
  readonly events: readonly ScriptEvent[];
}

/** The octet at a place of either stream, counted from 0. */
export function octetAt(place: number): number {
  return (Math.imul(place + 1, 0x9e3779b1) >>> 24) & 0xff;
}

export function octetsFrom(place: number, count: number): Uint8Array {
  return Uint8Array.from({ length: count }, (_, i) => octetAt(place + i));
}
