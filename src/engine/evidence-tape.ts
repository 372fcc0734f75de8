/**
 * What the evidence recorder is told: the layout of a slot of the evidence ring, and which flows
 * are being followed.
 *
 * Owns the trails (packets of each flow that are still to be told, a column of its own beside the
 * flow rows, not part of the mapped memory) and what is known so far of the packet in hand. A full
 * ring loses a packet's evidence, counted, and never the packet. Lengths in bytes, times engine ms.
 */
import { KEEPALIVE_SENT, MSS_CLAMPED, OPTIONS_ALIGNED, SACK_STRIPPED } from './codes.ts';
import { EVIDENCE_SLOT_BYTES, EVIDENCE_SLOT_COUNT } from './limits.ts';
import { Ring } from './ring.ts';

/** Word offsets in a slot. EVD_ORIGINAL | EVD_DELIVERED. */
export const EVD_KIND = 0;
/** VERDICT_* */
export const EVD_VERDICT = 1;
export const EVD_NOW_MS = 2;
/** 1: to the far end. */
export const EVD_TO_FAR = 3;
/** Row of the flow, and its generation. */
export const EVD_FLOW = 4;
export const EVD_GENERATION = 5;
/** Length of the packet, and how much of it is in the slot. */
export const EVD_WIRE_BYTES = 6;
export const EVD_BYTES = 7;
/** The events from one number (`Ring.committedCount`) to below the other are about this packet. */
export const EVD_EVENTS_FROM = 8;
export const EVD_EVENTS_TO = 9;
/** Actions on this packet, and those that observe mode kept from it: bit code - ACTION_FIRST. */
export const EVD_DONE = 10;
export const EVD_WOULD = 11;
/** Word offset, in the slot, of the packet's bytes. */
export const EVD_PACKET = 12;

/** The packet as it arrived; the next slot may hold what was delivered in its place. */
export const EVD_ORIGINAL = 1;
export const EVD_DELIVERED = 2;

/** The first packets of a flow that begins here are told: so much of what follows rests on them. */
const OPENING_PACKETS = 4;
/** And so many behind a finding or an action. */
const TRAIL_PACKETS = 64;
/** Headers, and what payload may be asked for behind them. */
export const EVIDENCE_PACKET_BYTES = EVIDENCE_SLOT_BYTES - EVD_PACKET * 4;

/** Something was found or done: what is only asked for, or done again and again, is told beside. */
export function beginsEvidence(code: number): boolean {
  return (
    code !== MSS_CLAMPED &&
    code !== SACK_STRIPPED &&
    code !== OPTIONS_ALIGNED &&
    code !== KEEPALIVE_SENT
  );
}

export class EvidenceTape {
  readonly ring: Ring;
  private readonly trails: Uint8Array;
  /** The packet in hand: its slot, 0: it was not copied; its flow. */
  at = 0;
  flow = 0;
  /** The flow that an event of this step was about, plus one, 0: none; and the event's number. */
  told = 0;
  firstEvent = 0;
  done = 0;
  would = 0;

  constructor(buffer: ArrayBufferLike, flowCountMax: number) {
    this.ring = new Ring(buffer, EVIDENCE_SLOT_COUNT, EVIDENCE_SLOT_BYTES);
    this.trails = new Uint8Array(flowCountMax);
  }

  /** Another packet is in hand. */
  clear(): void {
    this.at = 0;
    this.flow = -1;
    this.told = 0;
    this.done = 0;
    this.would = 0;
  }

  hasTrail(flow: number): boolean {
    return this.trails[flow] !== 0;
  }

  /** Another connection has the row. */
  begin(flow: number): void {
    this.trails[flow] = OPENING_PACKETS;
  }

  /** It is older than we are: its first packets are gone. */
  beginLate(flow: number): void {
    this.trails[flow] = 0;
  }

  extend(flow: number): void {
    this.trails[flow] = TRAIL_PACKETS;
  }

  /** One packet less. */
  follow(flow: number): void {
    const left = this.trails[flow]!;
    if (left > 0) this.trails[flow] = left - 1;
  }
}
