/**
 * One box of the chain: one behaviour, with a table of connections of its own. What it does not
 * care about passes. Boxes know nothing of each other: each has its place, through which packets
 * leave it. Times: ms.
 */
import { mix, Random } from '../../datapath/sim/random.ts';
import { get32 } from '../../engine/wire/bytes.ts';
import { ACK, RST } from '../../engine/wire/segment.ts';
import { REPEATS_MS } from './fault.ts';
import { type Forgery, forgeSegment, renumbered } from './forge.ts';
import { Packet } from './packet.ts';
import type { Schedule } from './schedule.ts';
import { farNumber, Session } from './session.ts';

/** Where a box stands: its clock, its luck, and the way on. */
export interface Place {
  readonly nowMs: () => number;
  readonly at: (delayMs: number, run: () => void) => void;
  /** The packet goes on to the next box in its direction. */
  readonly emit: (packet: Packet) => void;
  /** Of this place in the chain. */
  readonly seed: number;
}

/** What the chain knows of a box. */
export interface PacketTaker {
  take(packet: Packet): void;
}

export abstract class Box<Own = null> implements PacketTaker {
  protected readonly sessions = new Map<string, Session<Own>>();
  private readonly schedule: Schedule;
  private readonly place: Place;
  private sessionCount = 0;

  constructor(schedule: Schedule, place: Place) {
    this.schedule = schedule;
    this.place = place;
  }

  /** A packet comes; of connections whose SYN was not seen this box knows nothing. */
  take(packet: Packet): void {
    const session = packet.isTcp ? this.sessionOf(packet) : undefined;
    if (session === undefined) {
      this.stray(packet);
      return;
    }
    this.watch(packet, session);
    session.follow(packet);
    session.lastMs = this.nowMs();
    if (this.isActive(session)) this.act(packet, session);
    else this.pass(packet);
  }

  /** What it does to a packet; calls `pass`, or the packet is lost. */
  protected abstract act(packet: Packet, session: Session<Own>): void;

  /** Every packet of a known connection, before `act` and also when it is not due. */
  protected watch(_packet: Packet, _session: Session<Own>): void {}

  protected stray(packet: Packet): void {
    this.pass(packet);
  }

  /** What the box is to know of a new connection, besides. */
  protected abstract open(session: Session): Own;

  /** The schedule has come to the point. */
  protected begin(_session: Session<Own>): void {}

  /** In the name of an end; it goes on from here. */
  protected say({ syn }: Session<Own>, forgery: Forgery): void {
    this.pass(new Packet(forgeSegment(syn, forgery), !forgery.toClient));
  }

  /** Answers a segment of a connection that this box does not want to know. */
  protected refuse({ fromClient, seg }: Packet, session: Session<Own>, ttl: number): void {
    if ((seg.flags & (ACK | RST)) !== ACK) return;
    this.say(session, { toClient: fromClient, flags: RST, seq: seg.segAck, ttl });
  }

  /** The same answer from somebody else, who has chosen another number. */
  protected rivalOf(synAck: Packet, { random }: Session<Own>, ttl: number): Packet {
    const isn = (synAck.seg.segSeq + farNumber(random)) | 0;
    return new Packet(renumbered(synAck.bytes, isn, ttl), false);
  }

  /** A SYN-ACK that nobody has acknowledged is sent again and again. */
  protected repeat(synAck: Packet, session: Session<Own>, afterMs = 0): void {
    for (const repeatMs of REPEATS_MS) {
      this.later(session, afterMs + repeatMs, () => this.pass(synAck.copy()));
    }
  }

  protected pass(packet: Packet): void {
    this.place.emit(packet);
  }

  protected nowMs(): number {
    return this.place.nowMs();
  }

  protected at(delayMs: number, run: () => void): void {
    this.place.at(delayMs, run);
  }

  /** Like `at`, unless other ends have taken over the ports, or the schedule is over. */
  protected later(session: Session<Own>, delayMs: number, run: () => void): void {
    this.at(delayMs, () => {
      const isCurrent = this.sessions.get(keyOf(session.syn)) === session;
      if (isCurrent && this.isActive(session)) run();
    });
  }

  protected isActive(session: Session<Own>): boolean {
    const { fromMs, untilMs } = this.schedule;
    const ageMs = ageOf(session, this.nowMs());
    return session.isHit && ageMs >= fromMs && (untilMs === 0 || ageMs < untilMs);
  }

  protected sessionOf(packet: Packet): Session<Own> | undefined {
    const key = keyOf(packet.bytes, packet.fromClient, packet.seg.tcpOff);
    const known = this.sessions.get(key);
    if (!packet.fromClient || !packet.isSyn() || packet.has(RST)) return known;
    if (known?.iss === packet.seg.segSeq) return known; // a retransmission
    const session = this.newSession(packet);
    this.sessions.set(key, session);
    if (session.isHit) this.later(session, this.schedule.fromMs, () => this.begin(session));
    return session;
  }

  private newSession(syn: Packet): Session<Own> {
    const { probability, connection } = this.schedule;
    this.sessionCount++;
    const random = new Random(mix(this.place.seed, this.sessionCount));
    const chosen = connection === 0 || connection === this.sessionCount;
    const luck = { isHit: random.chance(probability) && chosen, random };
    return new Session(this.sessionCount, syn, this.nowMs(), luck, (session) => this.open(session));
  }
}

/** A box that need not know more. */
export abstract class PlainBox extends Box {
  protected open(): null {
    return null;
  }
}

/** Whole µs, so that what was to happen at an age happens at it. */
function ageOf(session: Session, nowMs: number): number {
  return Math.round((nowMs - session.startedMs) * 1000) / 1000;
}

/** Of a packet without extension headers. */
export function tcpOffOf(bytes: Uint8Array): number {
  return (bytes[0] ?? 0) >> 4 === 6 ? 40 : ((bytes[0] ?? 0) & 15) << 2;
}

/** The four-tuple, the client's end first; of a packet of the client by default. */
export function keyOf(bytes: Uint8Array, fromClient = true, tcpOff = tcpOffOf(bytes)): string {
  const v6 = (bytes[0] ?? 0) >> 4 === 6;
  const from = v6 ? 8 : 12;
  const words = v6 ? 4 : 1;
  const ends = [addressed(bytes, from, words), addressed(bytes, from + 4 * words, words)];
  const ports = get32(bytes, tcpOff);
  const [source = '', destination = ''] = [
    `${ends[0]} ${ports >>> 16}`,
    `${ends[1]} ${ports & 0xffff}`,
  ];
  return fromClient ? `${source} ${destination}` : `${destination} ${source}`;
}

function addressed(bytes: Uint8Array, off: number, words: number): string {
  let text = '';
  for (let k = 0; k < words; k++) text += `${(get32(bytes, off + 4 * k) >>> 0).toString(16)}.`;
  return text;
}
