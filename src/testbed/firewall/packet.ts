/**
 * One packet on its way through the chain: a buffer of its own, who sent it, and its segment
 * parsed. Boxes change it in place; checksums are filled in when it leaves, damaged if a box said
 * so. Sequence numbers are canonical int32.
 */
import { get16, get32, put16, put32 } from '../../engine/wire/bytes.ts';
import { fillIp4Checksum, fillTcpChecksum, tcpPseudoSum } from '../../engine/wire/checksum.ts';
import { parseSegment, WIRE_OK } from '../../engine/wire/parse.ts';
import { ACK, FIN, RST, Segment, SYN } from '../../engine/wire/segment.ts';

export type Damage = 'partial' | 'wrong' | 'zero' | 'stale';

const CHECKSUM = 16;

export class Packet {
  readonly bytes: Uint8Array;
  readonly fromClient: boolean;
  readonly seg = new Segment();
  /** Anything else (ICMP errors) passes the boxes as it is. */
  readonly isTcp: boolean;
  damage: Damage | undefined;
  private readonly words: Uint32Array;
  private readonly arrivedChecksum: number;

  /** Takes bytes that somebody else owns; copies them. */
  constructor(bytes: Uint8Array, fromClient: boolean) {
    const padded = new Uint8Array((bytes.length + 3) & ~3);
    padded.set(bytes);
    this.words = new Uint32Array(padded.buffer);
    this.bytes = padded.subarray(0, bytes.length);
    this.fromClient = fromClient;
    this.isTcp = parseSegment(this.bytes, 0, bytes.length, this.seg) === WIRE_OK;
    this.arrivedChecksum = this.isTcp ? get16(this.bytes, this.seg.tcpOff + CHECKSUM) : 0;
  }

  /** After a change of what `seg` shows. */
  reparse(): void {
    parseSegment(this.bytes, 0, this.bytes.length, this.seg);
  }

  isSyn(): boolean {
    return (this.seg.flags & (SYN | ACK)) === SYN;
  }

  isSynAck(): boolean {
    return (this.seg.flags & (SYN | ACK)) === (SYN | ACK);
  }

  has(flags: number): boolean {
    return (this.seg.flags & flags) !== 0;
  }

  /** An acknowledgement and nothing else. */
  isBareAck(): boolean {
    return this.seg.payloadBytes === 0 && (this.seg.flags & (SYN | FIN | RST | ACK)) === ACK;
  }

  /** Of the last octet that it carries, plus one. */
  get end(): number {
    return (this.seg.segSeq + this.seg.segLen) | 0;
  }

  setSeq(seq: number): void {
    this.seg.segSeq = seq | 0;
    put32(this.bytes, this.seg.tcpOff + 4, this.seg.segSeq);
  }

  setAck(ack: number): void {
    this.seg.segAck = ack | 0;
    put32(this.bytes, this.seg.tcpOff + 8, this.seg.segAck);
  }

  /** Raw, as on the wire. */
  setWnd(wnd: number): void {
    this.seg.segWnd = wnd;
    put16(this.bytes, this.seg.tcpOff + 14, wnd);
  }

  setTtl(ttl: number): void {
    this.seg.ttl = ttl;
    this.bytes[this.seg.family === 6 ? 7 : 8] = ttl;
  }

  setPorts(srcPort: number, dstPort: number): void {
    this.seg.srcPort = srcPort;
    this.seg.dstPort = dstPort;
    put16(this.bytes, this.seg.tcpOff, srcPort);
    put16(this.bytes, this.seg.tcpOff + 2, dstPort);
  }

  shiftSack(by: number): void {
    for (let k = 0; k < this.seg.sackCount * 2; k++) {
      const at = this.seg.sackOff + 4 * k;
      put32(this.bytes, at, (get32(this.bytes, at) + by) | 0);
    }
  }

  copy(): Packet {
    const copy = new Packet(this.bytes, this.fromClient);
    copy.damage = this.damage;
    return copy;
  }

  /** It leaves the firewall: checksums as they are to arrive. */
  finish(): void {
    if (!this.isTcp) return;
    const { bytes, seg } = this;
    const at = seg.tcpOff + CHECKSUM;
    fillIp4Checksum(bytes, seg);
    fillTcpChecksum(bytes, this.words, seg);
    if (this.damage === 'partial') put16(bytes, at, tcpPseudoSum(bytes, seg));
    else if (this.damage === 'zero') put16(bytes, at, 0);
    else if (this.damage === 'stale') put16(bytes, at, this.arrivedChecksum);
    else if (this.damage === 'wrong') put16(bytes, at, get16(bytes, at) ^ 0x0101);
  }
}
