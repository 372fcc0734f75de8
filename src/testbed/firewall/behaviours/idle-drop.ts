/**
 * A connection that has said nothing for so long is forgotten: what comes then is dropped, or
 * answered by a reset to its sender, or to both ends at the moment of forgetting.
 *
 * Models: idle timeouts below the 2 h 4 min of RFC 5382 REQ-5: ASA's default is one hour, silent;
 * AWS NLB's 350 s, answered by a reset; ASA's `set connection timeout idle ... reset` tells both.
 * Source: https://www.rfc-editor.org/rfc/rfc5382 §5,
 * https://docs.aws.amazon.com/elasticloadbalancing/latest/network/network-load-balancers.html
 */
import * as v from 'valibot';
import { RST } from '../../../engine/wire/segment.ts';
import { Box, type Place } from '../box.ts';
import type { Packet } from '../packet.ts';
import { ms, SCHEDULE, ttl } from '../schedule.ts';
import type { Session } from '../session.ts';

export const idleDropSchema = v.strictObject({
  kind: v.literal('idle-drop'),
  ...SCHEDULE,
  afterMs: ms,
  /** `reset`: to the sender of what comes later. `reset-both`: to both ends when it forgets. */
  answer: v.optional(v.picklist(['nothing', 'reset', 'reset-both']), 'nothing'),
  ttl,
});

type Options = v.InferOutput<typeof idleDropSchema>;

interface Memory {
  isForgotten: boolean;
}

export class IdleDrop extends Box<Memory> {
  private readonly options: Options;

  constructor(options: Options, place: Place) {
    super(options, place);
    this.options = options;
  }

  protected open(): Memory {
    return { isForgotten: false };
  }

  protected override begin(session: Session<Memory>): void {
    this.look(session);
  }

  /** Forgets it now, or looks again when it may be time. */
  private look(session: Session<Memory>): void {
    const silentMs = this.nowMs() - session.lastMs;
    if (silentMs < this.options.afterMs) {
      this.later(session, this.options.afterMs - silentMs, () => this.look(session));
      return;
    }
    session.own.isForgotten = true;
    if (this.options.answer !== 'reset-both') return;
    for (const ofClient of [true, false]) {
      const { rcvNxt } = session.side(ofClient);
      if (rcvNxt === undefined) continue;
      const { ttl: hops } = this.options;
      this.say(session, { toClient: ofClient, flags: RST, seq: rcvNxt, ttl: hops });
    }
  }

  protected act(packet: Packet, session: Session<Memory>): void {
    if (!session.own.isForgotten) this.pass(packet);
    else if (this.options.answer === 'reset') this.refuse(packet, session, this.options.ttl);
  }
}
