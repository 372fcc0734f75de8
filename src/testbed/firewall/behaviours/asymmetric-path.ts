/**
 * One direction goes another way: the boxes that follow in the list (towards the server) never see
 * what that side sends.
 *
 * Models: asymmetric routing over two firewalls without shared state (ECMP, a failed-over default
 * route); what sees half a connection calls it invalid.
 * Source: https://www.code426.com/knowledge-base/asa-asymmetric-routing-troubleshooting-and-mitigation/
 */
import * as v from 'valibot';
import { SCHEDULE } from '../schedule.ts';

export const asymmetricPathSchema = v.strictObject({
  kind: v.literal('asymmetric-path'),
  ...SCHEDULE,
  /** Whose segments the boxes behind do not see. */
  unseen: v.optional(v.picklist(['client', 'server']), 'server'),
});
