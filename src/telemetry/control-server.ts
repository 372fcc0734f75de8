/**
 * The control socket: one JSON request a line, one JSON answer a line. Bounded: one line of at most
 * 4 KiB, one answer, then the connection closes. Owns the socket file (0660).
 */
import { chmodSync, unlinkSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';

const REQUEST_BYTES_MAX = 4096;
const IDLE_MS = 2000;
const CONNECTIONS_MAX = 32;

export interface ControlRequest {
  readonly op: string;
  readonly [key: string]: unknown;
}

export type ControlHandler = (request: ControlRequest) => unknown;

export function serveControl(path: string, handle: ControlHandler): Promise<Server> {
  const server = createServer((socket) => serve(socket, handle));
  server.maxConnections = CONNECTIONS_MAX;
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    try {
      unlinkSync(path); // of an instance that was killed: the lock says that none is alive
    } catch {
      // none was there
    }
    server.listen(path, () => {
      chmodSync(path, 0o660);
      resolve(server);
    });
  });
}

function serve(socket: Socket, handle: ControlHandler): void {
  let text = '';
  socket.setEncoding('utf8');
  socket.setTimeout(IDLE_MS, () => socket.destroy());
  socket.on('error', () => socket.destroy());
  socket.on('data', (chunk: string) => {
    text += chunk;
    const end = text.indexOf('\n');
    if (end < 0 && text.length <= REQUEST_BYTES_MAX) return;
    const line = end < 0 ? '' : text.slice(0, end);
    socket.removeAllListeners('data');
    socket.end(`${JSON.stringify(answer(line, handle))}\n`);
  });
}

function answer(line: string, handle: ControlHandler): unknown {
  let request: unknown;
  try {
    request = JSON.parse(line);
  } catch {
    return { error: 'Cannot read the request: send one line of JSON' };
  }
  if (typeof request !== 'object' || request === null || !('op' in request)) {
    return { error: 'Cannot read the request: it has no "op"' };
  }
  return handle(request as ControlRequest);
}
