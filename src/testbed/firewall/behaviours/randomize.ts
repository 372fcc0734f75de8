/**
 * Sequence randomization: SEQ and ACK are renumbered, each end's numbers by an offset of the
 * connection; SACK blocks with them, or not. Two of these in a row are two boxes in series.
 *
 * Models: Cisco PIX, FWSM and ASA, whose manual says that it "effectively breaks TCP SACK"; OpenBSD
 * pf's `modulate state` is the same with the blocks translated.
 * Source: https://docs.manage.security.cisco.com/cdfmc/t_disable_tcp_sequence_randomization.html
 */
import * as v from 'valibot';
import type { Place } from '../box.ts';
import type { Packet } from '../packet.ts';
import { isOf, SCHEDULE, whose } from '../schedule.ts';
import { farNumber, type Session } from '../session.ts';
import { TranslatingBox } from '../translating-box.ts';
import { type Offsets, renumber } from '../translation.ts';

export const randomizeSchema = v.strictObject({
  kind: v.literal('randomize'),
  ...SCHEDULE,
  /** Whose numbers are changed. */
  whose: v.optional(whose, 'both'),
  /** Whose SACK blocks stay as they were sent, though the numbers in them are renumbered. */
  sackBlind: v.optional(v.picklist(['neither', 'client', 'server', 'both']), 'neither'),
});

type Options = v.InferOutput<typeof randomizeSchema>;

export class Randomize extends TranslatingBox<Offsets> {
  private readonly options: Options;

  constructor(options: Options, place: Place) {
    super(options, place);
    this.options = options;
  }

  protected open({ random }: Session): Offsets {
    const client = isOf(this.options.whose, true) ? farNumber(random) : 0;
    const server = isOf(this.options.whose, false) ? farNumber(random) : 0;
    return { client, server };
  }

  protected offsetsOf({ own }: Session<Offsets>): Offsets {
    return own;
  }

  protected act(packet: Packet, session: Session<Offsets>): void {
    const { sackBlind } = this.options;
    const blind = sackBlind !== 'neither' && isOf(sackBlind, packet.fromClient);
    renumber(packet, session.own, blind);
    this.pass(packet);
  }
}
