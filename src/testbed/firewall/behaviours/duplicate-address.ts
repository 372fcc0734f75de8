/**
 * A second host has the server's address: it answers the SYN with a SYN-ACK of its own, and each
 * ACK of the client, which is none of its connections, with a reset (RFC 9293 §3.10.7.2).
 *
 * Models: a duplicate IP address, or a load balancer whose backends share one.
 * Source: https://www.rfc-editor.org/rfc/rfc5227 (address conflicts)
 */
import * as v from 'valibot';
import { ACK, RST } from '../../../engine/wire/segment.ts';
import { Box, type Place } from '../box.ts';
import type { Packet } from '../packet.ts';
import { ms, octet, SCHEDULE } from '../schedule.ts';
import type { Session } from '../session.ts';

export const duplicateAddressSchema = v.strictObject({
  kind: v.literal('duplicate-address'),
  ...SCHEDULE,
  /** How much later than the server's its SYN-ACK comes. */
  delayMs: v.optional(ms, 18),
  /** 57: eight hops away. */
  ttl: v.optional(octet, 57),
});

type Options = v.InferOutput<typeof duplicateAddressSchema>;

interface Other {
  isAwake: boolean;
}

export class DuplicateAddress extends Box<Other> {
  private readonly options: Options;

  constructor(options: Options, place: Place) {
    super(options, place);
    this.options = options;
  }

  protected open(): Other {
    return { isAwake: false };
  }

  protected act(packet: Packet, session: Session<Other>): void {
    const { own } = session;
    if (packet.isSynAck() && !own.isAwake) this.wake(packet, session);
    this.pass(packet);
    const { segAck, flags } = packet.seg;
    if (!packet.fromClient || !own.isAwake || (flags & (ACK | RST)) !== ACK) return;
    this.say(session, { toClient: true, flags: RST, seq: segAck, ttl: this.options.ttl });
  }

  private wake(synAck: Packet, session: Session<Other>): void {
    session.own.isAwake = true;
    const other = this.rivalOf(synAck, session, this.options.ttl);
    this.later(session, this.options.delayMs, () => this.pass(other.copy()));
    this.repeat(other, session, this.options.delayMs);
  }
}
