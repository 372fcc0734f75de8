/**
 * `GET /metrics` and `GET /healthz` over HTTP, and nothing else. Bounded: few connections, short
 * time-outs, no bodies, one answer a connection, and the figures are taken once a second at most,
 * whoever asks how often. Owns the listening socket.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { OperatorError } from '../config/errors.ts';
import type { ListenAddress } from '../config/metrics-options.ts';
import { endpoint } from './event-log.ts';

const CONNECTIONS_MAX = 16;
const HEADER_BYTES_MAX = 8192;
const REQUEST_MS = 5000;
const FRESH_MS = 1000;

export interface MetricsSource {
  readonly contentType: string;
  text(): Promise<string>;
  /** Why it is not well; empty: it is. */
  problems(): readonly string[];
}

export function serveMetrics(at: ListenAddress, source: MetricsSource): Promise<Server> {
  const fresh: MetricsSource = {
    contentType: source.contentType,
    text: remember(() => source.text()),
    problems: remember(() => source.problems()),
  };
  const server = createServer(
    {
      maxHeaderSize: HEADER_BYTES_MAX,
      headersTimeout: REQUEST_MS,
      requestTimeout: REQUEST_MS,
      connectionsCheckingInterval: REQUEST_MS / 5,
    },
    (request, response) => void respond(request, response, fresh),
  );
  server.maxConnections = CONNECTIONS_MAX;
  server.setTimeout(REQUEST_MS, (socket) => socket.destroy());
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(problem(at, error)));
    server.listen(at.port, at.host, () => resolve(server));
  });
}

function problem({ host, port }: ListenAddress, error: NodeJS.ErrnoException): OperatorError {
  const why = error.code ?? error.message;
  return new OperatorError(
    `Cannot serve metrics on ${endpoint(host, port)}: ${why}. Name another: --metrics`,
  );
}

/** One answer for all who ask within a second. */
function remember<T>(make: () => T): () => T {
  let made: { readonly value: T; readonly atMs: number } | undefined;
  return () => {
    const nowMs = performance.now();
    if (made === undefined || nowMs - made.atMs >= FRESH_MS) made = { value: make(), atMs: nowMs };
    return made.value;
  };
}

async function respond(
  request: IncomingMessage,
  response: ServerResponse,
  source: MetricsSource,
): Promise<void> {
  const say = (status: number, text: string, type = 'text/plain; charset=utf-8') => {
    response.writeHead(status, {
      'Content-Type': type,
      'Cache-Control': 'no-store',
      'X-Content-Type-Options': 'nosniff',
      Connection: 'close',
      ...(status === 405 ? { Allow: 'GET' } : {}),
    });
    response.end(text);
  };
  if (request.method !== 'GET') return say(405, 'GET only\n');
  const path = request.url?.split('?')[0];
  if (path === '/healthz') {
    const problems = source.problems();
    return problems.length === 0 ? say(200, 'ok\n') : say(503, `${problems.join('; ')}\n`);
  }
  if (path !== '/metrics') return say(404, 'Ask for /metrics or /healthz\n');
  try {
    say(200, await source.text(), source.contentType);
  } catch {
    say(500, 'The metrics cannot be read\n');
  }
}
