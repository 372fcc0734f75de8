/**
 * The window field is tampered with, in segments without SYN and RST: capped, closed, or shifted
 * right (`divide`) as by a box that takes the scaled window for the raw one. Raw units.
 *
 * Models: bandwidth managers that shape TCP by its window (Packeteer), and routers that lose the
 * window scale; pf's synproxy, which offers no scale.
 * Source: https://lwn.net/Articles/92727/ ("TCP window scaling and broken routers"),
 * https://www.mail-archive.com/postfix-users@postfix.org/msg20259.html
 */
import * as v from 'valibot';
import { RST, SYN } from '../../../engine/wire/segment.ts';
import { type Place, PlainBox } from '../box.ts';
import type { Packet } from '../packet.ts';
import { isOf, numberIn, SCHEDULE, whose } from '../schedule.ts';

const raw = numberIn(0, 65_535);

export const windowSchema = v.strictObject({
  kind: v.literal('window'),
  ...SCHEDULE,
  whose: v.optional(whose, 'both'),
  /** `cap`: at most `value`. `zero`: closed. `divide`: shifted right by `value` bits. */
  how: v.optional(v.picklist(['cap', 'zero', 'divide']), 'cap'),
  value: v.optional(raw, 512),
});

type Options = v.InferOutput<typeof windowSchema>;

export class Window extends PlainBox {
  private readonly options: Options;

  constructor(options: Options, place: Place) {
    super(options, place);
    this.options = options;
  }

  protected act(packet: Packet): void {
    const isMeant = isOf(this.options.whose, packet.fromClient) && !packet.has(SYN | RST);
    if (isMeant) packet.setWnd(this.changed(packet.seg.segWnd));
    this.pass(packet);
  }

  private changed(wnd: number): number {
    const { how, value } = this.options;
    if (how === 'zero') return 0;
    return how === 'divide' ? wnd >> Math.min(value, 16) : Math.min(wnd, value);
  }
}
