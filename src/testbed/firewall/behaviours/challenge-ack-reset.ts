/**
 * A second SYN-ACK with another number comes; the duplicate ACK with which the client answers it
 * (RFC 5961 §4.2) is answered by a reset with its number, which is exact.
 *
 * Models: two translations of one SYN, of which the second end point is in SYN-RECEIVED for other
 * numbers (RFC 9293 §3.10.7.4).
 * Source: https://github.com/zeek/zeek/issues/3313 (SYN-ACKs sent again with another number)
 */
import * as v from 'valibot';
import { ACK, RST } from '../../../engine/wire/segment.ts';
import { Box, type Place } from '../box.ts';
import type { Packet } from '../packet.ts';
import { ms, SCHEDULE, ttl } from '../schedule.ts';
import type { Session } from '../session.ts';

export const challengeAckResetSchema = v.strictObject({
  kind: v.literal('challenge-ack-reset'),
  ...SCHEDULE,
  /** From the first SYN-ACK to the second. */
  delayMs: v.optional(ms, 18),
  ttl,
});

type Options = v.InferOutput<typeof challengeAckResetSchema>;

/** So long the server's packets wait at most for the client's challenge ACK. */
const HOLD_MS = 100;

interface Conflict {
  isAnswered: boolean;
  isHolding: boolean;
  isOver: boolean;
  readonly held: Packet[];
}

export class ChallengeAckReset extends Box<Conflict> {
  private readonly options: Options;

  constructor(options: Options, place: Place) {
    super(options, place);
    this.options = options;
  }

  protected open(): Conflict {
    return { isAnswered: false, isHolding: false, isOver: false, held: [] };
  }

  protected act(packet: Packet, session: Session<Conflict>): void {
    const { own } = session;
    if (packet.isSynAck() && !own.isAnswered) {
      own.isAnswered = true;
      const synAck = packet.copy();
      this.at(this.options.delayMs, () => this.conflict(synAck, session));
    }
    if (packet.fromClient) {
      this.pass(packet);
      if (own.isHolding && packet.isBareAck()) this.answer(packet, session);
    } else if (own.isHolding && !packet.isSynAck()) {
      own.held.push(packet);
    } else {
      this.pass(packet);
    }
  }

  private conflict(synAck: Packet, session: Session<Conflict>): void {
    const second = this.rivalOf(synAck, session, this.options.ttl);
    session.own.isHolding = true;
    this.pass(second.copy());
    this.at(HOLD_MS, () => this.release(session));
    this.repeat(second, session);
  }

  private answer({ seg }: Packet, session: Session<Conflict>): void {
    if (session.own.isOver || (seg.flags & ACK) === 0) return;
    session.own.isOver = true;
    this.say(session, { toClient: true, flags: RST, seq: seg.segAck, ttl: this.options.ttl });
    this.release(session);
  }

  private release({ own }: Session<Conflict>): void {
    own.isHolding = false;
    for (const packet of own.held.splice(0)) this.pass(packet);
  }
}
