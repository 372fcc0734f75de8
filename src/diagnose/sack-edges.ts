/** Edges of SACK blocks from octets (RFC 2018 §3): left, right, left … Owns nothing. */
import { get32 } from '../engine/wire/bytes.ts';
import type { Segment } from '../engine/wire/segment.ts';
import type { Seq } from '../engine/wire/seq.ts';
import { NO_SACK } from './packet-record.ts';

export function sackEdges(bytes: Uint8Array, { sackOff, sackCount }: Segment): readonly Seq[] {
  if (sackCount === 0) return NO_SACK;
  return Array.from({ length: sackCount * 2 }, (_, edge) => get32(bytes, sackOff + 4 * edge));
}
