/**
 * Wrong TCP checksums: the harmless ones of packets that the capturing machine had not finished
 * when tcpdump saw them (`checksum-offload`), those that are refused (`checksum-partial`, in
 * find-partial.ts), and the others (`checksum-bad`).
 *
 * An unfinished checksum holds the sum of the pseudo-header only (RFC 9293 §3.1), which for the
 * packets of one side is one constant plus the length of the segment. That is a proof even where
 * the addresses are missing. Owns the words.
 */

import { ACK } from '../engine/wire/segment.ts';
import { seqAdd } from '../engine/wire/seq.ts';
import { partialFinding, refusedPackets } from './find-partial.ts';
import { type Finding, makeFinding } from './finding.ts';
import { CLIENT, type Direction, type Flow, SERVER, type Seen, sequenceOctets } from './flow.ts';
import { hasFlags, UNKNOWN } from './packet-record.ts';
import { framesText, sideName, type Wording } from './wording.ts';

/** Longer than a packet on the wire: merged or not yet cut by the network card. */
const SEGMENT_OCTETS_MAX = 1460;

/** `explained`: something else tells why packets are not acknowledged. */
export function checksumFindings(flow: Flow, wording: Wording, explained: boolean): Finding[] {
  const found: Finding[] = [];
  if (!flow.packets.hasBadChecksum) return found;
  for (const dir of [CLIENT, SERVER] as const) {
    const bad = flow.kept.filter((packet) => packet.dir === dir && packet.checksum === 'bad');
    const wire = bad.filter((packet) => packet.payloadOctets <= SEGMENT_OCTETS_MAX);
    if (wire.length === 0) continue;
    const bare = wire.filter((packet) => isUnfinished(packet, wire));
    const refused = explained ? [] : refusedPackets(flow, dir, bare);
    const unfinished = bare.filter((packet) => !refused.includes(packet));
    const harmless = wire.filter(
      (packet) => unfinished.includes(packet) || acceptedBy(flow, packet) !== undefined,
    );
    const broken = wire.filter((packet) => !harmless.includes(packet) && !refused.includes(packet));
    if (refused.length > 0) found.push(partialFinding(flow, dir, refused, wording));
    if (harmless.length > 0) found.push(offload(flow, dir, harmless, unfinished, wording));
    if (broken.length > 0) found.push(brokenChecksums(flow, dir, broken, wording));
  }
  return found;
}

/** The one constant of a side, or UNKNOWN: addresses and protocol, without the length. */
function pseudoBase(packet: Seen): number {
  if (packet.checksumField === UNKNOWN || packet.tcpBytes === UNKNOWN) return UNKNOWN;
  return (((packet.checksumField - packet.tcpBytes) % 0xffff) + 0xffff) % 0xffff;
}

function isUnfinished(packet: Seen, all: readonly Seen[]): boolean {
  // Some cards want the field empty.
  if (all.every((other) => other.checksumField === 0)) return true;
  const base = pseudoBase(packet);
  if (base === UNKNOWN) return packet.side === 'out';
  const fromAddresses = addressBase(packet.src, packet.dst);
  if (fromAddresses !== UNKNOWN) return base === fromAddresses;
  return all.filter((other) => pseudoBase(other) === base).length >= 2;
}

/** From numeric IPv4 addresses; UNKNOWN for names and IPv6. */
function addressBase(src: string, dst: string): number {
  let sum = 6; // protocol number of TCP
  for (const address of [src, dst]) {
    const octets = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(address);
    if (octets === null) return UNKNOWN;
    const [a = 0, b = 0, c = 0, d = 0] = octets.slice(1).map(Number);
    sum += (a << 8) + b + (c << 8) + d;
  }
  return sum % 0xffff;
}

function offload(
  flow: Flow,
  dir: Direction,
  all: readonly Seen[],
  unfinished: readonly Seen[],
  wording: Wording,
): Finding {
  const side = sideName(dir);
  return makeFinding({
    code: 'checksum-offload',
    flow: flow.id,
    frames: all.map((packet) => packet.frame),
    summary: `“incorrect” checksums on the ${side}’s packets are unfinished, not wrong: harmless`,
    explanation: [
      `The capture was taken on the ${side}’s machine, or on a host that it is a guest of, ` +
        'before the network card filled the checksums in.',
      unfinishedSentence(unfinished),
      acceptedSentence(flow, all, wording),
    ]
      .filter((sentence) => sentence !== '')
      .join(' '),
    certainty: 'proven',
    remedy: 'Nothing. To see real checksums, capture on the other machine.',
    numbers: { packetCount: all.length },
  });
}

function unfinishedSentence(unfinished: readonly Seen[]): string {
  if (unfinished.length === 0) return '';
  if (unfinished.every((packet) => packet.checksumField === 0)) return 'The fields are all empty.';
  return (
    'The fields hold the sum of addresses and length only: they differ between packets by ' +
    'exactly their lengths, as unfinished ones do.'
  );
}

function acceptedSentence(flow: Flow, all: readonly Seen[], wording: Wording): string {
  for (const packet of all) {
    const answer = acceptedBy(flow, packet);
    if (answer === undefined) continue;
    return (
      `The other side accepted ${wording.frame} ${packet.frame} and answered it in ` +
      `${wording.frame} ${answer.frame}, so it arrived with a good checksum.`
    );
  }
  return '';
}

/** What acknowledges exactly this packet, and no good copy of it. */
function acceptedBy(flow: Flow, packet: Seen): Seen | undefined {
  const { segSeq } = packet;
  const octets = sequenceOctets(packet);
  if (segSeq === null || octets === 0) return undefined;
  const end = seqAdd(segSeq, octets);
  for (const other of flow.kept) {
    if (other === packet) continue;
    const copy = other.dir === packet.dir && other.segSeq === segSeq;
    if (copy && other.checksum !== 'bad') return undefined;
    const answers = other.dir !== packet.dir && hasFlags(other, ACK) && other.segAck === end;
    if (answers && other.frame > packet.frame) return other;
  }
  return undefined;
}

function brokenChecksums(
  flow: Flow,
  dir: Direction,
  all: readonly Seen[],
  wording: Wording,
): Finding {
  const side = sideName(dir);
  const frames = all.map((packet) => packet.frame);
  // With names for addresses, one packet alone does not show whether its field is unfinished.
  const open = all.length === 1 && addressBase(all[0]?.src ?? '', all[0]?.dst ?? '') === UNKNOWN;
  return makeFinding({
    code: 'checksum-bad',
    flow: flow.id,
    frames,
    summary: `Bad TCP checksums on packets of the ${side} (${framesText(wording.frame, frames)})`,
    explanation:
      'A packet with such a checksum was damaged or rewritten on the way. A receiver drops it ' +
      'silently and it has to be sent again.',
    certainty: open ? 'possible' : 'likely',
    looksTheSame: [
      ...(open ? ['An unfinished checksum of the capturing machine (offload): harmless.'] : []),
      'A capture with cut packets.',
      'Packets merged by the network card.',
    ],
    remedy: 'Look for a device that rewrites packets and does not correct the checksum.',
    numbers: { packetCount: all.length },
  });
}
