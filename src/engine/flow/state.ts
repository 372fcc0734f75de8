/**
 * The RFC 9293 §3.3.2 states of both ends, as a box in the middle can tell them: each event moves
 * the sender's state and, where the peer must have learned of it, the peer's.
 *
 * Writes STATE of the halves given by word index.
 */
import {
  ST_CLOSE_WAIT,
  ST_CLOSED,
  ST_CLOSING,
  ST_ESTABLISHED,
  ST_FIN_WAIT_1,
  ST_FIN_WAIT_2,
  ST_LAST_ACK,
  ST_LISTEN,
  ST_SYN_RECEIVED,
  ST_SYN_SENT,
  ST_TIME_WAIT,
  STATE,
} from './layout.ts';

export function onSyn(halves: Int32Array, sender: number, peer: number): void {
  halves[sender + STATE] = ST_SYN_SENT;
  if (halves[peer + STATE] === ST_CLOSED) halves[peer + STATE] = ST_LISTEN;
}

export function onSynAck(halves: Int32Array, sender: number): void {
  if (halves[sender + STATE]! <= ST_SYN_SENT) halves[sender + STATE] = ST_SYN_RECEIVED;
}

/** The initiator acknowledged a SYN-ACK (or the flow was picked up in mid-stream). */
export function onEstablished(halves: Int32Array, a: number, b: number): void {
  if (halves[a + STATE]! <= ST_SYN_RECEIVED) halves[a + STATE] = ST_ESTABLISHED;
  if (halves[b + STATE]! <= ST_SYN_RECEIVED) halves[b + STATE] = ST_ESTABLISHED;
}

/** `sender` sent a FIN for the first time; `peer` is taken to have received it. */
export function onFin(halves: Int32Array, sender: number, peer: number): void {
  const before = halves[sender + STATE]!;
  if (before === ST_ESTABLISHED || before === ST_SYN_RECEIVED) {
    halves[sender + STATE] = ST_FIN_WAIT_1;
  } else if (before === ST_CLOSE_WAIT) {
    halves[sender + STATE] = ST_LAST_ACK;
  }
  const at = halves[peer + STATE]!;
  if (at === ST_ESTABLISHED) halves[peer + STATE] = ST_CLOSE_WAIT;
  else if (at === ST_FIN_WAIT_1) halves[peer + STATE] = ST_CLOSING;
  else if (at === ST_FIN_WAIT_2) halves[peer + STATE] = ST_TIME_WAIT;
}

/** The FIN of `sender` was acknowledged. */
export function onFinAcked(halves: Int32Array, sender: number): void {
  const before = halves[sender + STATE]!;
  if (before === ST_FIN_WAIT_1) halves[sender + STATE] = ST_FIN_WAIT_2;
  else if (before === ST_CLOSING) halves[sender + STATE] = ST_TIME_WAIT;
  else if (before === ST_LAST_ACK) halves[sender + STATE] = ST_CLOSED;
}

/** A reset took effect. */
export function onReset(halves: Int32Array, a: number, b: number): void {
  halves[a + STATE] = ST_CLOSED;
  halves[b + STATE] = ST_CLOSED;
}
