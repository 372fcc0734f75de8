/**
 * The firewall answers the SYN itself and lets it through all the same: the server's SYN-ACK, with
 * another number, comes second, and nothing translates between the two.
 *
 * Models: Cisco's TCP Intercept that answers for the server and then forgets to splice.
 * Source: ASA configuration guide, "TCP Intercept"; https://github.com/zeek/zeek/issues/3313
 */
import * as v from 'valibot';
import { ms, SCHEDULE, ttl } from '../schedule.ts';

export const phantomSynAckSchema = v.strictObject({
  kind: v.literal('phantom-synack'),
  ...SCHEDULE,
  /** Shift count that it offers; -1: none. */
  wndScale: v.optional(v.pipe(v.number(), v.integer(), v.minValue(-1), v.maxValue(14)), 7),
  /** Timestamps of its own. */
  timestamps: v.optional(v.boolean(), false),
  /** Nothing of the client reaches the server before this has passed. */
  serverLateMs: v.optional(ms, 0),
  /** The server's number is so many octets ahead of the phantom's; 0: anywhere. */
  serverAhead: v.optional(v.pipe(v.number(), v.integer()), 0),
  ttl,
});
