/**
 * A link between the boxes before it in the list and those behind it: delay, jitter, rate, loss,
 * reordering and duplication per direction, for kernels without netem.
 *
 * Models: any path. Options: `path-options.ts`. (The `path` of a composition is a link behind the
 * last box.)
 * Source: tc-netem(8), whose words these are
 */
import * as v from 'valibot';
import { PATH } from '../path-options.ts';
import { SCHEDULE } from '../schedule.ts';

export const linkBehaviourSchema = v.strictObject({
  kind: v.literal('link'),
  ...SCHEDULE,
  ...PATH,
});
