/**
 * The applications of the lab (`dist/peer.js`): an echo server that waits for the client, a bulk
 * server that sends or takes octets, and their clients. Prints one line of JSON per conversation.
 *
 *   serve ECHOPORT BULKPORT · talk HOST PORT DELAYMS [SILENCEMS] · hold HOST PORT ·
 *   many HOST PORT COUNT WIDTH TIMEOUTMS ·
 *   bulk HOST PORT up|down BYTES [PAUSEMS of a slow reader]
 */
import { createHash, type Hash } from 'node:crypto';
import { createConnection, createServer, type Socket } from 'node:net';

/** The client waits for it, as real protocols do: nothing is in flight then. */
const GO = 'go\n';
/** Servers do before they answer: the acknowledgement of the question comes by itself. */
const THINKS_MS = 20;
const CHUNK = Buffer.alloc(65_536, 'seqshim makes TCP survive broken middleboxes. ');

function serve(echoPort: number, bulkPort: number): void {
  createServer((socket) => {
    socket.on('error', () => socket.destroy());
    socket.on('data', (chunk) => {
      const [word = '', ms = ''] = chunk.toString('latin1').trim().split(' ');
      if (word === 'RESET') socket.resetAndDestroy();
      else if (word === 'TICK') tick(socket, Number(ms));
      else socket.write(chunk);
    });
  }).listen(echoPort, '::');
  createServer({ allowHalfOpen: true }, (socket) => bulkServer(socket)).listen(bulkPort, '::');
}

/** Talks to a client that only reads, and after `ms` resets it. */
function tick(socket: Socket, ms: number): void {
  const timer = setInterval(() => socket.write('tick\n'), 100);
  setTimeout(() => {
    clearInterval(timer);
    socket.resetAndDestroy();
  }, ms);
  socket.on('close', () => clearInterval(timer));
}

/**
 * First line: `up N [PAUSEMS]` (we say `go`, the client sends N octets, we answer with their hash
 * and how long they took from the first to the last, and the longest time between two) or `down N`.
 */
function bulkServer(socket: Socket): void {
  let header = '';
  socket.on('error', () => socket.destroy());
  const onHeader = (chunk: Buffer) => {
    const at = chunk.indexOf(10);
    header += chunk.toString('latin1', 0, at < 0 ? chunk.length : at);
    if (at < 0) return;
    socket.off('data', onHeader);
    const [way, size, pauseMs] = header.split(' ');
    if (way === 'down') {
      setTimeout(() => send(socket, Number(size), () => socket.end()), THINKS_MS);
      return;
    }
    slowly(socket, Number(pauseMs));
    setTimeout(() => socket.write(GO), THINKS_MS);
    const told = (hash: string, ms: number, gapMs: number) =>
      socket.end(`${hash} ${ms} ${gapMs}\n`);
    receive(socket, chunk.subarray(at + 1), told);
  };
  socket.on('data', onHeader);
}

/** Sends `bytes` octets that depend on their position. */
function send(socket: Socket, bytes: number, done: (hash: string) => void): void {
  const hash = createHash('sha256');
  let left = bytes;
  const more = () => {
    while (left > 0) {
      const chunk = left < CHUNK.length ? CHUNK.subarray(0, left) : Buffer.from(CHUNK);
      if (chunk.length >= 8) chunk.writeDoubleBE(left, 0);
      left -= chunk.length;
      hash.update(chunk);
      if (!socket.write(chunk)) {
        socket.once('drain', more);
        return;
      }
    }
    done(hash.digest('hex'));
  };
  more();
}

/**
 * Hands over the hash, ms from the first octet to the last (without the handshake), and the longest
 * time in which nothing came.
 */
function receive(
  socket: Socket,
  first: Buffer,
  done: (hash: string, transferMs: number, gapMs: number) => void,
): void {
  const hash: Hash = createHash('sha256').update(first);
  let firstAtMs = first.length > 0 ? performance.now() : 0;
  let lastAtMs = firstAtMs;
  let gapMs = 0;
  socket.on('data', (chunk) => {
    const nowMs = performance.now();
    if (firstAtMs === 0) firstAtMs = nowMs;
    else gapMs = Math.max(gapMs, nowMs - lastAtMs);
    lastAtMs = nowMs;
    hash.update(chunk);
  });
  socket.on('end', () =>
    done(hash.digest('hex'), Math.round(performance.now() - firstAtMs), Math.round(gapMs)),
  );
}

function report(started: number, result: Record<string, unknown>, exitCode: number): void {
  process.stdout.write(
    `${JSON.stringify({ ...result, ms: Math.round(performance.now() - started) })}\n`,
  );
  process.exitCode = exitCode;
}

/** Speaks after `delayMs`, and once more when it has been answered and silent for `silenceMs`. */
function talk(host: string, port: number, delayMs: number, silenceMs: number): void {
  const started = performance.now();
  const words = `hello ${Math.random()}\n`;
  let wanted = words;
  let heard = '';
  const socket = createConnection(port, host);
  const say = () => socket.write(words);
  socket.on('error', (error: NodeJS.ErrnoException) =>
    report(started, { ok: false, error: error.code }, 1),
  );
  socket.on('connect', () => setTimeout(say, delayMs));
  socket.on('data', (chunk) => {
    heard += chunk.toString('latin1');
    if (heard !== wanted) return;
    if (silenceMs > 0 && wanted === words) {
      wanted += words;
      setTimeout(say, silenceMs);
      return;
    }
    socket.end();
    report(started, { ok: true }, 0);
  });
}

/** `count` short conversations, `width` at a time; each prints what came of it. */
async function many(host: string, port: number, count: number, width: number, limitMs: number) {
  for (let left = count; left > 0; left -= width) {
    const batch = Array.from({ length: Math.min(left, width) }, () => brief(host, port, limitMs));
    await Promise.all(batch);
  }
}

function brief(host: string, port: number, limitMs: number): Promise<void> {
  return new Promise((resolve) => {
    const started = performance.now();
    const socket = createConnection(port, host);
    let ended = false;
    const end = (error?: string) => {
      if (ended) return;
      ended = true;
      report(started, { ok: error === undefined, error }, 0);
      socket.destroy();
      resolve();
    };
    socket.setTimeout(limitMs, () => end('ETIMEDOUT'));
    socket.on('error', (error: NodeJS.ErrnoException) => end(error.code ?? 'failed'));
    socket.on('connect', () => socket.write('hello\n'));
    socket.on('data', () => end());
  });
}

/** Stays connected; each line on stdin is said, each answer and the end are printed. */
function hold(host: string, port: number): void {
  const started = performance.now();
  const socket = createConnection(port, host);
  const say = (event: string, detail = '') =>
    process.stdout.write(
      `${JSON.stringify({ event, detail, ms: Math.round(performance.now() - started) })}\n`,
    );
  socket.setNoDelay(true);
  socket.on('connect', () => say('connected', String(socket.localPort)));
  socket.on('data', (chunk) => say('heard', chunk.toString('latin1')));
  socket.on('end', () => say('end'));
  socket.on('error', (error: NodeJS.ErrnoException) => say('error', error.code));
  socket.on('close', () => process.exit(0));
  process.stdin.on('data', (chunk: Buffer) => socket.write(chunk));
  process.stdin.on('end', () => socket.end());
}

function bulk(host: string, port: number, way: string, bytes: number, pauseMs: number): void {
  const started = performance.now();
  const socket = createConnection({ port, host, allowHalfOpen: true });
  const fail = (error: NodeJS.ErrnoException) =>
    report(started, { ok: false, error: error.code }, 1);
  socket.on('error', fail);
  socket.write(`${way} ${bytes} ${pauseMs}\n`);
  if (way === 'down') {
    let received = 0;
    slowly(socket, pauseMs);
    socket.on('data', (chunk) => {
      received += chunk.length;
    });
    receive(socket, Buffer.alloc(0), (hash, transferMs, gapMs) => {
      socket.end();
      const ok = received === bytes && hash === expected(bytes);
      report(started, { ok, bytes: received, hash, transferMs, gapMs }, ok ? 0 : 1);
    });
    return;
  }
  let said = '';
  let hash = '';
  socket.on('data', (chunk) => {
    const began = said.startsWith(GO);
    said += chunk.toString('latin1');
    if (began || !said.startsWith(GO)) return;
    send(socket, bytes, (ours) => {
      hash = ours;
      socket.end();
    });
  });
  socket.on('end', () => {
    const [theirs, ms, gapMs] = said.slice(GO.length).trim().split(' ');
    const ok = hash !== '' && theirs === hash;
    const times = { transferMs: Number(ms), gapMs: Number(gapMs) };
    report(started, { ok, bytes, hash, ...times }, ok ? 0 : 1);
  });
}

/** A slow reader: takes what has come, then rests. */
function slowly(socket: Socket, pauseMs: number): void {
  if (!(pauseMs > 0)) return;
  socket.on('data', () => {
    socket.pause();
    setTimeout(() => socket.resume(), pauseMs);
  });
}

function expected(bytes: number): string {
  let out = '';
  const sink = { write: () => true } as unknown as Socket;
  send(sink, bytes, (hash) => {
    out = hash;
  });
  return out;
}

const [role, ...args] = process.argv.slice(2);
const [first = '', second = '', third = '', fourth = '', fifth = '0'] = args;
if (role === 'serve') serve(Number(first), Number(second));
else if (role === 'talk') talk(first, Number(second), Number(third), Number(fourth || 0));
else if (role === 'many') {
  void many(first, Number(second), Number(third), Number(fourth), Number(fifth));
} else if (role === 'hold') hold(first, Number(second));
else if (role === 'bulk') bulk(first, Number(second), third, Number(fourth), Number(fifth));
else process.exit(2);
