/**
 * An option arrives with another value: the MSS clamped, the window scale changed, TSval shifted
 * without TSecr being shifted back. What is not there is not put in.
 *
 * Models: MSS clamping (`sysopt connection tcpmss`, 1380 by default on an ASA; xt_TCPMSS), window
 * scales that routers rewrote (Linux met several in 2004), pf's timestamp modulation by half.
 * Source: https://lwn.net/Articles/92727/ ("TCP window scaling and broken routers")
 */
import * as v from 'valibot';
import { SCHEDULE } from '../schedule.ts';
import { onSegments } from './strip-option.ts';

export const changeOptionSchema = v.strictObject({
  kind: v.literal('change-option'),
  ...SCHEDULE,
  option: v.picklist(['mss', 'window-scale', 'timestamps']),
  /** The new MSS (at most that: a lower one stays) or shift count; added to TSval. */
  value: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(0xffffffff)),
  from: v.optional(onSegments, 'both'),
});
