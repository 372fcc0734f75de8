/**
 * Segments that were cut or merged between the two captures, compared octet by octet: each octet
 * that was sent may arrive once for it.
 *
 * Owns nothing. Positions are octets of the receiver's numbering behind the lowest of them.
 */
import { type Seq, seqDiff } from '../../engine/wire/seq.ts';
import type { SidePacket } from './side-packet.ts';

/** A hostile capture could make every segment overlap every other. */
const STEP_COUNT_MAX = 2_000_000;

export interface OctetMatch {
  /** Octets of a sent packet that did not arrive. */
  readonly missing: ReadonlyMap<SidePacket, number>;
  /** Octets of an arrived one that were not sent for it. */
  readonly remaining: ReadonlyMap<SidePacket, number>;
  /** Sent segments of which something arrived in other segments. */
  readonly resegmented: number;
}

type Range = readonly [from: number, to: number];

interface Piece {
  readonly from: number;
  readonly to: number;
  readonly packet: SidePacket;
  /** What of it is not used up. */
  left: readonly Range[];
}

export function matchOctets(
  sent: readonly SidePacket[],
  got: readonly SidePacket[],
  shift: number,
): OctetMatch {
  const origin = originOf(sent, got, shift);
  const pieces = piecesOf(got, origin, 0);
  pieces.sort((a, b) => a.from - b.from);
  const longest = pieces.reduce((most, { from, to }) => Math.max(most, to - from), 0);
  const missing = new Map<SidePacket, number>();
  let resegmented = 0;
  let steps = 0;
  for (const { from, to, packet } of piecesOf(sent, origin, shift)) {
    let open: readonly Range[] = [[from, to]];
    const start = firstFrom(pieces, from - longest);
    for (let at = start; at < pieces.length && open.length > 0; at++) {
      const piece = pieces[at];
      if (piece === undefined || piece.from >= to || ++steps > STEP_COUNT_MAX) break;
      const before = open;
      open = subtract(open, piece.left);
      piece.left = subtract(piece.left, before);
    }
    missing.set(packet, octetsOf(open));
    if (octetsOf(open) < to - from) resegmented += 1;
  }
  const remaining = new Map<SidePacket, number>();
  for (const { left, packet } of pieces) remaining.set(packet, octetsOf(left));
  return { missing, remaining, resegmented };
}

/** Numbers may wrap: everything is counted from the first number seen, and may be before it. */
function originOf(sent: readonly SidePacket[], got: readonly SidePacket[], shift: number): Seq {
  const first = got.find(({ segSeq }) => segSeq !== null)?.segSeq;
  if (first !== undefined && first !== null) return first;
  return ((sent.find(({ segSeq }) => segSeq !== null)?.segSeq ?? 0) + shift) | 0;
}

function piecesOf(packets: readonly SidePacket[], origin: Seq, shift: number): Piece[] {
  return packets.flatMap((packet) => {
    if (packet.segSeq === null || packet.payloadOctets === 0) return [];
    const from = seqDiff((packet.segSeq + shift) | 0, origin);
    const to = from + packet.payloadOctets;
    return [{ from, to, packet, left: [[from, to]] }];
  });
}

/** Index of the first piece that does not begin before `from`. */
function firstFrom(pieces: readonly Piece[], from: number): number {
  let low = 0;
  let high = pieces.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((pieces[middle]?.from ?? 0) < from) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** What of some ranges is in none of the others. */
function subtract(ranges: readonly Range[], others: readonly Range[]): readonly Range[] {
  return others.reduce<readonly Range[]>(
    (rest, [from, to]) =>
      rest.flatMap(([a, b]) => {
        const parts: Range[] = [];
        if (a < Math.min(b, from)) parts.push([a, Math.min(b, from)]);
        if (Math.max(a, to) < b) parts.push([Math.max(a, to), b]);
        return parts;
      }),
    ranges,
  );
}

function octetsOf(ranges: readonly Range[]): number {
  return ranges.reduce((sum, [from, to]) => sum + to - from, 0);
}
