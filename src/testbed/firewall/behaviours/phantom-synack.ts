/**
 * The firewall answers the SYN itself and lets it through all the same: the server's SYN-ACK, with
 * another number, comes second, and nothing translates between the two.
 *
 * Models: a TCP intercept that answers for the server and does not keep the server out of it.
 * Source: ASA configuration guide, "TCP Intercept"; https://github.com/zeek/zeek/issues/3313
 */
import * as v from 'valibot';
import { Box, type Place } from '../box.ts';
import { forgeSynAck } from '../forge.ts';
import { Packet } from '../packet.ts';
import { ms, numberIn, SCHEDULE, ttl } from '../schedule.ts';
import { farNumber, type Session } from '../session.ts';
import { renumber } from '../translation.ts';

export const phantomSynAckSchema = v.strictObject({
  kind: v.literal('phantom-synack'),
  ...SCHEDULE,
  /** Shift count that it offers; -1: none. */
  wndScale: v.optional(numberIn(-1, 14), 7),
  /** Timestamps of its own. */
  timestamps: v.optional(v.boolean(), false),
  /** Nothing of the client reaches the server before this has passed. */
  serverLateMs: v.optional(ms, 0),
  /** The server's number is so many octets ahead of the phantom's; 0: anywhere. */
  serverAhead: v.optional(v.pipe(v.number(), v.integer()), 0),
  ttl,
});

type Options = v.InferOutput<typeof phantomSynAckSchema>;

interface Phantom {
  readonly isn: number;
  /** Added to the server's numbers so that they are as far ahead as was asked for. */
  offset: number | undefined;
  /** Client packets on their slow way to the server; undefined when it is over. */
  late: Packet[] | undefined;
}

export class PhantomSynAck extends Box<Phantom> {
  private readonly options: Options;

  constructor(options: Options, place: Place) {
    super(options, place);
    this.options = options;
  }

  protected open({ random }: Session): Phantom {
    const late = this.options.serverLateMs > 0 ? [] : undefined;
    return { isn: farNumber(random), offset: undefined, late };
  }

  protected act(packet: Packet, session: Session<Phantom>): void {
    const { own } = session;
    // The first SYN only: what comes again passes to the server.
    const isFirst = packet.isSyn() && this.nowMs() === session.startedMs;
    if (isFirst) this.answer(session);
    if (packet.isSynAck() && own.offset === undefined) own.offset = this.offsetOf(packet, own);
    renumber(packet, { client: 0, server: own.offset ?? 0 });
    if (packet.fromClient && own.late !== undefined) own.late.push(packet);
    else this.pass(packet);
  }

  private answer({ own, syn, random }: Session<Phantom>): void {
    const { ttl: hops, wndScale, timestamps, serverLateMs } = this.options;
    const tsVal = timestamps ? (random.int32() & 0x7fffffff) | 1 : 0;
    this.pass(new Packet(forgeSynAck(syn, own.isn, hops, wndScale, tsVal), false));
    if (own.late === undefined) return;
    this.at(serverLateMs, () => {
      const packets = own.late ?? [];
      own.late = undefined;
      for (const packet of packets) this.pass(packet);
    });
  }

  private offsetOf(synAck: Packet, own: Phantom): number {
    const { serverAhead } = this.options;
    return serverAhead === 0 ? 0 : (own.isn + serverAhead - synAck.seg.segSeq) | 0;
  }
}
