/**
 * One packet as one of two captures has it: what a middlebox could rewrite, and a fingerprint of
 * its payload. Owns the shapes only. Numbers and units as in packet-record.ts.
 */
import { FIN, SYN } from '../../engine/wire/segment.ts';
import type { Seq } from '../../engine/wire/seq.ts';
import type { Direction } from '../flow.ts';
import { hasFlags, UNKNOWN } from '../packet-record.ts';

export interface SidePacket {
  readonly frame: number;
  readonly timeUs: number;
  dir: Direction;
  /** All eight bits; the two of ECN are 0 in text. */
  readonly flags: number;
  readonly segSeq: Seq | null;
  readonly segAck: Seq | null;
  readonly payloadOctets: number;
  readonly segWnd: number;
  readonly ttl: number;
  /** DSCP and ECN (RFC 2474, RFC 3168), or UNKNOWN. */
  readonly tos: number;
  readonly ipId: number;
  /** Kinds in their order, padding included: `2,4,8,1,3`. */
  readonly layout: string;
  readonly mss: number;
  readonly wndScale: number;
  readonly tsVal: Seq | null;
  readonly tsEcr: Seq | null;
  /** Edges of the SACK blocks: left, right, left, right … (RFC 2018 §3). */
  readonly sack: readonly Seq[];
  /** Every other option, kind and body in hexadecimal; empty in text. */
  readonly others: string;
  /** Of the whole payload; UNKNOWN where it was not captured. */
  readonly payloadHash: number;
  /** Of its first octets, for captures that cut packets. */
  readonly headHash: number;
}

/** One connection in one of the captures. */
export interface SideFlow {
  /** 1-based, in the order in which they begin. */
  readonly id: number;
  readonly client: string;
  readonly clientPort: string;
  readonly server: string;
  readonly serverPort: string;
  readonly firstFrame: number;
  readonly packets: SidePacket[];
  /** Packets beyond the limit. */
  notKept: number;
}

export interface Side {
  readonly name: string;
  readonly kind: 'capture' | 'tcpdump-text';
  readonly flows: readonly SideFlow[];
  readonly packets: number;
  readonly notKept: number;
  /** When the capture began and ended, as far as its packets tell; UNKNOWN without times. */
  readonly firstUs: number;
  readonly lastUs: number;
}

/** Octets of sequence space. */
export function spaceOctets(packet: SidePacket): number {
  const { payloadOctets } = packet;
  return payloadOctets + (hasFlags(packet, SYN) ? 1 : 0) + (hasFlags(packet, FIN) ? 1 : 0);
}

/** Whether a number that may be missing is there: IP IDs of 0 say nothing either. */
export function isTelling(ipId: number): boolean {
  return ipId !== UNKNOWN && ipId !== 0;
}
