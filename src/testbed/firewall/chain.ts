/**
 * The chain of boxes: packets of the client pass them in order, those of the server in the opposite
 * one, and leave at the other end with their checksums filled in. What a box makes up goes on from
 * its place. No IO and no clock: whoever drives it says what time it is, so that the same packets
 * at the same times give the same packets, to the octet, for the same seed.
 *
 * Owns the boxes and what is due when. Times: ms.
 */
import { EventQueue } from '../../datapath/sim/event-queue.ts';
import { mix } from '../../datapath/sim/random.ts';
import type { Composition } from './behaviour.ts';
import { AsymmetricPath } from './behaviours/asymmetric-path.ts';
import { Link } from './behaviours/link.ts';
import type { PacketTaker, Place } from './box.ts';
import { openBox } from './open-box.ts';
import type { Packet } from './packet.ts';
import { ALWAYS } from './schedule.ts';

const US_PER_MS = 1000;

export class Chain {
  private readonly boxes: PacketTaker[];
  private readonly events = new EventQueue();
  private nowMs = 0;
  private readonly send: (packet: Packet) => void;

  /** `send` gets what leaves, ready for the wire. */
  constructor(composition: Composition, send: (packet: Packet) => void) {
    const { behaviours, path, seed } = composition;
    this.send = send;
    this.boxes = behaviours.map((one, position) => openBox(one, this.placeOf(position, seed)));
    if (path === undefined) return;
    this.boxes.push(new Link(path, ALWAYS, this.placeOf(behaviours.length, seed)));
  }

  enter(packet: Packet, nowMs: number): void {
    this.advance(nowMs);
    this.goOn(packet, packet.fromClient ? -1 : this.boxes.length);
  }

  /**
   * Does what has become due. What comes after it is counted from now, not from when it was due:
   * where the process was late, an end gets the time that it was to have all the same.
   */
  advance(nowMs: number): void {
    const nowUs = Math.floor(nowMs * US_PER_MS);
    this.nowMs = nowUs / US_PER_MS;
    this.events.runUntil(nowUs);
  }

  private placeOf(position: number, seed: number): Place {
    return {
      nowMs: () => this.nowMs,
      at: (delayMs, run) => {
        this.events.at(Math.round((this.nowMs + delayMs) * US_PER_MS), run);
      },
      emit: (packet) => this.goOn(packet, position),
      seed: mix(seed, position),
    };
  }

  private goOn(packet: Packet, position: number): void {
    const step = packet.fromClient ? 1 : -1;
    let next = position + step;
    while (this.isHidden(packet, next)) next += step;
    const box = this.boxes[next];
    if (box !== undefined) {
      box.take(packet);
      return;
    }
    packet.finish();
    this.send(packet);
  }

  /** Does the packet go another way than past this box? */
  private isHidden(packet: Packet, position: number): boolean {
    if (this.boxes[position] === undefined) return false;
    return this.boxes
      .slice(0, position)
      .some((box) => box instanceof AsymmetricPath && box.hides(packet));
  }
}
