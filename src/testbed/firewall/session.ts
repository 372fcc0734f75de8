/**
 * One connection as one box sees it: its SYN as a template for what the box makes up, and how far
 * each side has come. Numbers are those at the box's place in the chain, canonical int32. Times: ms
 * of the chain's clock.
 */
import type { Random } from '../../datapath/sim/random.ts';
import { ACK, RST, SYN } from '../../engine/wire/segment.ts';
import { seqLt } from '../../engine/wire/seq.ts';
import type { Packet } from './packet.ts';

/** One side of it, which sends. */
export class Side {
  /** Its initial number, once its SYN was seen. */
  isn: number | undefined;
  /** Behind the highest octet that it has sent; undefined before its first segment. */
  sndNxt: number | undefined;
  /** Its newest SEG.ACK, which is the number that an exact reset to it carries. */
  rcvNxt: number | undefined;
}

/** What every box knows of a connection. */
export class Session<Own = unknown> {
  /** What only this box knows of it. */
  readonly own: Own;
  /** Of this box, from 1. */
  readonly number: number;
  readonly syn: Uint8Array;
  readonly iss: number;
  readonly startedMs: number;
  /** The schedule's lot has fallen on it. */
  readonly isHit: boolean;
  readonly random: Random;
  readonly client = new Side();
  readonly server = new Side();
  /** When a packet of it last came. */
  lastMs: number;

  constructor(
    number: number,
    syn: Packet,
    nowMs: number,
    luck: { readonly isHit: boolean; readonly random: Random },
    open: (session: Session) => Own,
  ) {
    this.number = number;
    this.syn = syn.bytes.slice();
    this.iss = syn.seg.segSeq;
    this.startedMs = nowMs;
    this.lastMs = nowMs;
    this.isHit = luck.isHit;
    this.random = luck.random;
    this.own = open(this);
  }

  side(ofClient: boolean): Side {
    return ofClient ? this.client : this.server;
  }

  follow(packet: Packet): void {
    const { seg } = packet;
    if ((seg.flags & RST) !== 0) return; // its numbers are nobody's progress
    const side = this.side(packet.fromClient);
    if ((seg.flags & SYN) !== 0) side.isn = seg.segSeq;
    if (side.sndNxt === undefined || seqLt(side.sndNxt, packet.end)) side.sndNxt = packet.end;
    const { rcvNxt } = side;
    if ((seg.flags & ACK) === 0) return;
    if (rcvNxt === undefined || seqLt(rcvNxt, seg.segAck)) side.rcvNxt = seg.segAck;
  }
}

/** Far enough from 0 to be outside every window. */
export function farNumber(random: Random): number {
  return ((random.unit() * 0.98 + 0.01) * 2 ** 32) | 0;
}
