/**
 * Two end points answered one SYN: who they are, which one the client chose, which one turned out
 * to be real. Owns nothing; reads a Flow. RFC 9293 §3.5, §3.10.7.3.
 */
import { ACK, RST, SYN } from '../engine/wire/segment.ts';
import { type Seq, seqAdd, seqDiff } from '../engine/wire/seq.ts';
import { CLIENT, type Flow, type Offer, SERVER, type Seen } from './flow.ts';
import { hasFlags } from './packet-record.ts';

export interface Conflict {
  /** The SYN-ACK that the client acknowledged; the first one when it acknowledged none. */
  readonly chosen: Offer;
  /** The one that lost: the first with another number. */
  readonly other: Offer;
  readonly offers: readonly Offer[];
  /** The client's first ACK of `chosen`. */
  readonly choice: Seen | undefined;
  /** The first packet, SYN-ACK and RST apart, in the numbers of `chosen` (of `other`). */
  readonly chosenSpoke: Seen | undefined;
  readonly otherSpoke: Seen | undefined;
  /** SYNs the client had sent when `other` came. More than one: each may have got an answer. */
  readonly synCount: number;
}

export function findConflict(flow: Flow): Conflict | undefined {
  const offers = rivals(flow);
  const [first] = offers;
  if (first === undefined || offers.length < 2) return undefined;
  const choice = flow.kept.find(
    (packet) => isPlainAck(packet) && offers.some((offer) => acknowledges(packet, offer)),
  );
  const chosen = offers.find((offer) => choice && acknowledges(choice, offer)) ?? first;
  const other = offers.find((offer) => offer !== chosen);
  if (other === undefined) return undefined;
  const later = chosen.first.frame < other.first.frame ? other : chosen;
  const syn = flow.halves[CLIENT].offers[0];
  const synCount = syn?.frames.filter((frame) => frame < later.first.frame).length ?? 0;
  return {
    chosen,
    other,
    offers,
    choice,
    chosenSpoke: spoke(flow, chosen, offers),
    otherSpoke: spoke(flow, other, offers),
    synCount,
  };
}

/** SYN-ACKs that all answer the same SYN, by their own numbers. */
function rivals(flow: Flow): Offer[] {
  const syn = flow.halves[CLIENT].offers[0];
  const answers = flow.halves[SERVER].offers.filter((offer) => offer.segAck !== null);
  const expected = syn === undefined ? answers[0]?.segAck : seqAdd(syn.isn, 1);
  const found: Offer[] = [];
  for (const offer of answers) {
    if (offer.segAck !== expected) continue;
    if (!found.some((known) => known.isn === offer.isn)) found.push(offer);
  }
  return found;
}

function isPlainAck(packet: Seen): boolean {
  return (
    packet.dir === CLIENT &&
    hasFlags(packet, ACK) &&
    !hasFlags(packet, SYN) &&
    !hasFlags(packet, RST)
  );
}

function acknowledges(packet: Seen, offer: Offer): boolean {
  return packet.segAck !== null && seqDiff(packet.segAck, offer.isn) === 1;
}

function spoke(flow: Flow, offer: Offer, offers: readonly Offer[]): Seen | undefined {
  return flow.kept.find(
    (packet) =>
      packet.dir === SERVER &&
      !hasFlags(packet, SYN) &&
      !hasFlags(packet, RST) &&
      packet.segSeq !== null &&
      nearestOffer(packet.segSeq, offers) === offer,
  );
}

/** The offer whose numbers `seq` continues, if any: the closest one below it. */
export function nearestOffer(seq: Seq, offers: readonly Offer[]): Offer | undefined {
  let best: Offer | undefined;
  let bestOctets = 1 << 30;
  for (const offer of offers) {
    const octets = seqDiff(seq, offer.isn);
    if (octets >= 0 && octets < bestOctets) {
      best = offer;
      bestOctets = octets;
    }
  }
  return best;
}
