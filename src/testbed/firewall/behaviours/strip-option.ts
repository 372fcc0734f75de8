/**
 * An option is lost on the way: NOPs in its place, or the others moved up and the list ended early.
 * `unknown` is every option from 9 to 255.
 *
 * Models: ASA's TCP map, which clears options 6-7 and 9-255 by default and others on demand
 * (`selective-ack clear`, `timestamp clear`, `window-scale clear`); xt_TCPOPTSTRIP; the routers
 * that Honda et al. found.
 * Source: Honda et al., "Is it still possible to extend TCP?", IMC 2011, §4; ASA 5500 CLI guide,
 * "Customizing the TCP normalizer with a TCP map"
 */
import * as v from 'valibot';
import { type Place, PlainBox } from '../box.ts';
import type { Packet } from '../packet.ts';
import { SCHEDULE } from '../schedule.ts';
import { findOptions, isFrom, OPTION_KINDS, OPTION_NAMES, onSegments } from '../tcp-options.ts';

export const stripOptionSchema = v.strictObject({
  kind: v.literal('strip-option'),
  ...SCHEDULE,
  option: v.union([
    v.picklist([...OPTION_NAMES, 'unknown']),
    v.pipe(v.number(), v.integer(), v.minValue(2), v.maxValue(255)),
  ]),
  /** Of the SYN, the SYN-ACK, both, or of every segment. */
  from: v.optional(onSegments, 'synack'),
  by: v.optional(v.picklist(['nops', 'removal']), 'nops'),
});

type Options = v.InferOutput<typeof stripOptionSchema>;

const UNKNOWN_FIRST = 9;

export class StripOption extends PlainBox {
  private readonly options: Options;

  constructor(options: Options, place: Place) {
    super(options, place);
    this.options = options;
  }

  protected act(packet: Packet): void {
    if (isFrom(packet, this.options.from)) this.strip(packet);
    this.pass(packet);
  }

  private strip(packet: Packet): void {
    const { bytes, seg } = packet;
    const end = seg.tcpOff + seg.tcpHeaderBytes;
    // From the last one on: what is moved up stands behind those still to be looked at.
    for (const { kind, at, length } of findOptions(packet).reverse()) {
      if (!this.isMeant(kind)) continue;
      if (this.options.by === 'nops') {
        bytes.fill(1, at, at + length);
      } else {
        bytes.copyWithin(at, at + length, end);
        bytes.fill(0, end - length, end);
      }
    }
    packet.reparse();
  }

  private isMeant(kind: number): boolean {
    const { option } = this.options;
    if (option === 'unknown') return kind >= UNKNOWN_FIRST;
    return kind === (typeof option === 'number' ? option : OPTION_KINDS[option]);
  }
}
