/**
 * The translation is made anew in mid-connection: from `fromMs` on numbers are others, and others
 * again after each `everyMs`. SACK blocks are translated. Old numbers never come back.
 *
 * Models: a firewall that loses its translations and makes new ones, or none (a failover without
 * state, a cleared xlate table), while connections go on. (None: `randomize` with `untilMs`, as when
 * the hardware bypass of an ISA 3000 takes it out of the path.)
 * Source: https://docs.manage.security.cisco.com/cdfmc/t_disable_tcp_sequence_randomization.html
 */
import * as v from 'valibot';
import { ms, SCHEDULE, whose } from '../schedule.ts';

export const rerandomizeSchema = v.strictObject({
  kind: v.literal('rerandomize'),
  ...SCHEDULE,
  /** Whose numbers are changed. */
  whose: v.optional(whose, 'both'),
  /** 0: once. */
  everyMs: v.optional(ms, 0),
});
