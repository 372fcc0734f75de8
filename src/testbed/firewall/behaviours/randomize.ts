/**
 * Sequence randomization: SEQ and ACK are renumbered, each end's numbers by an offset of the
 * connection; SACK blocks with them, or not. Two of these in a row are two boxes in series.
 *
 * Models: Cisco PIX, FWSM and ASA, whose manual says that it "effectively breaks TCP SACK"; OpenBSD
 * pf's `modulate state` is the same with the blocks translated.
 * Source: https://docs.manage.security.cisco.com/cdfmc/t_disable_tcp_sequence_randomization.html
 */
import * as v from 'valibot';
import { SCHEDULE, whose } from '../schedule.ts';

export const randomizeSchema = v.strictObject({
  kind: v.literal('randomize'),
  ...SCHEDULE,
  /** Whose numbers are changed. */
  whose: v.optional(whose, 'both'),
  /** Whose SACK blocks stay as they were sent, though the numbers in them are renumbered. */
  sackBlind: v.optional(v.picklist(['neither', 'client', 'server', 'both']), 'neither'),
});
