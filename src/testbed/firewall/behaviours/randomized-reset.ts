/**
 * Genuine resets get a number of their own: those that refuse a SYN, or all. The victim of one that
 * is not exact does not believe it (RFC 5961 §3.2).
 *
 * Models: Cisco bug CSCeg04006, PIX 6.x: "The sequence number in the outbound reset packet gets
 * randomized"; stateful boxes behind it drop such a reset, and the client goes on sending SYNs.
 * Source: https://community.cisco.com/t5/security-knowledge-base/ta-p/3108605
 */
import * as v from 'valibot';
import { SCHEDULE, whose } from '../schedule.ts';

export const randomizedResetSchema = v.strictObject({
  kind: v.literal('randomized-reset'),
  ...SCHEDULE,
  whose: v.optional(whose, 'server'),
  /** `refusal`: only those that answer a SYN. */
  which: v.optional(v.picklist(['refusal', 'any']), 'any'),
});
