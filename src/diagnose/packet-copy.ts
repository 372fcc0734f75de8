/**
 * A packet that can be filled again: the readers' one record on the way in, and what a flow keeps
 * of it. Owns the list of fields. Objects made by spreading took more than twice the memory.
 */
import type { Seen } from './flow.ts';
import {
  type CaptureSide,
  type ChecksumVerdict,
  NO_SACK,
  type PacketRecord,
  type TcpOptions,
  UNKNOWN,
} from './packet-record.ts';

class OptionsCopy implements TcpOptions {
  layout = '';
  mss = UNKNOWN;
  wndScale = UNKNOWN;
  tsVal: number | null = null;
  tsEcr: number | null = null;
  sack: readonly number[] = NO_SACK;
}

export class PacketCopy implements Seen {
  frame = 0;
  timeUs = UNKNOWN;
  src = '';
  srcPort = '';
  dst = '';
  dstPort = '';
  flags = 0;
  segSeq: number | null = null;
  segAck: number | null = null;
  payloadOctets = 0;
  segWnd = UNKNOWN;
  readonly options = new OptionsCopy();
  ttl = UNKNOWN;
  ipId = UNKNOWN;
  tcpBytes = UNKNOWN;
  srcMac = '';
  checksum: ChecksumVerdict = 'unknown';
  checksumField = UNKNOWN;
  side: CaptureSide = 'unknown';
  comment = '';
  isTimeCoarse = false;
  dir: 0 | 1 = 0;
  /** Kept in two places: not to be filled again. */
  isShared = false;

  set(from: PacketRecord): this {
    this.frame = from.frame;
    this.timeUs = from.timeUs;
    this.src = from.src;
    this.srcPort = from.srcPort;
    this.dst = from.dst;
    this.dstPort = from.dstPort;
    this.flags = from.flags;
    this.segSeq = from.segSeq;
    this.segAck = from.segAck;
    this.payloadOctets = from.payloadOctets;
    this.segWnd = from.segWnd;
    this.options.layout = from.options.layout;
    this.options.mss = from.options.mss;
    this.options.wndScale = from.options.wndScale;
    this.options.tsVal = from.options.tsVal;
    this.options.tsEcr = from.options.tsEcr;
    this.options.sack = from.options.sack;
    this.ttl = from.ttl;
    this.ipId = from.ipId;
    this.tcpBytes = from.tcpBytes;
    this.srcMac = from.srcMac;
    this.checksum = from.checksum;
    this.checksumField = from.checksumField;
    this.side = from.side;
    this.comment = from.comment ?? '';
    this.isTimeCoarse = from.isTimeCoarse ?? false;
    return this;
  }
}

/** With the sender's direction, which only a flow knows. */
export function copySeen(seen: Seen): PacketCopy {
  const copy = new PacketCopy().set(seen);
  copy.dir = seen.dir;
  return copy;
}
