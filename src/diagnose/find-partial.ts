/**
 * `checksum-partial`: segments that arrive with an unfinished checksum and are refused for it. On
 * packets that the capturing machine sends it is an artefact (`checksum-offload`), and on virtual
 * networks they arrive so and are taken all the same: what tells is that the machine they arrived
 * at does not acknowledge them. Owns the words and that rule. Times: microseconds.
 */
import { seqAdd, seqLeq } from '../engine/wire/seq.ts';
import { type Finding, makeFinding } from './finding.ts';
import { CLIENT, type Direction, type Flow, SERVER, type Seen, sequenceOctets } from './flow.ts';
import { UNKNOWN } from './packet-record.ts';
import { captureCommand, framesText, sideName, type Wording } from './wording.ts';

/** A receiver acknowledges what it has within this (RFC 1122 §4.2.3.2: half a second). */
const TAKEN_US = 150_000;
/** What operating systems begin with. */
const FIRST_TTLS: readonly number[] = [64, 128, 255];

/** Those that came to the capturing machine, came again, and were not acknowledged in between. */
export function refusedPackets(flow: Flow, dir: Direction, unfinished: readonly Seen[]): Seen[] {
  if (!isCapturedAt(flow, dir === CLIENT ? SERVER : CLIENT)) return [];
  return unfinished.filter((packet) => {
    if (sequenceOctets(packet) === 0) return false;
    const copies = unfinished.filter((other) => isCopy(packet, other));
    return copies.length > 1 && !isAcknowledged(flow, packet);
  });
}

function isCopy(packet: Seen, other: Seen): boolean {
  if (other === packet) return true;
  const same = other.segSeq === packet.segSeq && other.payloadOctets === packet.payloadOctets;
  return same && Math.abs(other.timeUs - packet.timeUs) >= TAKEN_US;
}

function isAcknowledged(flow: Flow, packet: Seen): boolean {
  if (packet.segSeq === null) return true;
  const end = seqAdd(packet.segSeq, sequenceOctets(packet));
  return flow.kept.some(
    (other) => other.dir !== packet.dir && other.segAck !== null && seqLeq(end, other.segAck),
  );
}

/** The side answers at once, or its packets have crossed no router yet, and the other’s have. */
function isCapturedAt(flow: Flow, dir: Direction): boolean {
  const own = flow.halves[dir];
  const peer = flow.halves[dir === CLIENT ? SERVER : CLIENT];
  const fresh = (ttls: readonly number[]) =>
    ttls.length > 0 && ttls.every((ttl) => FIRST_TTLS.includes(ttl));
  if (fresh(own.ttls) && peer.ttls.length > 0 && !fresh(peer.ttls)) return true;
  if (own.shortestReplyUs === UNKNOWN || peer.shortestReplyUs === UNKNOWN) return false;
  return own.shortestReplyUs * 4 < peer.shortestReplyUs;
}

export function partialFinding(
  flow: Flow,
  dir: Direction,
  all: readonly Seen[],
  wording: Wording,
): Finding {
  const side = sideName(dir);
  const other = dir === CLIENT ? 'server' : 'client';
  const frames = all.map((packet) => packet.frame);
  return makeFinding({
    code: 'checksum-partial',
    flow: flow.id,
    frames,
    summary:
      `The ${side}’s packets arrive with unfinished checksums and are refused ` +
      `(${framesText(wording.frame, frames)})`,
    explanation:
      'Their checksum fields hold the sum of addresses and length only, which somebody on the way ' +
      `left for a network card to finish, and no card did. The ${other}, where the capture was ` +
      'taken, throws them away without a word; they come again and again and are never ' +
      'acknowledged.',
    certainty: 'likely',
    looksTheSame: [
      'A virtual network in which unfinished checksums are normal, and another reason to refuse.',
    ],
    remedy:
      `Finish them where they come from: \`ethtool -K INTERFACE tx off\` on the ${side}’s ` +
      'machine, or on the host or gateway in between. On the receiving machine `seqshim run` ' +
      'completes them (as iptables’ CHECKSUM target does, which works on what leaves only).',
    decide: captureCommand(flow, wording),
    numbers: { packetCount: all.length },
  });
}
