/**
 * Where the engine's state of a connection is not conntrack's, and why each is meant. Both see the
 * same packets; the client is the near end. A disagreement that none of these describes is a bug of
 * ours, or something new to be understood. Owns the table.
 */
import type { Disagreement } from './conntrack-states-driver.ts';

export interface Explanation {
  readonly reason: string;
  /** It does not last: the comparison goes on, and they meet again. */
  readonly passes?: true;
  readonly where: (one: Parting) => boolean;
}

/** A disagreement, with what is asked of its packets. */
export interface Parting extends Disagreement {
  /** The packet behind which they part. */
  readonly last: string;
  /** Some packet before it begins like this. */
  readonly had: (...starts: readonly string[]) => boolean;
}

const CLOSING = ['FIN_WAIT', 'CLOSE_WAIT', 'LAST_ACK', 'TIME_WAIT'];
const EMBRYONIC = ['SYN_SENT', 'SYN_RECV'];

export const EXPLANATIONS: readonly Explanation[] = [
  {
    reason:
      'conntrack takes any segment behind a FIN for the answer to it, whoever sends it and ' +
      'whatever it acknowledges; the engine waits for the number.',
    passes: true,
    where: ({ engine, conntrack, openFins }) =>
      openFins > 0 &&
      `${engine} ${conntrack}`.match(/^(FIN_WAIT CLOSE_WAIT|LAST_ACK TIME_WAIT)$/) !== null,
  },
  {
    reason: 'conntrack takes a FIN that is sent again for the other side’s.',
    where: ({ conntrack, last }) => conntrack === 'LAST_ACK' && /^. FIN again/.test(last),
  },
  {
    reason: 'Of a closing connection conntrack believes any reset (tcp_can_early_drop).',
    where: ({ before, engine, conntrack, last }) =>
      CLOSING.includes(before) &&
      engine === before &&
      conntrack === 'CLOSE' &&
      last.includes('RST'),
  },
  {
    reason:
      'Before the client’s ACK conntrack has no number to measure a reset by, and believes any; ' +
      'without a reply it forgets the connection. RFC 9293 §3.10.7.3: what acknowledges no SYN is ' +
      'ignored in SYN-SENT, and a client’s reset there answers something stale.',
    where: ({ before, engine, conntrack, last }) =>
      EMBRYONIC.includes(before) &&
      engine === before &&
      ['NONE', 'CLOSE'].includes(conntrack) &&
      last.includes('RST'),
  },
  {
    reason:
      'A reset that acknowledges the SYN ends a client in SYN-SENT wherever its own number lies; ' +
      'an ACK of the client’s says that it had the SYN-ACK by then.',
    where: ({ before, engine, conntrack, last }) =>
      (before === 'SYN_RECV' && engine === 'CLOSE' && /^s RST with ACK/.test(last)) ||
      (before === 'CLOSE' && conntrack === 'CLOSE' && engine === 'ESTABLISHED' && /^c/.test(last)),
  },
  {
    reason:
      'The near end is this machine, or what it forwards: its own reset is believed, whatever its ' +
      'number; nothing is asked in its name any more.',
    where: ({ engine, conntrack, last }) =>
      engine === 'CLOSE' && conntrack === 'ESTABLISHED' && /^c RST/.test(last),
  },
  {
    reason:
      'An exact reset before the server has said anything is asked about: the flow goes on until ' +
      'nobody answers (reset.ts).',
    where: ({ before, engine, conntrack, last }) =>
      before === 'ESTABLISHED' &&
      engine === 'ESTABLISHED' &&
      conntrack === 'CLOSE' &&
      /^s RST.* (exact|again|off)/.test(last),
  },
  {
    reason:
      'conntrack measures a reset by what the other side has acknowledged, the engine by what the ' +
      'sender has sent without a gap.',
    where: ({ before, engine, conntrack, last }) =>
      before === 'ESTABLISHED' &&
      engine === 'CLOSE' &&
      conntrack === 'ESTABLISHED' &&
      /^s RST/.test(last),
  },
  {
    reason:
      'A client’s segment behind its SYN proves a SYN-ACK that was not seen here: the connection ' +
      'is picked up (lifecycle.ts); conntrack waits for the SYN-ACK, and calls it INVALID.',
    where: ({ before, engine, conntrack, last, conntrackBefore }) =>
      EMBRYONIC.includes(before) &&
      ['ESTABLISHED', 'FIN_WAIT'].includes(engine) &&
      conntrack === conntrackBefore &&
      /^c (ACK|data|FIN)/.test(last),
  },
  {
    reason:
      'A client’s SYN with another number is a new connection on a port that is used again, at ' +
      'once; conntrack waits for what the server makes of it.',
    where: ({ engine, last }) => engine === 'SYN_SENT' && /^c SYN anew/.test(last),
  },
  {
    reason:
      'The SYN of a connection that is over comes again: a late copy. conntrack takes any SYN then ' +
      'for a new connection.',
    where: ({ before, conntrackBefore, engine, conntrack, last }) =>
      ['CLOSE', 'TIME_WAIT'].includes(conntrackBefore) &&
      engine === before &&
      conntrack === 'SYN_SENT' &&
      /^c SYN (again|anew)/.test(last),
  },
  {
    reason:
      'Behind a SYN in mid-stream conntrack takes the other side’s next ACK for a challenge ACK, and ' +
      'learns nothing from it.',
    where: ({ conntrack, last, had, conntrackBefore }) =>
      conntrack === conntrackBefore && / ACK/.test(last) && had('c SYN again', 's SYN-ACK again'),
  },
  {
    reason:
      'Behind a SYN in mid-stream conntrack takes another SYN-ACK for its answer, and goes on with ' +
      'that; to the engine it is a second end point’s.',
    where: ({ before, engine, last, had }) =>
      engine === before && /^s SYN-ACK anew/.test(last) && had('c SYN again'),
  },
  {
    reason:
      'Behind a new SYN a SYN-ACK of the older one is no candidate: it does not acknowledge it.',
    where: ({ before, engine, conntrack, had }) =>
      before === 'SYN_SENT' &&
      engine === 'SYN_SENT' &&
      conntrack === 'SYN_RECV' &&
      had('c SYN anew'),
  },
  {
    reason:
      'SYNs of both ends, or a SYN-ACK of the client’s: simultaneous opens are left alone; ' +
      'conntrack has a state for them (SYN_SENT2), and goes on with their numbers.',
    where: ({ last, had }) =>
      /^(s SYN anew|c SYN-ACK)/.test(last) || had('s SYN anew', 'c SYN-ACK'),
  },
  {
    reason:
      'conntrack takes the server’s numbers from the first SYN-ACK, the engine from the one that ' +
      'acknowledges the SYN and that the client acknowledges.',
    where: ({ had, conntrack, conntrackBefore }) =>
      had('s SYN-ACK anew') && conntrack === conntrackBefore,
  },
  {
    reason:
      'conntrack’s windows have been moved by a segment that lies beside the connection, or have ' +
      'not been moved by one that the engine follows: what comes next is INVALID to it, or not.',
    where: ({ steps, before, conntrack, engine, conntrackBefore }) =>
      steps.some((step) => / off\b/.test(step)) &&
      (conntrack === conntrackBefore || engine === before),
  },
];

/** How many sequences the last, which says the least, may explain. */
export const LAST_SHARE_MAX = 0.06;

/** Which of them, or -1. */
export function explanationOf(one: Disagreement): number {
  const earlier = one.steps.slice(0, -1);
  const parting: Parting = {
    ...one,
    last: one.steps.at(-1) ?? '',
    had: (...starts) => earlier.some((step) => starts.some((start) => step.startsWith(start))),
  };
  return EXPLANATIONS.findIndex(({ where }) => where(parting));
}
