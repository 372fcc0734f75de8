/** What a socket has told, as an entry of the engine's inbox. Owns nothing. Times: ms. */
import * as box from '../../engine/outbox.ts';
import type { Ring } from '../../engine/ring.ts';
import type { SocketNumbers } from '../sock-diag.ts';

/** `asked` is the outbox with the question at `at`. False: no room, and nobody is told. */
export function tellSocket(
  inbox: Ring,
  asked: Int32Array,
  at: number,
  numbers: SocketNumbers,
): boolean {
  const to = inbox.reserve();
  if (to < 0) return false;
  const told = inbox.words;
  box.beginAnswer(told, to, box.IN_KIND_SOCKET, asked, at);
  told[to + box.IN_OK] = numbers.state;
  told[to + box.IN_ACKED] = numbers.acked;
  told[to + box.IN_SENT] = numbers.sent;
  told[to + box.IN_RECEIVED] = numbers.received;
  told[to + box.IN_RETRANSMITS] = numbers.retransmits;
  told[to + box.IN_DATA_SEGMENTS] = numbers.dataSegments;
  told[to + box.IN_BUSY_MS] = numbers.busyMs;
  told[to + box.IN_DATA_MS] = numbers.dataMs;
  told[to + box.IN_QUIET_MS] = numbers.quietMs;
  inbox.commit();
  return true;
}
