/**
 * The states of conntrack (linux/netfilter/nf_conntrack_tcp.h), and what both ends' states, as the
 * engine tells them, come to in its words. Owns nothing.
 */
import * as l from '../../src/engine/flow/layout.ts';

const NAMES = [
  'NONE',
  'SYN_SENT',
  'SYN_RECV',
  'ESTABLISHED',
  'FIN_WAIT',
  'CLOSE_WAIT',
  'LAST_ACK',
  'TIME_WAIT',
  'CLOSE',
  'SYN_SENT2',
] as const;

export function conntrackName(state: number): string {
  return NAMES[state] ?? String(state);
}

/** Of the initiator and of the responder: ST_*. */
export function engineName(initiator: number, responder: number): string {
  const both = [initiator, responder];
  const has = (...states: readonly number[]) => both.some((state) => states.includes(state));
  if (both.every((state) => state === l.ST_CLOSED)) return 'CLOSE';
  if (has(l.ST_SYN_SENT)) return has(l.ST_SYN_RECEIVED) ? 'SYN_RECV' : 'SYN_SENT';
  if (both.every((state) => state === l.ST_ESTABLISHED)) return 'ESTABLISHED';
  if (has(l.ST_LAST_ACK, l.ST_CLOSING)) return 'LAST_ACK';
  if (has(l.ST_TIME_WAIT)) return 'TIME_WAIT';
  if (has(l.ST_FIN_WAIT_1)) return 'FIN_WAIT';
  if (has(l.ST_FIN_WAIT_2)) return 'CLOSE_WAIT';
  return both.join('/');
}
