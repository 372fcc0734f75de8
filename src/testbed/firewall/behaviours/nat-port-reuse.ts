/**
 * Port translation with a pool that is too small: connections get `ports` outer ports in turn, and
 * one that is still in use, or in TIME-WAIT at the server, is given away again. Addresses stay.
 *
 * Models: Microsoft TMG, whose "outgoing source port is freed back to the pool and is immediately
 * available"; the server answers the SYN by the ACK of the old connection (RFC 5961 §4.2), and the
 * client that with a reset.
 * Source: Microsoft KB 2596065; a trace of it: http://noahdavids.org/traces/port_reuse.html
 */
import * as v from 'valibot';
import { SCHEDULE } from '../schedule.ts';

const port = v.pipe(v.number(), v.integer(), v.minValue(32_768), v.maxValue(65_535));

export const natPortReuseSchema = v.strictObject({
  kind: v.literal('nat-port-reuse'),
  ...SCHEDULE,
  /** Outer ports, from `firstPort` on. */
  ports: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(1000)), 1),
  firstPort: v.optional(port, 61_000),
});
