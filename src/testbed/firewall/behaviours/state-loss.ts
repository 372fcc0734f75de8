/**
 * At `fromMs` the box forgets its connections of that age, and what comes of them then, until a new
 * SYN, is dropped or answered by a reset.
 *
 * Models: a failover to a unit that has not the state ("Deny TCP (no connection)", ASA message
 * 106015), a `clear conn`, a reboot.
 * Source: http://packetsneverlie.blogspot.com/2012/02/what-is-reason-for-log-asa-6-106015.html
 */
import * as v from 'valibot';
import { Box, type Place } from '../box.ts';
import type { Packet } from '../packet.ts';
import { SCHEDULE, ttl } from '../schedule.ts';
import type { Session } from '../session.ts';

export const stateLossSchema = v.strictObject({
  kind: v.literal('state-loss'),
  ...SCHEDULE,
  answer: v.optional(v.picklist(['nothing', 'reset']), 'nothing'),
  ttl,
});

type Options = v.InferOutput<typeof stateLossSchema>;

interface Memory {
  isLost: boolean;
}

export class StateLoss extends Box<Memory> {
  private readonly options: Options;

  constructor(options: Options, place: Place) {
    super(options, place);
    this.options = options;
  }

  protected open(): Memory {
    return { isLost: false };
  }

  protected override begin({ own }: Session<Memory>): void {
    own.isLost = true;
  }

  protected act(packet: Packet, session: Session<Memory>): void {
    if (!session.own.isLost) this.pass(packet);
    else if (this.options.answer === 'reset') this.refuse(packet, session, this.options.ttl);
  }
}
