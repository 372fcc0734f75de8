/**
 * Sockets of another network namespace: the calling thread goes there, opens them, and comes back.
 * A socket stays where it was opened. Owns nothing. setns(2); needs CAP_SYS_ADMIN.
 */
import { closeSync, openSync } from 'node:fs';
import * as c from '../../datapath/nfqueue/libc.ts';

const OWN = '/proc/thread-self/ns/net';

export function inNamespace<T>(path: string, open: () => T): T {
  const own = openSync(OWN, 'r');
  const other = openSync(path, 'r');
  try {
    enter(other);
    return open();
  } finally {
    enter(own);
    closeSync(other);
    closeSync(own);
  }
}

function enter(fd: number): void {
  const libc = c.loadLibc();
  if (libc.setns(fd, c.CLONE_NEWNET) !== 0) throw new c.SystemError('setns', libc.errno());
}
