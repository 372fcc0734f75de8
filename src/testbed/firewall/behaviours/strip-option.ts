/**
 * An option is lost on the way: NOPs in its place, or the others moved up and the list ended early.
 * `unknown` is every option from 9 to 255.
 *
 * Models: ASA's TCP map, which clears options 6-7 and 9-255 by default and others on demand
 * (`selective-ack clear`, `timestamp clear`, `window-scale clear`); xt_TCPOPTSTRIP; the routers
 * that Honda et al. found.
 * Source: Honda et al., "Is it still possible to extend TCP?", IMC 2011, §4; ASA 5500 CLI guide,
 * "Customizing the TCP normalizer with a TCP map"
 */
import * as v from 'valibot';
import { SCHEDULE } from '../schedule.ts';

export const OPTION_NAMES = [
  'mss',
  'window-scale',
  'sack-permitted',
  'sack',
  'timestamps',
] as const;
export const onSegments = v.picklist(['syn', 'synack', 'both', 'all']);

export const stripOptionSchema = v.strictObject({
  kind: v.literal('strip-option'),
  ...SCHEDULE,
  option: v.union([
    v.picklist([...OPTION_NAMES, 'unknown']),
    v.pipe(v.number(), v.integer(), v.minValue(2), v.maxValue(255)),
  ]),
  /** Of the SYN, the SYN-ACK, both, or of every segment. */
  from: v.optional(onSegments, 'synack'),
  by: v.optional(v.picklist(['nops', 'removal']), 'nops'),
});
