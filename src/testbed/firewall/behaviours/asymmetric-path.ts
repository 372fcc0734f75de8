/**
 * One direction goes another way: the boxes that follow in the list (towards the server) never see
 * what that side sends.
 *
 * Models: asymmetric routing over two firewalls without shared state (ECMP, a failed-over default
 * route); what sees half a connection calls it invalid.
 * Source: Cisco ASA Series Firewall CLI Configuration Guide, "TCP State Bypass", figure 11-1
 */
import * as v from 'valibot';
import { type Place, PlainBox } from '../box.ts';
import type { Packet } from '../packet.ts';
import { SCHEDULE } from '../schedule.ts';

export const asymmetricPathSchema = v.strictObject({
  kind: v.literal('asymmetric-path'),
  ...SCHEDULE,
  /** Whose segments the boxes behind do not see. */
  unseen: v.optional(v.picklist(['client', 'server']), 'server'),
});

type Options = v.InferOutput<typeof asymmetricPathSchema>;

export class AsymmetricPath extends PlainBox {
  private readonly options: Options;

  constructor(options: Options, place: Place) {
    super(options, place);
    this.options = options;
  }

  /** Does this packet go around the boxes behind this one? */
  hides(packet: Packet): boolean {
    if (!packet.isTcp || packet.fromClient !== (this.options.unseen === 'client')) return false;
    const session = this.sessionOf(packet);
    return session !== undefined && this.isActive(session);
  }

  protected act(packet: Packet): void {
    this.pass(packet);
  }
}
