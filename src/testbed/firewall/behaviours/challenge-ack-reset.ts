/**
 * A second SYN-ACK with another number comes; the duplicate ACK with which the client answers it
 * (RFC 5961 §4.2) is answered by a reset with its number, which is exact.
 *
 * Models: two translations of one SYN, of which the second end point is in SYN-RECEIVED for other
 * numbers (RFC 9293 §3.10.7.4).
 * Source: https://github.com/zeek/zeek/issues/3313 (SYN-ACKs sent again with another number)
 */
import * as v from 'valibot';
import { ms, SCHEDULE, ttl } from '../schedule.ts';

export const challengeAckResetSchema = v.strictObject({
  kind: v.literal('challenge-ack-reset'),
  ...SCHEDULE,
  /** From the first SYN-ACK to the second. */
  delayMs: v.optional(ms, 18),
  ttl,
});
