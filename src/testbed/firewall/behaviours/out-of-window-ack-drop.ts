/**
 * Empty ACKs that are not where the box expects them are dropped: SEQ other than the sender's next
 * octet (keep-alives and probes among them), or an ACK of what was not sent yet.
 *
 * Models: TCP normalizers that drop "invalid ACK" (ASA's `invalid-ack drop`, the default) and
 * IPSes that block keep-alives as out of window.
 * Source: ASA 5500 CLI guide, "Customizing the TCP normalizer with a TCP map"; RFC 5961 §5.2
 */
import * as v from 'valibot';
import { SCHEDULE, whose } from '../schedule.ts';

export const outOfWindowAckDropSchema = v.strictObject({
  kind: v.literal('out-of-window-ack-drop'),
  ...SCHEDULE,
  whose: v.optional(whose, 'both'),
});
