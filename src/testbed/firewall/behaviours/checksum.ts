/**
 * The TCP checksum arrives damaged: the bare sum of the pseudo header, as an offload leaves it
 * (`partial`); one off (`wrong`); nothing (`zero`); or as it was before a box changed the header
 * (`stale`: the client's side of the segment is changed and the checksum is not).
 *
 * The checksum of the IP header is not among them: the next router drops such a packet, which is
 * loss.
 *
 * Models: virtual NICs and tunnels that forward CHECKSUM_PARTIAL packets as they are, the reason
 * for xt_CHECKSUM; boxes that rewrite a field and forget the sum.
 * Source: iptables-extensions(8), CHECKSUM; https://github.com/flannel-io/flannel/issues/1243
 */
import * as v from 'valibot';
import { SCHEDULE, share, whose } from '../schedule.ts';

export const checksumSchema = v.strictObject({
  kind: v.literal('checksum'),
  ...SCHEDULE,
  whose: v.optional(whose, 'server'),
  damage: v.optional(v.picklist(['partial', 'wrong', 'zero', 'stale']), 'partial'),
  on: v.optional(v.picklist(['syn', 'data', 'reset', 'all']), 'all'),
  /** Of those segments so many. */
  share: v.optional(share, 1),
});
