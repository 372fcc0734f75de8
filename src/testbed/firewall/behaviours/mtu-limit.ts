/**
 * The link behind this box carries packets of so many octets at most; larger ones that may not be
 * fragmented are dropped, with the ICMP error that tells their sender, or without.
 *
 * Models: the path-MTU black hole of RFC 2923 §2.1: a tunnel or PPPoE link, and a firewall that
 * drops all ICMP.
 * Source: https://www.rfc-editor.org/rfc/rfc2923, RFC 1191 §4, RFC 8201 §4
 */
import * as v from 'valibot';
import { type Place, PlainBox } from '../box.ts';
import { forgeTooBig } from '../forge-icmp.ts';
import { Packet } from '../packet.ts';
import { isOf, numberIn, SCHEDULE, whose } from '../schedule.ts';

export const mtuLimitSchema = v.strictObject({
  kind: v.literal('mtu-limit'),
  ...SCHEDULE,
  whose: v.optional(whose, 'both'),
  /** Of the IP packet. */
  octets: numberIn(576, 65_535),
  /** `nothing`: the black hole. */
  answer: v.optional(v.picklist(['nothing', 'icmp']), 'nothing'),
});

type Options = v.InferOutput<typeof mtuLimitSchema>;

export class MtuLimit extends PlainBox {
  private readonly options: Options;

  constructor(options: Options, place: Place) {
    super(options, place);
    this.options = options;
  }

  protected act(packet: Packet): void {
    const { octets, answer } = this.options;
    const { bytes, fromClient, seg } = packet;
    // An IPv6 router never fragments (RFC 8200 §5).
    const mayFragment = seg.family === 4 && seg.dontFragment === 0;
    const fits = bytes.length <= octets || mayFragment || !isOf(this.options.whose, fromClient);
    if (fits) this.pass(packet);
    else if (answer === 'icmp') this.pass(new Packet(forgeTooBig(bytes, octets), !fromClient));
  }
}
