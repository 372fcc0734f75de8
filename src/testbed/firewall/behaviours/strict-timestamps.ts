/**
 * Once timestamps are negotiated, segments without them are dropped (RST excepted).
 *
 * Models: end points that follow RFC 7323 §3.2 to the letter, as FreeBSD does, and pf.
 * Source: https://www.rfc-editor.org/rfc/rfc7323 §3.2
 */
import * as v from 'valibot';
import { RST } from '../../../engine/wire/segment.ts';
import { Box, type Place } from '../box.ts';
import type { Packet } from '../packet.ts';
import { isOf, SCHEDULE, whose } from '../schedule.ts';
import type { Session } from '../session.ts';

export const strictTimestampsSchema = v.strictObject({
  kind: v.literal('strict-timestamps'),
  ...SCHEDULE,
  whose: v.optional(whose, 'client'),
});

type Options = v.InferOutput<typeof strictTimestampsSchema>;

interface Agreement {
  isMade: boolean;
}

export class StrictTimestamps extends Box<Agreement> {
  private readonly options: Options;

  constructor(options: Options, place: Place) {
    super(options, place);
    this.options = options;
  }

  protected open(): Agreement {
    return { isMade: false };
  }

  protected override watch(packet: Packet, { own }: Session<Agreement>): void {
    if (packet.isSynAck()) own.isMade = packet.seg.tsOff !== 0;
  }

  protected act(packet: Packet, { own }: Session<Agreement>): void {
    const lacks = own.isMade && packet.seg.tsOff === 0 && !packet.has(RST);
    if (lacks && isOf(this.options.whose, packet.fromClient)) return;
    this.pass(packet);
  }
}
