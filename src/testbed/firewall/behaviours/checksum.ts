/**
 * The TCP checksum arrives damaged: the bare sum of the pseudo header, as an offload leaves it
 * (`partial`); one off (`wrong`); nothing (`zero`); or as it came to the firewall, whatever boxes
 * have changed since (`stale`).
 *
 * The checksum of the IP header is not among them: the next router drops such a packet, which is
 * loss.
 *
 * Models: virtual NICs and tunnels that forward CHECKSUM_PARTIAL packets as they are, the reason
 * for xt_CHECKSUM; boxes that rewrite a field and forget the sum.
 * Source: iptables-extensions(8), CHECKSUM; https://github.com/flannel-io/flannel/issues/1243
 */
import * as v from 'valibot';
import { mix, Random } from '../../../datapath/sim/random.ts';
import { RST, SYN } from '../../../engine/wire/segment.ts';
import { type Place, PlainBox } from '../box.ts';
import type { Packet } from '../packet.ts';
import { isOf, SCHEDULE, share, whose } from '../schedule.ts';

export const checksumSchema = v.strictObject({
  kind: v.literal('checksum'),
  ...SCHEDULE,
  whose: v.optional(whose, 'server'),
  damage: v.optional(v.picklist(['partial', 'wrong', 'zero', 'stale']), 'partial'),
  on: v.optional(v.picklist(['syn', 'data', 'reset', 'all']), 'all'),
  /** Of those segments so many. */
  share: v.optional(share, 1),
});

type Options = v.InferOutput<typeof checksumSchema>;

export class Checksum extends PlainBox {
  private readonly options: Options;
  /** One each, so that what one direction draws never shifts the other. */
  private readonly fates: readonly [Random, Random];

  constructor(options: Options, place: Place) {
    super(options, place);
    this.options = options;
    this.fates = [new Random(mix(place.seed, 1)), new Random(mix(place.seed, 2))];
  }

  protected act(packet: Packet): void {
    const isMeant = isOf(this.options.whose, packet.fromClient) && this.isOn(packet);
    const fate = this.fates[packet.fromClient ? 0 : 1];
    if (isMeant && fate.chance(this.options.share)) packet.damage = this.options.damage;
    this.pass(packet);
  }

  private isOn(packet: Packet): boolean {
    const { on } = this.options;
    if (on === 'syn') return packet.has(SYN);
    if (on === 'reset') return packet.has(RST);
    return on === 'all' || packet.seg.payloadBytes > 0;
  }
}
