/**
 * By how much the sequence numbers of one direction differ between the two captures: packets that
 * look the same in everything else vote for the difference of theirs.
 *
 * Owns nothing. A shift is added to a number of the sender's capture to get the receiver's;
 * canonical int32, octets.
 */
import { ACK, RST, SYN } from '../../engine/wire/segment.ts';
import { type Seq, seqDiff } from '../../engine/wire/seq.ts';
import { hasFlags, UNKNOWN } from '../packet-record.ts';
import { isTelling, type SidePacket } from './side-packet.ts';

/** So many numbers of packets that look the same are tried; the rest says no more. */
const ALIKE_COUNT_MAX = 8;
const SYN_COUNT_MAX = 16;
const WEIGHT_UNIQUE = 2;
/** A transfer of zeros: every segment looks like every other. */
const WEIGHT_COMMON = 0.01;
const WEIGHT_ONLY_SYN = 3;

interface Vote {
  weight: number;
  readonly voters: Set<number>;
  readonly certain: Set<number>;
}

export interface Shift {
  readonly shift: number;
  /** Packets of the sender's capture that speak for it. */
  readonly voters: number;
  /** The sender's packets that nothing else looks like. */
  readonly certain: number;
}

/** Most votes first; of equals the one that changes nothing. */
export function learnShifts(sent: readonly SidePacket[], got: readonly SidePacket[]): Shift[] {
  const votes = new Map<number, Vote>();
  for (const signature of [payloadSignature, idSignature, stampSignature]) {
    voteAlike(sent, got, signature, votes);
  }
  voteSyns(sent, got, votes);
  return [...votes]
    .sort(([a, one], [b, other]) => other.weight - one.weight || Math.abs(a) - Math.abs(b))
    .map(([shift, { voters, certain }]) => ({
      shift,
      voters: voters.size,
      certain: certain.size,
    }));
}

type Signature = (packet: SidePacket) => string;

function payloadSignature(packet: SidePacket): string {
  if (packet.payloadOctets === 0 || packet.headHash === UNKNOWN) return '';
  return `${packet.payloadOctets} ${packet.headHash}`;
}

function idSignature({ ipId, payloadOctets, flags }: SidePacket): string {
  return isTelling(ipId) ? `${ipId} ${payloadOctets} ${flags & (SYN | ACK | RST)}` : '';
}

/** Segments of one millisecond have the same stamps: only those with octets are told apart. */
function stampSignature({ tsVal, tsEcr, payloadOctets }: SidePacket): string {
  return tsVal === null || payloadOctets === 0 ? '' : `${tsVal} ${tsEcr} ${payloadOctets}`;
}

function voteAlike(
  sent: readonly SidePacket[],
  got: readonly SidePacket[],
  signature: Signature,
  votes: Map<number, Vote>,
): void {
  const known = new Map<string, SidePacket[]>();
  for (const packet of sent) {
    const key = signature(packet);
    if (key === '' || packet.segSeq === null) continue;
    const alike = known.get(key);
    if (alike === undefined) known.set(key, [packet]);
    // Sent again it is the same packet.
    else if (alike.length < ALIKE_COUNT_MAX && !alike.some(hasNumberOf(packet))) alike.push(packet);
  }
  for (const packet of got) {
    const alike = known.get(signature(packet)) ?? [];
    const isUnique = alike.length === 1;
    for (const one of alike) {
      vote(votes, one, packet, isUnique ? WEIGHT_UNIQUE : WEIGHT_COMMON, isUnique);
    }
  }
}

function hasNumberOf({ segSeq }: Pick<SidePacket, 'segSeq'>): (other: SidePacket) => boolean {
  return (other) => other.segSeq === segSeq;
}

/** SYNs of one connection are few, and one pair of them may be all that there is. */
function voteSyns(
  sent: readonly SidePacket[],
  got: readonly SidePacket[],
  votes: Map<number, Vote>,
): void {
  const left = synsOf(sent);
  const right = synsOf(got);
  const isOnly =
    left.every(hasNumberOf(left[0] ?? NONE)) && right.every(hasNumberOf(right[0] ?? NONE));
  for (const one of left) {
    for (const other of right) {
      if (((one.flags ^ other.flags) & ACK) !== 0) continue;
      const same = one.tsVal === other.tsVal && one.segWnd === other.segWnd;
      vote(votes, one, other, isOnly ? WEIGHT_ONLY_SYN : same ? 1 : 0.5, false);
    }
  }
}

const NONE = { segSeq: null };

function synsOf(packets: readonly SidePacket[]): SidePacket[] {
  return packets.filter((packet) => hasFlags(packet, SYN)).slice(0, SYN_COUNT_MAX);
}

function vote(
  votes: Map<number, Vote>,
  sent: SidePacket,
  got: SidePacket,
  weight: number,
  isCertain: boolean,
): void {
  if (sent.segSeq === null || got.segSeq === null) return;
  const shift = seqDiff(got.segSeq, sent.segSeq);
  const known = votes.get(shift) ?? { weight: 0, voters: new Set(), certain: new Set() };
  known.weight += weight;
  known.voters.add(sent.frame);
  if (isCertain) known.certain.add(sent.frame);
  votes.set(shift, known);
}

/** A number of the sender's capture as the receiver's has it. */
export function shifted(seq: Seq | null, shift: number): Seq | null {
  return seq === null ? null : (seq + shift) | 0;
}
