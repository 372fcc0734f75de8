/**
 * A second host has the server's address: it answers the SYN with a SYN-ACK of its own, and each
 * ACK of the client, which is none of its connections, with a reset (RFC 9293 §3.10.7.2).
 *
 * Models: a duplicate IP address, or a load balancer whose backends share one.
 * Source: https://www.rfc-editor.org/rfc/rfc5227 (address conflicts)
 */
import * as v from 'valibot';
import { ms, octet, SCHEDULE } from '../schedule.ts';

export const duplicateAddressSchema = v.strictObject({
  kind: v.literal('duplicate-address'),
  ...SCHEDULE,
  /** How much later than the server's its SYN-ACK comes. */
  delayMs: v.optional(ms, 18),
  /** 57: eight hops away. */
  ttl: v.optional(octet, 57),
});
