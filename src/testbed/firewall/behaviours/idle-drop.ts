/**
 * A connection that has said nothing for so long is forgotten: what comes then is dropped, or
 * answered by a reset to its sender, or to both ends at the moment of forgetting.
 *
 * Models: idle timeouts below the 2 h 4 min of RFC 5382 REQ-5: ASA's default is one hour, silent;
 * AWS NLB's 350 s, answered by a reset; ASA's `set connection timeout idle ... reset` tells both.
 * Source: https://www.rfc-editor.org/rfc/rfc5382 §5,
 * https://docs.aws.amazon.com/elasticloadbalancing/latest/network/network-load-balancers.html
 */
import * as v from 'valibot';
import { ms, SCHEDULE, ttl } from '../schedule.ts';

export const idleDropSchema = v.strictObject({
  kind: v.literal('idle-drop'),
  ...SCHEDULE,
  afterMs: ms,
  /** `reset`: to the sender of what comes later. `reset-both`: to both ends when it forgets. */
  answer: v.optional(v.picklist(['nothing', 'reset', 'reset-both']), 'nothing'),
  ttl,
});
