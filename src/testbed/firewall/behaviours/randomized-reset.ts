/**
 * Genuine resets get a number of their own: those that refuse a SYN, or all. The victim of one that
 * is not exact does not believe it (RFC 5961 §3.2).
 *
 * Models: Cisco bug CSCeg04006, PIX 6.x: "The sequence number in the outbound reset packet gets
 * randomized"; stateful boxes behind it drop such a reset, and the client goes on sending SYNs.
 * Source: https://community.cisco.com/t5/security-knowledge-base/ta-p/3108605
 */
import * as v from 'valibot';
import { RST } from '../../../engine/wire/segment.ts';
import { type Place, PlainBox } from '../box.ts';
import type { Packet } from '../packet.ts';
import { isOf, SCHEDULE, whose } from '../schedule.ts';
import { farNumber, type Session } from '../session.ts';

export const randomizedResetSchema = v.strictObject({
  kind: v.literal('randomized-reset'),
  ...SCHEDULE,
  whose: v.optional(whose, 'server'),
  /** `refusal`: only those that answer a SYN. */
  which: v.optional(v.picklist(['refusal', 'any']), 'any'),
});

type Options = v.InferOutput<typeof randomizedResetSchema>;

export class RandomizedReset extends PlainBox {
  private readonly options: Options;

  constructor(options: Options, place: Place) {
    super(options, place);
    this.options = options;
  }

  protected act(packet: Packet, session: Session<null>): void {
    const isRefusal = !packet.fromClient && session.server.isn === undefined;
    const isMeant = this.options.which === 'any' || isRefusal;
    if (packet.has(RST) && isMeant && isOf(this.options.whose, packet.fromClient)) {
      packet.setSeq(packet.seg.segSeq + farNumber(session.random));
    }
    this.pass(packet);
  }
}
