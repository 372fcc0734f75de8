/**
 * The firewall answers the SYN with a cookie, and opens the connection to the server when the
 * client has acknowledged it; from then on it translates the server's numbers. Client data that
 * comes before the server's SYN-ACK is lost, and sent again by the client.
 *
 * Healthy as it is by default. `splices = false`: the server's numbers arrive untranslated.
 * `options = "client"`: the server is told of options that the cookie's SYN-ACK did not agree to.
 *
 * Models: netfilter's SYNPROXY, pf's `synproxy state`, ASA's TCP Intercept with SYN cookies.
 * Source: https://wiki.nftables.org/wiki-nftables/index.php/Synproxy (its mss and wscale "must
 * match those of your backend server"), net/netfilter/nf_synproxy_core.c
 */
import * as v from 'valibot';
import { SCHEDULE, ttl } from '../schedule.ts';

export const synCookieProxySchema = v.strictObject({
  kind: v.literal('syn-cookie-proxy'),
  ...SCHEDULE,
  mss: v.optional(v.pipe(v.number(), v.integer(), v.minValue(48), v.maxValue(65_535)), 1460),
  /** The SYN to the server: with the options of the cookie (the MSS alone), or all the client's. */
  options: v.optional(v.picklist(['cookie', 'client']), 'cookie'),
  splices: v.optional(v.boolean(), true),
  ttl,
});
