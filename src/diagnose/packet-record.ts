/**
 * One TCP packet as somebody saw it, whichever text or capture it came from. Owns the shape only.
 *
 * Sequence numbers are absolute canonical int32, NONE where the input does not say. Times are
 * microseconds on the input's own clock; lengths are octets of payload, bytes of packet.
 */
import type { Seq } from '../engine/wire/seq.ts';

/** An unknown number. No field uses -1 for anything else; sequence numbers have `null` instead. */
export const UNKNOWN = -1;

export type ChecksumVerdict = 'good' | 'bad' | 'unknown';

/** What the capturing machine says about the packet's direction (`tcpdump -i any`). */
export type CaptureSide = 'in' | 'out' | 'unknown';

export interface PacketRecord {
  /** Line of a text, frame of a capture; 1-based. */
  readonly frame: number;
  /** UNKNOWN without times (`tcpdump -t`). */
  readonly timeUs: number;
  readonly src: string;
  readonly srcPort: string;
  readonly dst: string;
  readonly dstPort: string;
  /** Bits of wire/segment.ts. */
  readonly flags: number;
  readonly segSeq: Seq | null;
  readonly segAck: Seq | null;
  readonly payloadOctets: number;
  /** Raw, unscaled, or UNKNOWN. */
  readonly segWnd: number;
  readonly options: TcpOptions;
  readonly ttl: number;
  readonly ipId: number;
  /** Length of the TCP segment, header included, or UNKNOWN: what its checksum covers. */
  readonly tcpBytes: number;
  readonly srcMac: string;
  readonly checksum: ChecksumVerdict;
  /** The checksum field as sent, or UNKNOWN. */
  readonly checksumField: number;
  readonly side: CaptureSide;
  /** What stands at it in the capture, a line each. */
  readonly comment?: string;
  /** Its time cannot be compared with a round trip. */
  readonly isTimeCoarse?: boolean;
}

export interface TcpOptions {
  /** Names in their order, values left out: `mss,nop,nop,sackOK,nop,wscale`. */
  readonly layout: string;
  readonly mss: number;
  readonly wndScale: number;
  readonly tsVal: Seq | null;
  readonly tsEcr: Seq | null;
  /** Edges of the SACK blocks: left, right, left, right … (RFC 2018 §3). */
  readonly sack: readonly Seq[];
}

export const NO_SACK: readonly Seq[] = [];

export const NO_OPTIONS: TcpOptions = {
  layout: '',
  mss: UNKNOWN,
  wndScale: UNKNOWN,
  tsVal: null,
  tsEcr: null,
  sack: NO_SACK,
};

export function hasFlags(packet: { readonly flags: number }, flags: number): boolean {
  return (packet.flags & flags) === flags;
}
