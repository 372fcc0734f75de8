/**
 * The control socket: one JSON request a line, one JSON answer a line. Bounded: one line of at most
 * 4 KiB, one answer, then the connection closes; a connection lives ten seconds at most, two of
 * them idle. Nothing that a client sends can end the process. Owns the socket file (0660); who may
 * have what answered is for the handler to say.
 */
import { chmodSync, lstatSync, unlinkSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { OperatorError } from '../config/errors.ts';
import type { Peer } from './audit.ts';

const REQUEST_BYTES_MAX = 4096;
const IDLE_MS = 2000;
const CONNECTION_MS = 10_000;
const CONNECTIONS_MAX = 32;

export interface ControlRequest {
  readonly op: string;
  readonly [key: string]: unknown;
}

/** Who asks; undefined: the kernel does not say. */
type PeerOf = (socket: Socket) => Peer | undefined;
/** A promise is waited for. `peer` has to be called before the handler returns. */
export type ControlHandler = (request: ControlRequest, peer: () => Peer | undefined) => unknown;

export function serveControl(
  path: string,
  handle: ControlHandler,
  peerOf: PeerOf,
): Promise<Server> {
  const server = createServer((socket) =>
    serve(socket, (request) => handle(request, () => peerOf(socket))),
  );
  server.maxConnections = CONNECTIONS_MAX;
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(problem(path, error)));
    removeStale(path);
    server.listen(path, () => {
      chmodSync(path, 0o660);
      resolve(server);
    });
  });
}

/** The socket of an instance that was killed: the lock says that none is alive. */
function removeStale(path: string): void {
  try {
    if (lstatSync(path).isSocket()) unlinkSync(path);
  } catch {
    // none was there
  }
}

function problem(path: string, error: NodeJS.ErrnoException): OperatorError {
  const why = error.code ?? error.message;
  return new OperatorError(`Cannot open control socket ${path}: ${why}. Name another: --control`);
}

type Answerer = (request: ControlRequest) => unknown;

function serve(socket: Socket, handle: Answerer): void {
  let text = '';
  socket.setEncoding('utf8');
  socket.setTimeout(IDLE_MS, () => socket.destroy());
  const deadline = setTimeout(() => socket.destroy(), CONNECTION_MS);
  socket.on('close', () => clearTimeout(deadline));
  socket.on('error', () => socket.destroy());
  socket.on('data', (chunk: string) => {
    text += chunk;
    const end = text.indexOf('\n');
    if (end < 0 && text.length <= REQUEST_BYTES_MAX) return;
    socket.setTimeout(0); // how long the answer takes is no idleness of the client
    // What follows is read and forgotten, so that the answer reaches a client that goes on writing.
    socket.removeAllListeners('data').resume();
    const line = end < 0 || end > REQUEST_BYTES_MAX ? '' : text.slice(0, end);
    void answer(line, handle).then((text) => socket.end(`${JSON.stringify(text)}\n`));
  });
}

async function answer(line: string, handle: Answerer): Promise<unknown> {
  let request: unknown;
  try {
    request = JSON.parse(line);
  } catch {
    return { error: 'Cannot read the request: send one line of JSON' };
  }
  const op = (request as { op?: unknown } | null)?.op;
  if (typeof op !== 'string') return { error: 'Cannot read the request: it has no "op"' };
  try {
    return await handle(request as ControlRequest);
  } catch (error) {
    return { error: `Cannot answer "${op}": ${(error as Error).message}` };
  }
}
