/** What sockets of settled flows said last: a slot is one flow's, the next one takes it whole. */
import { expect, it } from 'vitest';
import { K_ACKED, K_IDLE, SocketTable } from '../../../src/engine/flow/socket-table.ts';
import { SPOKEN_COUNT } from '../../../src/engine/limits.ts';

it('knows a flow by its row and its generation, and forgets it for the next in its slot', () => {
  const table = new SocketTable(new ArrayBuffer(SocketTable.BYTES));
  expect(table.find(3, 9)).toBe(-1);
  const at = table.take(3, 9);
  table.words[at + K_ACKED] = 500;
  table.words[at + K_IDLE] = 1;
  expect([table.find(3, 9), table.take(3, 9)]).toEqual([at, at]);
  expect(table.words[at + K_ACKED]).toBe(500);
  const strangers = [table.find(3, 8), table.find(3 + SPOKEN_COUNT, 9), table.find(4, 9)];
  expect(strangers).toEqual([-1, -1, -1]);
  expect(table.take(4, 9)).not.toBe(at);
  expect(table.take(3 + SPOKEN_COUNT, 9)).toBe(at);
  expect([table.words[at + K_ACKED], table.words[at + K_IDLE]]).toEqual([0, 0]);
  expect(table.find(3, 9)).toBe(-1);
});
