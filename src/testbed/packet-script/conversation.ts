/**
 * The two sides of one scripted connection: their addresses, and what turns relative numbers into
 * those on the wire and back. Owns both initial sequence numbers and the window that the near end
 * has offered, learned from its packets.
 */
import { ACK, NO_BYTES, type Packet, RST, SYN } from '../../datapath/sim/packet.ts';
import { seqDiff, seqLt } from '../../engine/wire/seq.ts';
import { NO_OPTIONS } from './parse-segment.ts';
import { octetsFrom, type Place, type SegmentLine } from './script.ts';

export interface Sides {
  readonly family: 4 | 6;
  readonly nearAddr: Uint8Array;
  readonly farAddr: Uint8Array;
  readonly nearPort: number;
  readonly farPort: number;
  readonly farIss: number;
}

const WND_DEFAULT = 65_535;
const TTL = 64;

export class Conversation {
  readonly sides: Sides;
  private nearIss = 0;
  private synSeen = false;
  /** Shifts that the SYNs offer; -1: none. */
  private nearScale = -1;
  private farScale = -1;
  private nearTsVal = 0;
  /** The window of the near end, in wire numbers. */
  private left = 0;
  private right = 0;
  private ipId = 1;
  /** The near end's MSS is told as it is over IPv4: over IPv6 a packet carries 20 octets less. */
  private readonly headerGap: number;

  constructor(sides: Sides) {
    this.sides = sides;
    this.headerGap = sides.family === 6 ? 20 : 0;
  }

  /** The packet of a line that the far end sends. */
  build(line: SegmentLine): Packet {
    const { sides } = this;
    const options = line.options ?? NO_OPTIONS;
    const isSyn = (line.flags & SYN) !== 0;
    if (isSyn) this.farScale = options.wndScale;
    const seq = this.wireSeq(line.seq);
    const from = seqDiff(seq, sides.farIss) - 1 + (isSyn ? 1 : 0);
    this.ipId++;
    return {
      family: sides.family,
      src: sides.farAddr,
      dst: sides.nearAddr,
      srcPort: sides.farPort,
      dstPort: sides.nearPort,
      seq,
      ack: (line.flags & ACK) === 0 ? 0 : (this.nearIss + line.ack) | 0,
      flags: line.flags,
      wnd: line.wnd < 0 ? WND_DEFAULT : line.wnd,
      ttl: TTL,
      ipId: this.ipId,
      mss: options.mss,
      wndScale: options.wndScale,
      sackPermitted: options.sackPermitted,
      timestamps: options.ts >= 0,
      tsVal: Math.max(options.ts, 0),
      tsEcr: options.ts < 0 || (line.flags & ACK) === 0 ? 0 : this.nearTsVal,
      sack: options.sack.map((edge) => (this.nearIss + edge) | 0),
      payload: line.octets === 0 ? NO_BYTES : octetsFrom(from, line.octets),
    };
  }

  /** What a packet of the near end says, in relative numbers. */
  read(packet: Packet): SegmentLine {
    this.learn(packet);
    const withAck = (packet.flags & ACK) !== 0;
    return {
      flags: packet.flags,
      seq: { base: 'zero', offset: this.relative(packet) },
      octets: packet.payload.length,
      ack: withAck ? seqDiff(packet.ack, this.sides.farIss) : 0,
      wnd: packet.wnd,
      options: {
        mss: packet.mss < 0 ? -1 : packet.mss + this.headerGap,
        wndScale: packet.wndScale,
        sackPermitted: packet.sackPermitted,
        ts: packet.timestamps ? packet.tsEcr >>> 0 : -1,
        sack: packet.sack.map((edge) => seqDiff(edge, this.sides.farIss)),
      },
    };
  }

  /** Every octet is the one that belongs there. */
  isWhole(packet: Packet): boolean {
    const from = seqDiff(packet.seq, this.nearIss) - ((packet.flags & SYN) !== 0 ? 0 : 1);
    const expected = octetsFrom(from, packet.payload.length);
    return packet.payload.every((octet, i) => octet === expected[i]);
  }

  /** A host that knows of no connection resets with number 0: that is none of a connection. */
  private relative({ flags, seq }: Packet): number {
    return (flags & RST) !== 0 && seq === 0 ? 0 : seqDiff(seq, this.nearIss);
  }

  private learn(packet: Packet): void {
    const flags = packet.flags;
    if ((flags & SYN) !== 0) {
      this.nearIss = packet.seq;
      this.nearScale = packet.wndScale;
      this.synSeen = true;
    }
    if (packet.timestamps) this.nearTsVal = packet.tsVal;
    if ((flags & (ACK | RST)) !== ACK || !this.synSeen) return;
    const scaled = (flags & SYN) === 0 && this.nearScale >= 0 && this.farScale >= 0;
    const edge = (packet.ack + packet.wnd * 2 ** (scaled ? this.nearScale : 0)) | 0;
    const first = this.left === 0 && this.right === 0;
    if (first || seqLt(this.left, packet.ack)) this.left = packet.ack;
    if (first || seqLt(this.right, edge)) this.right = edge;
  }

  private wireSeq({ base, offset }: Place): number {
    if (base === 'zero') return (this.sides.farIss + offset) | 0;
    if (base === 'left') return (this.left + offset) | 0;
    if (base === 'right') return (this.right + offset) | 0;
    return (this.left + (seqDiff(this.right, this.left) >> 1) + offset) | 0;
  }
}
