/**
 * Empty ACKs that are not where the box expects them are dropped: SEQ other than the sender's next
 * octet (keep-alives and probes among them), or an ACK of what was not sent yet.
 *
 * Models: TCP normalizers that drop "invalid ACK" (ASA's `invalid-ack drop`, the default) and
 * IPSes that block keep-alives as out of window.
 * Source: ASA 5500 CLI guide, "Customizing the TCP normalizer with a TCP map"; RFC 5961 §5.2
 */
import * as v from 'valibot';
import { seqLt } from '../../../engine/wire/seq.ts';
import { Box, type Place } from '../box.ts';
import type { Packet } from '../packet.ts';
import { isOf, SCHEDULE, whose } from '../schedule.ts';
import type { Session } from '../session.ts';

export const outOfWindowAckDropSchema = v.strictObject({
  kind: v.literal('out-of-window-ack-drop'),
  ...SCHEDULE,
  whose: v.optional(whose, 'both'),
});

type Options = v.InferOutput<typeof outOfWindowAckDropSchema>;

interface Verdict {
  /** Of the packet that is being looked at. */
  isOut: boolean;
}

export class OutOfWindowAckDrop extends Box<Verdict> {
  private readonly options: Options;

  constructor(options: Options, place: Place) {
    super(options, place);
    this.options = options;
  }

  protected open(): Verdict {
    return { isOut: false };
  }

  /** Before the packet counts as progress itself. */
  protected override watch(packet: Packet, session: Session<Verdict>): void {
    const { sndNxt = packet.seg.segSeq } = session.side(packet.fromClient);
    const { sndNxt: theirs = packet.seg.segAck } = session.side(!packet.fromClient);
    const isOut = seqLt(packet.seg.segSeq, sndNxt) || seqLt(theirs, packet.seg.segAck);
    session.own.isOut = packet.isBareAck() && isOut;
  }

  protected act(packet: Packet, session: Session<Verdict>): void {
    if (session.own.isOut && isOf(this.options.whose, packet.fromClient)) return;
    this.pass(packet);
  }
}
