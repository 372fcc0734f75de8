/**
 * The packets of a connection that tell its story, one line each: place, time since the first,
 * sender, what it is. Repeated SYN-ACKs and resets after the first few are folded into one line.
 * Owns the words and the names A, B … of the server's initial numbers.
 */
import { ACK, FIN, RST, SYN } from '../engine/wire/segment.ts';
import { seqDiff } from '../engine/wire/seq.ts';
import { nearestOffer } from './conflict.ts';
import type { Finding } from './finding.ts';
import { CLIENT, type Flow, type Offer, SERVER, type Seen } from './flow.ts';
import { hasFlags, UNKNOWN } from './packet-record.ts';
import { formatDuration, plural, seqText, sideName } from './wording.ts';

export interface TimelineRow {
  readonly frames: readonly number[];
  readonly since: string;
  readonly from: 'client' | 'server';
  readonly what: string;
}

/** Enough for the handshake and its end; the rest is data. */
const ROW_COUNT_MAX = 16;

/** Always told, however long the story: what a finding that is more than a note rests on. */
export function importantFrames(findings: readonly Finding[]): Set<number> {
  const serious = findings.filter(({ severity }) => severity !== 'note');
  return new Set(serious.flatMap(({ frames }) => frames));
}

/** One line of the story before it is put into words of time and place. */
export interface StoryRow {
  /** The first of `frames`. */
  readonly packet: Seen;
  readonly frames: readonly number[];
  readonly what: string;
}

export function timelineOf(flow: Flow, important: ReadonlySet<number>): TimelineRow[] {
  return storyOf(flow, important).map(({ packet, frames, what }) => ({
    frames,
    since: sinceText(flow, packet),
    from: sideName(packet.dir),
    what,
  }));
}

export function storyOf(flow: Flow, important: ReadonlySet<number>): StoryRow[] {
  const offers = flow.halves[SERVER].offers;
  const rows: StoryRow[] = [];
  const folded = new Map<string, number[]>();
  for (const packet of flow.kept) {
    const told = tell(packet, offers);
    const key = `${packet.dir} ${told}`;
    const known = folded.get(key);
    if (known !== undefined && (hasFlags(packet, SYN) || hasFlags(packet, RST))) {
      known.push(packet.frame);
      continue;
    }
    const isTold = important.has(packet.frame) || (packet.comment ?? '') !== '';
    if (rows.length >= ROW_COUNT_MAX && !isTold && !hasFlags(packet, RST)) continue;
    const framesOfRow = [packet.frame];
    folded.set(key, framesOfRow);
    rows.push({ packet, frames: framesOfRow, what: told });
  }
  return rows;
}

/** `+18.57 ms`, empty where the input has no times. */
export function sinceText(flow: Flow, packet: Seen): string {
  if (packet.timeUs === UNKNOWN || flow.firstUs === UNKNOWN) return '';
  return `+${formatDuration(packet.timeUs - flow.firstUs)}`;
}

function tell(packet: Seen, offers: readonly Offer[]): string {
  if (hasFlags(packet, SYN | ACK)) {
    return `SYN-ACK${letterOf(packet, offers)}, initial number ${seqText(packet.segSeq)}`;
  }
  if (hasFlags(packet, SYN)) return `SYN, initial number ${seqText(packet.segSeq)}`;
  if (hasFlags(packet, RST)) {
    return `RESET${hasFlags(packet, ACK) ? ' with ACK' : ''}, number ${numberText(packet, offers)}`;
  }
  const acked =
    packet.dir === CLIENT && offers.length > 1 && packet.segAck !== null
      ? `, acknowledges ${relativeTo(packet.segAck, offers)}`
      : '';
  if (packet.payloadOctets > 0) {
    const number = packet.dir === SERVER && offers.length > 1 ? numberText(packet, offers) : '';
    return `data, ${plural(packet.payloadOctets, 'octet')}${number === '' ? '' : ` at ${number}`}${acked}`;
  }
  if (hasFlags(packet, FIN)) return 'FIN: has nothing more to send';
  return `ACK${acked}`;
}

function letterOf(packet: Seen, offers: readonly Offer[]): string {
  if (offers.length < 2) return '';
  const index = offers.findIndex((offer) => offer.isn === packet.segSeq);
  return index < 0 ? '' : ` ${String.fromCharCode(65 + index)}`;
}

function numberText(packet: Seen, offers: readonly Offer[]): string {
  if (packet.dir === CLIENT || packet.segSeq === null) return seqText(packet.segSeq);
  return relativeTo(packet.segSeq, offers);
}

/** `405921082 (A+1)`. */
function relativeTo(seq: number, offers: readonly Offer[]): string {
  const offer = nearestOffer(seq, offers);
  if (offer === undefined || offers.length < 2) return seqText(seq);
  const letter = String.fromCharCode(65 + offers.indexOf(offer));
  return `${seqText(seq)} (${letter}+${seqDiff(seq, offer.isn)})`;
}
