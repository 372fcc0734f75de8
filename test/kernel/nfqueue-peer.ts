/**
 * Both ends of a transfer, for the kernel tests. `serve PORT` takes what comes and sends as much
 * back; `send HOST PORT BYTES [cipher]` prints whether both directions arrived as they were sent.
 * `echo PORT` sends back each octet at once; `rally HOST PORT COUNT` sends one when the last is
 * back, and says in the end how long it waited for its processor, in ms.
 * The data is a counter in every 8 octets, so that nothing can be in the wrong place unnoticed.
 */
import { readFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';

const CHUNK_BYTES = 65_536;

/** The octets [from, from + CHUNK_BYTES) of the stream, `from` a multiple of 8. */
function chunkAt(from: number): Buffer {
  const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
  for (let i = 0; i < CHUNK_BYTES; i += 8) chunk.writeDoubleLE((from + i) * 1.0000001, i);
  return chunk;
}

/** Checks a stream against what it should be, and counts. */
class Checker {
  bytes = 0;
  wrongAt = -1;
  private readonly mask: number;
  private expected: Uint8Array = Buffer.alloc(0);
  private expectedFrom = 0;

  constructor(cipher: boolean) {
    this.mask = cipher ? 0x55 : 0;
  }

  take(data: Buffer): void {
    for (let i = 0; i < data.length; ) {
      const at = this.bytes - this.expectedFrom;
      if (at >= this.expected.length) {
        this.expectedFrom = this.bytes - (this.bytes % CHUNK_BYTES);
        this.expected = chunkAt(this.expectedFrom);
        if (this.mask !== 0) this.expected = this.expected.map((octet) => octet ^ this.mask);
        continue;
      }
      const count = Math.min(data.length - i, this.expected.length - at);
      const same = Buffer.compare(
        data.subarray(i, i + count),
        this.expected.subarray(at, at + count),
      );
      if (same !== 0 && this.wrongAt < 0) this.wrongAt = this.bytes;
      this.bytes += count;
      i += count;
    }
  }
}

function pour(socket: Socket, bytes: number): void {
  let sent = 0;
  const more = () => {
    while (sent < bytes) {
      const chunk = chunkAt(sent).subarray(0, Math.min(CHUNK_BYTES, bytes - sent));
      sent += chunk.length;
      if (!socket.write(chunk)) return;
    }
    socket.off('drain', more);
    socket.end();
  };
  socket.on('drain', more);
  more();
}

const [role, ...args] = process.argv.slice(2);
if (role === 'serve') {
  const cipher = args[1] === 'cipher';
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    const checker = new Checker(cipher);
    socket.on('data', (data) => checker.take(data));
    socket.on('error', (error) => console.log(`reset ${error.message}`));
    socket.on('end', () => {
      console.log(`received ${checker.bytes} wrongAt ${checker.wrongAt}`);
      pour(socket, checker.bytes);
    });
  });
  server.listen(Number(args[0]), '::', () => console.log('serving'));
} else if (role === 'echo') {
  const server = createServer({ noDelay: true }, (socket) => socket.pipe(socket));
  server.listen(Number(args[0]), '::', () => console.log('serving'));
} else if (role === 'rally') {
  const [host = '', port = '0', count = '0'] = args;
  let left = Number(count);
  const socket = connect({ host, port: Number(port), noDelay: true });
  socket.on('connect', () => socket.write('.'));
  socket.on('data', () => {
    if (--left > 0) socket.write('.');
    else socket.end();
  });
  socket.on('close', () => {
    // Ns on the processor, ns waiting for it, turns: Linux, Documentation/scheduler/sched-stats.rst
    const [, waitedNs] = readFileSync('/proc/self/schedstat', 'utf8').split(' ');
    console.log(`left ${left}\nwaited ${Number(waitedNs) / 1e6}`);
  });
} else {
  const [host = '', port = '0', bytes = '0', flag = ''] = args;
  const checker = new Checker(flag === 'cipher');
  const socket = connect({ host, port: Number(port), allowHalfOpen: true });
  socket.on('connect', () => pour(socket, Number(bytes)));
  socket.on('data', (data) => checker.take(data));
  socket.on('error', (error) => {
    console.log(`error ${error.message}`);
    process.exit(1);
  });
  socket.on('end', () => {
    console.log(`returned ${checker.bytes} wrongAt ${checker.wrongAt}`);
    process.exit(0);
  });
}
