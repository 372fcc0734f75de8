/**
 * From the numbers that tcpdump prints to the ones that were in the packet.
 *
 * tcpdump (print-tcp.c) remembers a pair of bases for a connection and subtracts them from packets
 * with the ACK flag. It takes new ones from the first packet it sees with ACK and from *every*
 * SYN-ACK, and prints that packet absolutely; packets without ACK (SYN, bare RST) are always
 * absolute. So after a second SYN-ACK everything in the first one's numbers looks huge. `-S`
 * prints all absolutely; without a prompt that says so, the first packet that decides it does.
 *
 * Owns the bases, one entry a connection. Numbers are canonical int32.
 */
import { ACK, SYN } from '../engine/wire/segment.ts';
import { type Seq, seqAdd, seqDiff } from '../engine/wire/seq.ts';
import { UNKNOWN } from './packet-record.ts';
import type { RawPacket } from './tcpdump-line.ts';

/** Numbers closer than this to where they should be settle whether they are relative. */
const DECISIVE_OCTETS = 1 << 22;
const CONNECTION_COUNT_MAX = 65_536;

interface Bases {
  /** By end point, in the order of their names. null: the packet did not print it. */
  low: Seq | null;
  high: Seq | null;
}

export interface Resolved {
  readonly segSeq: Seq | null;
  readonly segAck: Seq | null;
  /** Edges of the SACK blocks, printed against the same base as SEG.ACK. */
  readonly sack: readonly Seq[];
}

export class NumberResolver {
  private readonly bases = new Map<string, Bases>();
  private absolute: boolean | undefined;

  /** A new tcpdump run: it knows no connection yet. */
  reset(absolute: boolean | undefined): void {
    this.bases.clear();
    this.absolute = absolute;
  }

  resolve(packet: RawPacket, src: string, dst: string): Resolved {
    const seq = packet.seq === UNKNOWN ? null : packet.seq | 0;
    const ack = packet.ack === UNKNOWN ? null : packet.ack | 0;
    const { sack } = packet.options;
    if ((packet.flags & ACK) === 0) return { segSeq: seq, segAck: null, sack };
    const srcIsLow = src < dst;
    const key = srcIsLow ? `${src} ${dst}` : `${dst} ${src}`;
    const known = this.bases.get(key);
    if (known === undefined || (packet.flags & SYN) !== 0) {
      this.rebase(key, seq, ack === null ? null : seqAdd(ack, -1), srcIsLow);
      return { segSeq: seq, segAck: ack, sack };
    }
    const srcBase = srcIsLow ? known.low : known.high;
    const dstBase = srcIsLow ? known.high : known.low;
    this.absolute ??= decide(seq, srcBase) ?? decide(ack, dstBase);
    if (this.absolute === true) return { segSeq: seq, segAck: ack, sack };
    const edges =
      dstBase === null || sack.length === 0 ? sack : sack.map((edge) => seqAdd(edge, dstBase));
    return { segSeq: plus(seq, srcBase), segAck: plus(ack, dstBase), sack: edges };
  }

  private rebase(key: string, src: Seq | null, dst: Seq | null, srcIsLow: boolean): void {
    if (this.bases.size >= CONNECTION_COUNT_MAX && !this.bases.has(key)) return;
    this.bases.set(key, srcIsLow ? { low: src, high: dst } : { low: dst, high: src });
  }
}

/** Whether a printed number is absolute, undefined when it could be either. */
function decide(printed: Seq | null, base: Seq | null): boolean | undefined {
  if (printed === null || base === null) return undefined;
  // The first octet behind a SYN is base + 1, or 1.
  const asAbsolute = Math.abs(seqDiff(printed, seqAdd(base, 1)));
  const asRelative = Math.abs(seqDiff(printed, 1));
  if (Math.min(asAbsolute, asRelative) > DECISIVE_OCTETS || asAbsolute === asRelative) {
    return undefined;
  }
  return asAbsolute < asRelative;
}

function plus(number: Seq | null, base: Seq | null): Seq | null {
  return number === null || base === null ? null : seqAdd(number, base);
}
