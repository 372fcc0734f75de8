/**
 * An option arrives with another value: the MSS clamped, the window scale changed, TSval shifted
 * without TSecr being shifted back. What is not there is not put in.
 *
 * Models: MSS clamping (`sysopt connection tcpmss`, 1380 by default on an ASA; xt_TCPMSS), window
 * scales that routers rewrote (Linux met several in 2004), pf's timestamp modulation by half.
 * Source: https://lwn.net/Articles/92727/ ("TCP window scaling and broken routers")
 */
import * as v from 'valibot';
import { get16, get32, put16, put32 } from '../../../engine/wire/bytes.ts';
import { type Place, PlainBox } from '../box.ts';
import type { Packet } from '../packet.ts';
import { numberIn, SCHEDULE } from '../schedule.ts';
import { findOptions, isFrom, OPTION_KINDS, onSegments } from '../tcp-options.ts';

export const changeOptionSchema = v.strictObject({
  kind: v.literal('change-option'),
  ...SCHEDULE,
  option: v.picklist(['mss', 'window-scale', 'timestamps']),
  /** The new MSS (at most that: a lower one stays) or shift count; added to TSval. */
  value: numberIn(0, 0xffffffff),
  from: v.optional(onSegments, 'both'),
});

type Options = v.InferOutput<typeof changeOptionSchema>;

export class ChangeOption extends PlainBox {
  private readonly options: Options;

  constructor(options: Options, place: Place) {
    super(options, place);
    this.options = options;
  }

  protected act(packet: Packet): void {
    if (isFrom(packet, this.options.from)) this.change(packet);
    this.pass(packet);
  }

  private change(packet: Packet): void {
    const { option, value } = this.options;
    const { bytes } = packet;
    for (const { kind, at } of findOptions(packet)) {
      if (kind !== OPTION_KINDS[option]) continue;
      if (option === 'mss') put16(bytes, at + 2, Math.min(get16(bytes, at + 2), value));
      else if (option === 'window-scale') bytes[at + 2] = value;
      else put32(bytes, at + 2, (get32(bytes, at + 2) + value) | 0);
    }
    packet.reparse();
  }
}
