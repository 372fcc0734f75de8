/** What a handshake makes of the states of both ends (RFC 9293 §3.3.2); it takes none back. */
import { expect, it } from 'vitest';
import {
  HALF_WORDS,
  ST_ESTABLISHED,
  ST_LISTEN,
  ST_SYN_RECEIVED,
  ST_SYN_SENT,
  STATE,
} from '../../../src/engine/flow/layout.ts';
import { onEstablished, onSyn, onSynAck } from '../../../src/engine/flow/state.ts';

const A = 0;
const B = HALF_WORDS;

it('a handshake goes through SYN-SENT and SYN-RECEIVED; a SYN-ACK that comes late is none', () => {
  const halves = new Int32Array(2 * HALF_WORDS);
  const states = () => [halves[A + STATE], halves[B + STATE]];
  onSyn(halves, A, B);
  expect(states()).toEqual([ST_SYN_SENT, ST_LISTEN]);
  onSynAck(halves, B);
  expect(states()).toEqual([ST_SYN_SENT, ST_SYN_RECEIVED]);
  onEstablished(halves, A, B);
  expect(states()).toEqual([ST_ESTABLISHED, ST_ESTABLISHED]);
  onSynAck(halves, B);
  expect(states()).toEqual([ST_ESTABLISHED, ST_ESTABLISHED]);
});
