/**
 * The link behind this box carries packets of so many octets at most; larger ones that may not be
 * fragmented are dropped, with the ICMP error that tells their sender, or without.
 *
 * Models: the path-MTU black hole of RFC 2923 §2.1: a tunnel or PPPoE link, and a firewall that
 * drops all ICMP.
 * Source: https://www.rfc-editor.org/rfc/rfc2923, RFC 1191 §4, RFC 8201 §4
 */
import * as v from 'valibot';
import { SCHEDULE, whose } from '../schedule.ts';

export const mtuLimitSchema = v.strictObject({
  kind: v.literal('mtu-limit'),
  ...SCHEDULE,
  whose: v.optional(whose, 'both'),
  /** Of the IP packet. */
  octets: v.pipe(v.number(), v.integer(), v.minValue(576), v.maxValue(65_535)),
  /** `nothing`: the black hole. */
  answer: v.optional(v.picklist(['nothing', 'icmp']), 'nothing'),
});
