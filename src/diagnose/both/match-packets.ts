/**
 * Which packet of the sender's capture is which of the receiver's, one direction of one connection.
 * First those that agree in everything, then in less and less; what is left over may have been cut
 * or merged on the way (segmentation offload does so on every host), and is compared by octets.
 *
 * Owns nothing; fills a `Matched`. Receiver's times are first put on the sender's clock.
 */
import { ACK, FIN, RST, SYN, URG } from '../../engine/wire/segment.ts';
import type { Seq } from '../../engine/wire/seq.ts';
import { UNKNOWN } from '../packet-record.ts';
import { shifted } from './learn-shift.ts';
import { matchOctets } from './match-octets.ts';
import { OctetCoverage } from './octet-coverage.ts';
import { isTelling, type SidePacket, spaceOctets } from './side-packet.ts';

export interface Pair {
  readonly sent: SidePacket;
  readonly got: SidePacket;
  /** Which of the shifts it travelled under. */
  readonly shift: number;
}

export interface Matched {
  readonly pairs: Pair[];
  /** What the receiver's capture does not have, and how many octets of it are missing. */
  readonly lost: { readonly packet: SidePacket; readonly octets: number }[];
  /** What the sender's capture does not have in any way. */
  readonly extra: SidePacket[];
  /** What arrived more often than it was sent. */
  readonly copies: SidePacket[];
  /** Segments that arrived cut or merged. */
  resegmented: number;
}

/** Time on the other side's clock, UNKNOWN without; and how much earlier than sent is still it. */
export interface TimeScale {
  readonly toSender: (gotUs: number) => number;
  readonly slackUs: number;
}

/** PSH comes and goes where segments are merged; the two bits of ECN are compared elsewhere. */
const FLAGS_COMPARED = FIN | SYN | RST | ACK | URG;

type Key = (seq: Seq | null, ack: Seq | null, packet: SidePacket) => string;

const basic: Key = (seq, ack, { payloadOctets, flags }) =>
  `${seq} ${payloadOctets} ${flags & FLAGS_COMPARED} ${ack}`;

/** From everything to little; an empty key is one that says too little. */
const KEYS: readonly Key[] = [
  (seq, ack, packet) => {
    const { segWnd, tsVal, tsEcr, ipId, sack } = packet;
    return `${basic(seq, ack, packet)} ${segWnd} ${tsVal} ${tsEcr} ${ipId} ${sack.length}`;
  },
  (seq, ack, packet) => (isTelling(packet.ipId) ? `${basic(seq, ack, packet)} ${packet.ipId}` : ''),
  (seq, ack, packet) =>
    packet.tsVal === null ? '' : `${basic(seq, ack, packet)} ${packet.tsVal} ${packet.tsEcr}`,
  basic,
  (seq, _ack, packet) => (spaceOctets(packet) === 0 ? '' : basic(seq, null, packet)),
];

/** So many of them compare timestamps or IP ID themselves. */
const KEYS_EXACT = 3;

const noMark = (): string => '';

/**
 * A segment that is sent again has other timestamps and another IP ID. Where the path keeps them,
 * they tell the two apart; SYNs may have lost their option.
 */
function markOf(pairs: readonly Pair[]): (packet: SidePacket) => string {
  const stamped = pairs.filter(({ sent, got }) => sent.tsVal !== null && got.tsVal !== null);
  const stamps = stamped.filter(({ sent, got }) => sent.tsVal === got.tsVal).length;
  const named = pairs.filter(({ sent }) => isTelling(sent.ipId));
  const ids = named.filter(({ sent, got }) => sent.ipId === got.ipId).length;
  const stampsKept = stamps * 2 > stamped.length;
  const idsKept = ids * 2 > named.length;
  return ({ tsVal, ipId, flags }) => {
    if ((flags & SYN) !== 0) return '';
    return `${stampsKept ? ` ${tsVal}` : ''}${idsKept ? ` ${ipId}` : ''}`;
  };
}

/**
 * `shift` of this direction, `ackShift` of the other one, whose octets are acknowledged here. Takes
 * what it can match out of the two lists.
 */
export function matchUnder(
  left: { sent: SidePacket[]; got: SidePacket[] },
  shift: number,
  ackShift: number,
  scale: TimeScale | undefined,
  matched: Matched,
): void {
  for (const [level, key] of KEYS.entries()) {
    const mark = level < KEYS_EXACT ? noMark : markOf(matched.pairs);
    const sentKey = (packet: SidePacket) => {
      const name = key(shifted(packet.segSeq, shift), shifted(packet.segAck, -ackShift), packet);
      return name === '' ? '' : name + mark(packet);
    };
    const gotKey = (packet: SidePacket) => {
      const name = key(packet.segSeq, packet.segAck, packet);
      return name === '' ? '' : name + mark(packet);
    };
    const used = new Set<SidePacket>();
    const sent = bucketsOf(left.sent, sentKey);
    for (const [name, arrivals] of bucketsOf(left.got, gotKey)) {
      const departures = sent.get(name);
      if (departures === undefined) continue;
      for (const [one, other] of assign(departures, arrivals, scale)) {
        matched.pairs.push({ sent: one, got: other, shift });
        used.add(one).add(other);
      }
    }
    left.sent = left.sent.filter((packet) => !used.has(packet));
    left.got = left.got.filter((packet) => !used.has(packet));
  }
}

/** What no key matched: octets, then copies of what was sent, then what was not. */
export function matchRest(
  left: { sent: SidePacket[]; got: SidePacket[] },
  sent: readonly SidePacket[],
  shift: number,
  ackShift: number,
  matched: Matched,
): void {
  const { missing, remaining, resegmented } = matchOctets(left.sent, left.got, shift);
  matched.resegmented += resegmented;
  for (const packet of left.sent) {
    const octets = missing.get(packet) ?? 0;
    if (packet.payloadOctets === 0 || octets > 0) matched.lost.push({ packet, octets });
  }
  const known = new Set(
    sent.map((packet) =>
      basic(shifted(packet.segSeq, shift), shifted(packet.segAck, -ackShift), packet),
    ),
  );
  const coverage = new OctetCoverage(sent, shift);
  for (const packet of left.got) {
    if (packet.payloadOctets > 0 && (remaining.get(packet) ?? 0) === 0) continue;
    const isKnown = known.has(basic(packet.segSeq, packet.segAck, packet));
    const isCopy = isKnown || coverage.touches(packet, 0);
    (isCopy ? matched.copies : matched.extra).push(packet);
  }
}

function bucketsOf(
  packets: readonly SidePacket[],
  key: (packet: SidePacket) => string,
): Map<string, SidePacket[]> {
  const buckets = new Map<string, SidePacket[]>();
  for (const packet of packets) {
    const name = key(packet);
    if (name === '') continue;
    const bucket = buckets.get(name);
    if (bucket === undefined) buckets.set(name, [packet]);
    else bucket.push(packet);
  }
  return buckets;
}

/**
 * Of as many that arrived as were sent each is the next one. Of fewer, each is the last that was
 * sent before it; without a clock those are left for later, unless nothing tells the times.
 */
function assign(
  sent: readonly SidePacket[],
  got: readonly SidePacket[],
  scale: TimeScale | undefined,
): (readonly [SidePacket, SidePacket])[] {
  if (scale === undefined && sent.length !== got.length) return [];
  const pairs: (readonly [SidePacket, SidePacket])[] = [];
  if (sent.length <= got.length) {
    let next = 0;
    for (const packet of sent) {
      while (
        next < got.length - (sent.length - pairs.length) &&
        tooEarly(packet, got[next], scale)
      ) {
        next += 1;
      }
      const arrival = got[next];
      next += 1;
      if (arrival !== undefined && !tooEarly(packet, arrival, scale)) pairs.push([packet, arrival]);
    }
    return pairs;
  }
  let last = sent.length - 1;
  for (const arrival of [...got].reverse()) {
    while (last >= 0 && tooEarly(sent[last], arrival, scale)) last -= 1;
    const departure = sent[last];
    if (departure === undefined) break;
    pairs.push([departure, arrival]);
    last -= 1;
  }
  return pairs.reverse();
}

/** It arrived before it was sent: that was another one. */
function tooEarly(
  sent: SidePacket | undefined,
  got: SidePacket | undefined,
  scale: TimeScale | undefined,
): boolean {
  if (scale === undefined || sent === undefined || got === undefined) return false;
  if (sent.timeUs === UNKNOWN || got.timeUs === UNKNOWN) return false;
  return scale.toSender(got.timeUs) + scale.slackUs < sent.timeUs;
}
