/**
 * At `fromMs` the box forgets its connections of that age, and what comes of them then, until a new
 * SYN, is dropped or answered by a reset.
 *
 * Models: a failover to a unit that has not the state ("Deny TCP (no connection)", ASA message
 * 106015), a `clear conn`, a reboot.
 * Source: http://packetsneverlie.blogspot.com/2012/02/what-is-reason-for-log-asa-6-106015.html
 */
import * as v from 'valibot';
import { SCHEDULE, ttl } from '../schedule.ts';

export const stateLossSchema = v.strictObject({
  kind: v.literal('state-loss'),
  ...SCHEDULE,
  answer: v.optional(v.picklist(['nothing', 'reset']), 'nothing'),
  ttl,
});
