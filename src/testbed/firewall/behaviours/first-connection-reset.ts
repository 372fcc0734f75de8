/**
 * The trace that this project began with: some time after the SYN-ACK that the client acknowledged,
 * a second SYN-ACK with another number (B), a reset with the exact number (R) and the server's
 * first data (D) arrive back to back. B is sent again after 1, 3, 7, 15 and 31 s.
 *
 * Models: FWSM and ASA in series, of which one translates the same SYN twice.
 * Source: https://linux22.com/archives/117607
 */
import * as v from 'valibot';
import { ms, SCHEDULE, ttl } from '../schedule.ts';

export const firstConnectionResetSchema = v.strictObject({
  kind: v.literal('first-connection-reset'),
  ...SCHEDULE,
  /** From the first SYN-ACK to the burst. */
  delayMs: v.optional(ms, 18),
  order: v.optional(v.picklist(['BRD', 'BDR', 'RBD', 'RDB', 'DBR', 'DRB']), 'BRD'),
  ttl,
});
