/**
 * Somebody sends resets in the server's name (or the client's): with the number that the victim
 * expects, with one inside its window, or with 256 spread over all numbers; with data, if wanted.
 *
 * Models: a censor or an IPS that resets what it does not like (exact, often with another TTL), and
 * the off-path attack of RFC 5961 §1 (blind).
 * Source: https://github.com/net4people/bbs/issues/285, https://www.rfc-editor.org/rfc/rfc5961
 */
import * as v from 'valibot';
import { count, ms, SCHEDULE, ttl } from '../schedule.ts';

export const forgedResetSchema = v.strictObject({
  kind: v.literal('forged-reset'),
  ...SCHEDULE,
  /** `in-window`: `distance` octets beyond the exact one. */
  number: v.optional(v.picklist(['exact', 'in-window', 'blind']), 'exact'),
  distance: v.optional(count, 1000),
  /** So many (blind: so many times 256). */
  count: v.optional(count, 1),
  /**
   * `clock`: the first at `fromMs`, the others `everyMs` apart. `victim`: one behind each of the
   * victim's next segments, so that what is under way cannot make the number old.
   */
  follows: v.optional(v.picklist(['clock', 'victim']), 'clock'),
  everyMs: v.optional(ms, 0),
  to: v.optional(v.picklist(['client', 'server']), 'client'),
  /** Octets of text in the reset (RFC 9293 §3.5.3 allows it). */
  data: v.optional(v.pipe(v.string(), v.maxLength(1000)), ''),
  ttl,
});
