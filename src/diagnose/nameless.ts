/**
 * Who sent a packet whose addresses were cut away before the text was pasted: client or server.
 *
 * Judged by what only one side can have written: SYN or SYN-ACK, the nearer timestamp clock, the
 * nearer IP identification, numbers that lie in that side's space, a bad checksum where that side's
 * are all bad. Owns the state of one such connection at a time; the next SYN starts another.
 */
import { ACK, SYN } from '../engine/wire/segment.ts';
import { type Seq, seqAdd, seqDiff } from '../engine/wire/seq.ts';
import { hasFlags, UNKNOWN } from './packet-record.ts';
import type { RawPacket } from './tcpdump-line.ts';

export const NAMELESS_CLIENT = 'client';
export const NAMELESS_SERVER = 'server';

/** Numbers this far behind an initial one are still taken for that side's. */
const SPACE_OCTETS = 1 << 30;
/** So near that it is no accident: one in 256. */
const NEAR_OCTETS = 1 << 24;
const IP_ID_DISTANCE_MAX = 64;
const ISN_COUNT_MAX = 8;

class Side {
  isns: Seq[] = [];
  tsVal: Seq | null = null;
  ipId = UNKNOWN;
  checksumsBad = 0;
  checksumsGood = 0;
  /** The highest number seen, relative to tcpdump's base. */
  relativeNext = 1;
}

export class NamelessConnection {
  private client = new Side();
  private server = new Side();
  private base: Seq | null = null;
  private clientAcked = false;
  private count = 0;

  /** Names that differ from one connection to the next, or undefined when nothing decides. */
  name(packet: RawPacket): readonly [src: string, dst: string] | undefined {
    const fromClient = this.isFromClient(packet);
    if (fromClient === undefined) return undefined;
    this.learn(packet, fromClient);
    const suffix = this.count > 1 ? ` ${this.count}` : '';
    const client = `${NAMELESS_CLIENT}${suffix}`;
    const server = `${NAMELESS_SERVER}${suffix}`;
    return fromClient ? [client, server] : [server, client];
  }

  private isFromClient(packet: RawPacket): boolean | undefined {
    if (hasFlags(packet, SYN | ACK)) return false;
    if (hasFlags(packet, SYN)) return true;
    const score = this.score(packet, this.client, this.server);
    const other = this.score(packet, this.server, this.client);
    if (score !== other) return score > other;
    // The third packet of a handshake says nothing else about itself.
    return this.base !== null && !this.clientAcked ? true : undefined;
  }

  /** How much speaks for `from` as the sender. */
  private score(packet: RawPacket, from: Side, to: Side): number {
    let score = 0;
    const { tsVal, tsEcr } = packet.options;
    if (tsVal !== null && from.tsVal !== null && to.tsVal !== null) {
      const own = Math.abs(seqDiff(tsVal, from.tsVal));
      if (own < Math.abs(seqDiff(tsVal, to.tsVal))) score += 4;
    }
    if (tsEcr !== null && tsEcr === to.tsVal && tsEcr !== from.tsVal) score += 4;
    if (isNear(packet.ipId, from.ipId) && !isNear(packet.ipId, to.ipId)) score += 1;
    if (packet.checksum === 'bad' && from.checksumsBad > 0 && to.checksumsBad === 0) score += 2;
    if (packet.checksum === 'good' && to.checksumsBad > 0 && from.checksumsBad === 0) score += 2;
    if ((packet.flags & ACK) === 0) {
      const seq = packet.seq | 0;
      if (packet.seq !== UNKNOWN && distance(seq, from.isns) < distance(seq, to.isns)) score += 4;
      return score;
    }
    if (packet.seq === from.relativeNext) score += 2;
    if (packet.seq !== UNKNOWN && this.continues(packet.seq, from)) score += 2;
    if (packet.ack !== UNKNOWN && this.acknowledges(packet.ack, from, to)) score += 2;
    return score;
  }

  /** `seq`, relative to tcpdump's base, lies just behind a number that side began with. */
  private continues(seq: number, from: Side): boolean {
    const base = from === this.client ? from.isns[0] : this.base;
    if (base === undefined || base === null) return false;
    return distance(seqAdd(base, seq), from.isns) < NEAR_OCTETS;
  }

  /** `ack` is relative: what the other side sent so far, or the start of one of its spaces. */
  private acknowledges(ack: number, from: Side, to: Side): boolean {
    if (ack <= to.relativeNext) return true;
    if (from !== this.client || this.base === null) return false;
    const absolute = seqAdd(this.base, ack);
    return to.isns.some((isn) => seqDiff(absolute, isn) === 1);
  }

  private learn(packet: RawPacket, fromClient: boolean): void {
    if (hasFlags(packet, SYN)) this.learnSyn(packet, fromClient);
    else if (fromClient && hasFlags(packet, ACK)) this.clientAcked = true;
    const side = fromClient ? this.client : this.server;
    if (packet.options.tsVal !== null) side.tsVal = packet.options.tsVal;
    if (packet.ipId > 0) side.ipId = packet.ipId;
    if (packet.checksum === 'bad') side.checksumsBad += 1;
    if (packet.checksum === 'good') side.checksumsGood += 1;
    const relative = hasFlags(packet, ACK) && !hasFlags(packet, SYN);
    if (relative && packet.seqEnd > side.relativeNext) side.relativeNext = packet.seqEnd;
  }

  private learnSyn(packet: RawPacket, fromClient: boolean): void {
    const isn = packet.seq | 0;
    if (fromClient && !this.client.isns.includes(isn)) {
      this.client = new Side();
      this.server = new Side();
      this.base = null;
      this.clientAcked = false;
      this.count += 1;
    }
    const side = fromClient ? this.client : this.server;
    if (!side.isns.includes(isn) && side.isns.length < ISN_COUNT_MAX) side.isns.push(isn);
    if (!fromClient) this.base = isn;
  }
}

function isNear(ipId: number, other: number): boolean {
  if (ipId <= 0 || other <= 0) return false;
  return Math.abs(ipId - other) <= IP_ID_DISTANCE_MAX;
}

function distance(seq: Seq, isns: readonly Seq[]): number {
  let best = Number.POSITIVE_INFINITY;
  for (const isn of isns) {
    const octets = seqDiff(seq, isn);
    if (octets >= 0 && octets < SPACE_OCTETS) best = Math.min(best, octets);
  }
  return best;
}
