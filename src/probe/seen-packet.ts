/**
 * A packet of the probe's connections as the measurements want it: a parsed header over a copy.
 * Owns the one copy and the one header; both hold until the next packet.
 */
import type { Caught } from '../datapath/probe/packet-socket.ts';
import { sackEdges } from '../diagnose/sack-edges.ts';
import { parseSegment, WIRE_OK } from '../engine/wire/parse.ts';
import { ACK, Segment, SYN } from '../engine/wire/segment.ts';
import type { Seq } from '../engine/wire/seq.ts';
import { formatAddressAt } from '../telemetry/flow-address.ts';

const PACKET_BYTES_MAX = 65_536;

export class SeenPacket {
  readonly seg = new Segment();
  private readonly bytes = new Uint8Array(PACKET_BYTES_MAX);

  /** False: it is no whole TCP packet. */
  read({ bytes }: Caught): boolean {
    if (bytes.length > PACKET_BYTES_MAX) return false;
    this.bytes.set(bytes);
    return parseSegment(this.bytes, 0, bytes.length, this.seg) === WIRE_OK;
  }

  get isSyn(): boolean {
    return (this.seg.flags & (SYN | ACK)) === SYN;
  }

  /** Address and port of whoever speaks with our port. */
  farEnd(port: number): string {
    const { family, ipOff, srcPort, dstPort } = this.seg;
    const isLeaving = srcPort === port;
    const [at, bytes] = family === 4 ? [ipOff + 12, 4] : [ipOff + 8, 16];
    const address = formatAddressAt(this.bytes, isLeaving ? at + bytes : at, family);
    return `${address} ${isLeaving ? dstPort : srcPort}`;
  }

  sackEdges(): readonly Seq[] {
    return sackEdges(this.bytes, this.seg);
  }
}
