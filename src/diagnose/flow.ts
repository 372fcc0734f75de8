/**
 * One connection as the input shows it: who opened it, every initial number that was offered, what
 * each side sent, and the packets worth looking at again.
 *
 * Owns one flow's state; its size is bounded, however long the connection is. dir 0 is sent by the
 * client, dir 1 by the server. Times in microseconds, lengths in octets.
 */
import { ACK, FIN, RST, SYN } from '../engine/wire/segment.ts';
import { type Seq, seqAdd, seqDiff, seqLeq, seqLt } from '../engine/wire/seq.ts';
import { KeptPackets } from './kept-packets.ts';
import { copySeen, type PacketCopy } from './packet-copy.ts';
import { hasFlags, type PacketRecord, UNKNOWN } from './packet-record.ts';
import type { PacketRows } from './packet-rows.ts';
import { RECENT_COUNT, RecentPackets } from './recent-packets.ts';
import { Tracks } from './tracks.ts';

export const CLIENT = 0;
export const SERVER = 1;
export type Direction = typeof CLIENT | typeof SERVER;

/** Kept: the first ones, every SYN, FIN and RST, and RECENT_COUNT on either side of a RST. */
const FIRST_COUNT = 16;
const CONTROL_COUNT_MAX = 48;
const ISN_COUNT_MAX = 8;
const FRAME_COUNT_MAX = 32;
export const NO_RUN = -1;

/** A packet of a flow. `add` sets who sent it, in place. */
export interface Seen extends PacketRecord {
  dir: Direction;
}

/** One initial sequence number that a side offered in SYN or SYN-ACK. */
export interface Offer {
  readonly isn: Seq;
  readonly first: Seen;
  /** What it acknowledges: null in a SYN. */
  readonly segAck: Seq | null;
  /** At most FRAME_COUNT_MAX of them. */
  readonly frames: number[];
  readonly timesUs: number[];
  count: number;
}

export class Half {
  readonly offers: Offer[] = [];
  packets = 0;
  dataOctets = 0;
  dataPackets = 0;
  largestPayload = 0;
  largestFrame = 0;
  finSeen = false;
  /** First packet with data, or with anything but the SYN. */
  firstData: Seen | undefined;
  firstAck: Seen | undefined;
  /** Highest SEG.SEQ + SEG.LEN of what it sent in its newest numbers. */
  sndNxt: Seq | null = null;
  /** Shortest time in which it was seen to answer: what a packet needs to it and back. */
  shortestReplyUs = UNKNOWN;
  ttls: readonly number[] = [];
  macs: readonly string[] = [];
  /** Where `shortestReplyUs` is being measured: a packet to this side that waits for an answer. */
  waitingSinceUs = UNKNOWN;
  waitingFor: Seq | null = null;
}

export class Flow {
  readonly id: number;
  readonly client: string;
  readonly clientPort: string;
  readonly server: string;
  readonly serverPort: string;
  readonly halves: readonly [Half, Half] = [new Half(), new Half()];
  readonly packets: KeptPackets;
  readonly tracks = new Tracks();
  firstFrame = 0;
  lastFrame = 0;
  firstUs = UNKNOWN;
  lastUs = UNKNOWN;
  longestPauseUs = 0;
  /** Its ports belong to a newer connection. */
  isReplaced = false;
  /** Counted, and nothing else is left of it (ended-flows.ts). */
  isLetGo = false;
  private recentPackets: RecentPackets | undefined;
  /** Its row in SteadyRuns, which then has its newest numbers. */
  run = NO_RUN;
  /** Of the packet that is being added, made when the first place keeps it. */
  private copy: PacketCopy | undefined;
  private controlKept = 0;
  private keepNext = 0;

  constructor(id: number, packet: PacketRecord, clientSends: boolean, rows: PacketRows) {
    this.id = id;
    this.client = clientSends ? packet.src : packet.dst;
    this.clientPort = clientSends ? packet.srcPort : packet.dstPort;
    this.server = clientSends ? packet.dst : packet.src;
    this.serverPort = clientSends ? packet.dstPort : packet.srcPort;
    this.firstFrame = packet.frame;
    this.firstUs = packet.timeUs;
    this.packets = new KeptPackets(rows, this);
  }

  /** Made when the first ones are through. */
  get recent(): RecentPackets {
    this.recentPackets ??= new RecentPackets();
    return this.recentPackets;
  }

  /** Worth looking at again, in their order. */
  get kept(): readonly Seen[] {
    return this.packets.list();
  }

  /** Borrows the packet: what is kept of it is a copy. */
  add(seen: Seen): void {
    this.copy = undefined;
    const fromClient = seen.src === this.client && seen.srcPort === this.clientPort;
    seen.dir = fromClient ? CLIENT : SERVER;
    const half = this.halves[seen.dir];
    half.packets += 1;
    const octets = sequenceOctets(seen);
    if (seen.isTimeCoarse !== true) {
      this.measureReply(seen.dir, seen.timeUs, seen.flags, seen.segSeq, seen.segAck, octets);
    }
    if (hasFlags(seen, SYN)) noteOffer(this, half, seen);
    noteContent(this, half, seen);
    noteOrigin(half, seen);
    this.tracks.note(seen, seen.dir, octets);
    this.notePause(seen.timeUs);
    this.lastFrame = seen.frame;
    this.keep(seen);
  }

  /** Nothing is kept of its plain packets any more, unless a reset follows. */
  get isLong(): boolean {
    return this.packets.count >= FIRST_COUNT && this.keepNext === 0 && !this.isLetGo;
  }

  /** The same, and nothing about it is open. */
  get isQuiet(): boolean {
    return this.isLong && this.lastUs !== UNKNOWN && this.tracks.idle.isQuiet;
  }

  /** Of the next acknowledgement of this side, without new data or with, only counts move. */
  isSteady(dir: Direction): boolean {
    return this.halves[dir].firstAck !== undefined && this.tracks.isSteady(dir);
  }

  /** The time of its last packet, and its longest pause. */
  noteTime(lastUs: number, longestPauseUs: number): void {
    this.lastUs = lastUs;
    this.longestPauseUs = longestPauseUs;
    this.tracks.noteTime(lastUs);
  }

  /**
   * The kinds of answer that are certain to be one: SYN-ACK to a SYN that was sent once, ACK to a
   * SYN-ACK or to data that was sent once. A RST is none: what it answers is to be found out.
   */
  private measureReply(
    dir: Direction,
    timeUs: number,
    flags: number,
    segSeq: Seq | null,
    segAck: Seq | null,
    octets: number,
  ): void {
    if (timeUs === UNKNOWN) return;
    const half = this.halves[dir];
    const isReset = (flags & RST) !== 0;
    const answers = half.waitingFor !== null && segAck === half.waitingFor;
    if (answers && half.waitingSinceUs !== UNKNOWN && !isReset) {
      const took = timeUs - half.waitingSinceUs;
      const better = half.shortestReplyUs === UNKNOWN || took < half.shortestReplyUs;
      if (took > 0 && better) half.shortestReplyUs = took;
      half.waitingFor = null;
    }
    if (octets === 0 || segSeq === null || isReset) return;
    const peer = this.halves[dir === CLIENT ? SERVER : CLIENT];
    const end = seqAdd(segSeq, octets);
    // Sent twice: an answer could be one to either (Karn).
    const again = half.sndNxt !== null && (flags & SYN) === 0 && seqLeq(end, half.sndNxt);
    peer.waitingSinceUs = again || peer.waitingFor === end ? UNKNOWN : timeUs;
    peer.waitingFor = end;
  }

  private notePause(timeUs: number): void {
    if (timeUs === UNKNOWN) return;
    if (this.lastUs !== UNKNOWN) {
      this.longestPauseUs = Math.max(this.longestPauseUs, timeUs - this.lastUs);
    }
    this.lastUs = timeUs;
  }

  /** What came right before this packet is of no use behind it. */
  forgetsRecent(seen: PacketRecord): boolean {
    return this.isControl(seen) && !hasFlags(seen, RST);
  }

  private isControl(seen: PacketRecord): boolean {
    const isTold = (seen.flags & (SYN | FIN | RST)) !== 0 || (seen.comment ?? '') !== '';
    return isTold && this.controlKept < CONTROL_COUNT_MAX;
  }

  private keep(seen: Seen): void {
    const control = this.isControl(seen);
    if (this.isLong && !control) {
      this.recent.add(seen, this.copy);
      return;
    }
    if (control) this.controlKept += 1;
    if (control && hasFlags(seen, RST)) {
      for (const packet of this.recentPackets?.take() ?? []) this.packets.addRecord(packet);
      this.keepNext = RECENT_COUNT;
    } else if (this.keepNext > 0) this.keepNext -= 1;
    this.recentPackets?.clear();
    if (!this.packets.addRow(seen)) this.packets.addRecord(this.copyOf(seen));
  }

  copyOf(seen: Seen): PacketCopy {
    this.copy ??= copySeen(seen);
    return this.copy;
  }
}

/** Octets of sequence space: payload, plus one for SYN, plus one for FIN. */
export function sequenceOctets(seen: Seen): number {
  return seen.payloadOctets + (hasFlags(seen, SYN) ? 1 : 0) + (hasFlags(seen, FIN) ? 1 : 0);
}

function noteOffer(flow: Flow, half: Half, seen: Seen): void {
  if (seen.segSeq === null) return;
  const known = half.offers.find(
    (offer) => offer.isn === seen.segSeq && offer.segAck === seen.segAck,
  );
  if (known !== undefined) {
    known.count += 1;
    if (known.frames.length < FRAME_COUNT_MAX) {
      known.frames.push(seen.frame);
      known.timesUs.push(seen.timeUs);
    }
    return;
  }
  if (half.offers.length >= ISN_COUNT_MAX) return;
  half.offers.push({
    isn: seen.segSeq,
    first: flow.copyOf(seen),
    segAck: seen.segAck,
    frames: [seen.frame],
    timesUs: [seen.timeUs],
    count: 1,
  });
}

function noteContent(flow: Flow, half: Half, seen: Seen): void {
  if (hasFlags(seen, FIN)) half.finSeen = true;
  if (hasFlags(seen, ACK) && !hasFlags(seen, SYN) && !hasFlags(seen, RST)) {
    half.firstAck ??= flow.copyOf(seen);
  }
  if (seen.segSeq !== null && !hasFlags(seen, RST)) {
    const end = seqAdd(seen.segSeq, sequenceOctets(seen));
    if (hasFlags(seen, SYN)) half.sndNxt = end;
    else noteEnd(half, end);
  }
  if (seen.payloadOctets === 0 || hasFlags(seen, RST)) return;
  half.firstData ??= flow.copyOf(seen);
  noteOctets(half, seen.payloadOctets, seen.frame);
}

function noteEnd(half: Half, end: Seq): void {
  if (half.sndNxt === null || seqLt(half.sndNxt, end)) half.sndNxt = end;
}

function noteOctets(half: Half, octets: number, frame: number): void {
  half.dataOctets += octets;
  half.dataPackets += 1;
  if (octets > half.largestPayload) {
    half.largestPayload = octets;
    half.largestFrame = frame;
  }
}

function noteOrigin(half: Half, seen: Seen): void {
  if (hasFlags(seen, RST)) return;
  if (seen.ttl !== UNKNOWN && half.ttls.length < 4 && !half.ttls.includes(seen.ttl)) {
    half.ttls = [...half.ttls, seen.ttl];
  }
  if (seen.srcMac !== '' && half.macs.length < 4 && !half.macs.includes(seen.srcMac)) {
    half.macs = [...half.macs, seen.srcMac];
  }
}

/** a <= seq < a + 2^30: seq lies in the space that starts at a. */
export function inSpace(seq: Seq, start: Seq): boolean {
  return seqLeq(start, seq) && seqDiff(seq, start) < 1 << 30;
}
