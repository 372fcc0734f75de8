/**
 * One instance per network namespace: an abstract Unix socket, which the kernel binds to the
 * namespace and lets go of when the process dies. Says who holds it. Owns that socket.
 */
import { createConnection, createServer, type Server } from 'node:net';
import { OperatorError } from '../config/errors.ts';
import { EXIT_NO } from '../config/exit-codes.ts';

const NAME = '\0seqshim';
const ASK_MS = 500;

export interface InstanceLock {
  release(): void;
}

/** The lock, or the process id of its holder (0: it does not say). */
export async function takeLock(): Promise<InstanceLock | { readonly heldBy: number }> {
  const server: Server = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    socket.end(`${process.pid}\n`);
  });
  server.unref();
  const taken = await new Promise<boolean>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(false);
      else reject(error);
    });
    server.listen({ path: NAME }, () => resolve(true));
  });
  if (taken) return { release: () => server.close() };
  return { heldBy: await holder() };
}

function holder(): Promise<number> {
  return new Promise((resolve) => {
    const socket = createConnection({ path: NAME });
    let text = '';
    socket.setTimeout(ASK_MS, () => socket.destroy());
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('utf8');
    });
    socket.on('error', () => resolve(0));
    socket.on('close', () => resolve(Number.parseInt(text, 10) || 0));
  });
}

/** For whoever is to be the only one. */
export async function claimInstance(): Promise<InstanceLock> {
  const lock = await takeLock();
  if ('release' in lock) return lock;
  const who = lock.heldBy === 0 ? 'another process' : `pid ${lock.heldBy}`;
  throw new OperatorError(
    `Cannot start: seqshim already runs here (${who}). Stop it first, or look: seqshim status`,
    EXIT_NO,
  );
}
