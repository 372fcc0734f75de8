/**
 * The options of a TCP header as boxes see them, for those that take some away or change them. Owns
 * nothing. RFC 9293 §3.1, RFC 7323, RFC 2018.
 */
import * as v from 'valibot';
import { SYN } from '../../engine/wire/segment.ts';
import type { Packet } from './packet.ts';

export const OPTION_KINDS = {
  mss: 2,
  'window-scale': 3,
  'sack-permitted': 4,
  sack: 5,
  timestamps: 8,
} as const;

export const OPTION_NAMES = [
  'mss',
  'window-scale',
  'sack-permitted',
  'sack',
  'timestamps',
] as const;

/** Of which segments: the SYN, the SYN-ACK, both, or every one. */
export const onSegments = v.picklist(['syn', 'synack', 'both', 'all']);

export function isFrom(packet: Packet, on: v.InferOutput<typeof onSegments>): boolean {
  if (on === 'all') return true;
  if (on === 'both') return packet.has(SYN);
  return on === 'syn' ? packet.isSyn() : packet.isSynAck();
}

export interface OptionPlace {
  readonly kind: number;
  /** Of its kind octet. */
  readonly at: number;
  readonly length: number;
}

/** Without NOPs and what stands behind the end of the list. */
export function findOptions({ bytes, seg }: Packet): OptionPlace[] {
  const end = seg.tcpOff + seg.tcpHeaderBytes;
  const found: OptionPlace[] = [];
  for (let at = seg.tcpOff + 20; at < end && bytes[at] !== 0; ) {
    const kind = bytes[at] ?? 0;
    const length = kind === 1 ? 1 : (bytes[at + 1] ?? 0);
    if (kind !== 1 && (length < 2 || at + length > end)) break;
    if (kind !== 1) found.push({ kind, at, length });
    at += length;
  }
  return found;
}
