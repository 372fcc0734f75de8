/**
 * Once timestamps are negotiated, segments without them are dropped (RST excepted).
 *
 * Models: end points that follow RFC 7323 §3.2 to the letter, as FreeBSD does, and pf.
 * Source: https://www.rfc-editor.org/rfc/rfc7323 §3.2
 */
import * as v from 'valibot';
import { SCHEDULE, whose } from '../schedule.ts';

export const strictTimestampsSchema = v.strictObject({
  kind: v.literal('strict-timestamps'),
  ...SCHEDULE,
  whose: v.optional(whose, 'client'),
});
