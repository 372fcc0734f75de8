/**
 * Drops what conntrack would call INVALID: segments outside the windows that it has followed (the
 * four bounds of Van Rooij, with the highest SACK edge in place of the ACK), and those of
 * connections whose SYN it has not seen.
 *
 * Models: `-m conntrack --ctstate INVALID -j DROP` on a router with `nf_conntrack_tcp_be_liberal=0`
 * and `tcp_loose=0`; pf's state matching.
 * Source: net/netfilter/nf_conntrack_proto_tcp.c `tcp_in_window`; Van Rooij, "Real Stateful TCP
 * Packet Filtering in IP Filter", 2001; https://github.com/moby/libnetwork/issues/1090
 */
import * as v from 'valibot';
import { SCHEDULE } from '../schedule.ts';

export const strictSequenceSchema = v.strictObject({
  kind: v.literal('strict-sequence'),
  ...SCHEDULE,
  /** Also resets that are not at the exact number (pf); conntrack lets those pass. */
  exactResets: v.optional(v.boolean(), false),
});
