/**
 * The trace that this project began with: some time after the SYN-ACK that the client acknowledged,
 * a second SYN-ACK with another number (B), a reset with the exact number (R) and the server's
 * first data (D) arrive back to back. B is sent again after 1, 3, 7, 15 and 31 s.
 *
 * Models: FWSM and ASA in series, of which one translates the same SYN twice.
 * Source: https://linux22.com/archives/117607
 */
import * as v from 'valibot';
import { RST } from '../../../engine/wire/segment.ts';
import { Box, type Place } from '../box.ts';
import type { Packet } from '../packet.ts';
import { ms, SCHEDULE, ttl } from '../schedule.ts';
import type { Session } from '../session.ts';

export const firstConnectionResetSchema = v.strictObject({
  kind: v.literal('first-connection-reset'),
  ...SCHEDULE,
  /** From the first SYN-ACK to the burst. */
  delayMs: v.optional(ms, 18),
  order: v.optional(v.picklist(['BRD', 'BDR', 'RBD', 'RDB', 'DBR', 'DRB']), 'BRD'),
  ttl,
});

type Options = v.InferOutput<typeof firstConnectionResetSchema>;

/** The server's data belongs to the burst, which waits for it so long. */
const DATA_MS = 500;

interface Conflict {
  /** When the first one came. */
  synAckAtMs: number | undefined;
  isOver: boolean;
  /** The server's packets until the burst. */
  readonly held: Packet[];
}

export class FirstConnectionReset extends Box<Conflict> {
  private readonly options: Options;

  constructor(options: Options, place: Place) {
    super(options, place);
    this.options = options;
  }

  protected open(): Conflict {
    return { synAckAtMs: undefined, isOver: false, held: [] };
  }

  protected act(packet: Packet, session: Session<Conflict>): void {
    const { own } = session;
    if (packet.isSynAck() && own.synAckAtMs === undefined) {
      const synAck = packet.copy();
      own.synAckAtMs = this.nowMs();
      this.at(this.options.delayMs, () => this.burst(synAck, session));
    }
    const waits = own.synAckAtMs !== undefined && !own.isOver;
    if (packet.fromClient || packet.isSynAck() || !waits) this.pass(packet);
    else own.held.push(packet);
  }

  private burst(synAck: Packet, session: Session<Conflict>): void {
    const { own } = session;
    const lateMs = this.nowMs() - (own.synAckAtMs ?? 0) - this.options.delayMs;
    if (lateMs < DATA_MS && !own.held.some((packet) => packet.seg.payloadBytes > 0)) {
      this.at(1, () => this.burst(synAck, session));
      return;
    }
    own.isOver = true;
    const second = this.rivalOf(synAck, session, this.options.ttl);
    for (const letter of this.options.order) {
      if (letter === 'B') this.pass(second.copy());
      else if (letter === 'R') this.reset(session);
      else for (const packet of own.held.splice(0)) this.pass(packet);
    }
    this.repeat(second, session);
  }

  private reset(session: Session<Conflict>): void {
    const seq = ((session.server.isn ?? 0) + 1) | 0;
    this.say(session, { toClient: true, flags: RST, seq, ttl: this.options.ttl });
  }
}
