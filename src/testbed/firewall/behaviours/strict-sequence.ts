/**
 * Drops what conntrack would call INVALID: segments outside the windows that it has followed (the
 * four bounds of Van Rooij, with the highest SACK edge in place of the ACK), and those of
 * connections whose SYN it has not seen.
 *
 * Models: `-m conntrack --ctstate INVALID -j DROP` on a router with `nf_conntrack_tcp_be_liberal=0`
 * and `tcp_loose=0`; pf's state matching.
 * Source: net/netfilter/nf_conntrack_proto_tcp.c `tcp_in_window`; Van Rooij, "Real Stateful TCP
 * Packet Filtering in IP Filter", 2001; https://github.com/moby/libnetwork/issues/1090
 */
import * as v from 'valibot';
import { RST } from '../../../engine/wire/segment.ts';
import { Box, type Place } from '../box.ts';
import type { Packet } from '../packet.ts';
import { SCHEDULE } from '../schedule.ts';
import type { Session } from '../session.ts';
import { WindowTrack } from '../window-track.ts';

export const strictSequenceSchema = v.strictObject({
  kind: v.literal('strict-sequence'),
  ...SCHEDULE,
  /** Also resets that are not at the exact number (pf); conntrack lets those pass. */
  exactResets: v.optional(v.boolean(), false),
});

type Options = v.InferOutput<typeof strictSequenceSchema>;

interface Tracked {
  readonly track: WindowTrack;
  /** Of the packet that is being looked at. */
  isInvalid: boolean;
}

export class StrictSequence extends Box<Tracked> {
  private readonly options: Options;

  constructor(options: Options, place: Place) {
    super(options, place);
    this.options = options;
  }

  protected open(): Tracked {
    return { track: new WindowTrack(), isInvalid: false };
  }

  /** Also when it is not due: what is judged later has been followed from the SYN on. */
  protected override watch(packet: Packet, session: Session<Tracked>): void {
    session.own.isInvalid = this.isInexact(packet, session) || !session.own.track.accepts(packet);
  }

  /** A refusal carries SEQ = 0 (RFC 9293 §3.10.7.1), any other reset what the victim expects. */
  private isInexact(packet: Packet, session: Session<Tracked>): boolean {
    if (!this.options.exactResets || !packet.has(RST)) return false;
    const { rcvNxt = 0 } = session.side(!packet.fromClient);
    return packet.seg.segSeq !== rcvNxt;
  }

  protected act(packet: Packet, { own }: Session<Tracked>): void {
    if (!own.isInvalid) this.pass(packet);
  }

  /** No connection of its table: INVALID with tcp_loose=0. Errors pass. */
  protected override stray(packet: Packet): void {
    if (!packet.isTcp) this.pass(packet);
  }
}
