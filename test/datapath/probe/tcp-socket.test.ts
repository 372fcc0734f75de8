/** Real connections over loopback, which need no privilege without a mark. */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { ReservedPorts } from '../../../src/datapath/probe/reserved-ports.ts';
import { type Heard, localAddress, TcpSocket } from '../../../src/datapath/probe/tcp-socket.ts';

const LOCAL = { family: 4, address: '127.0.0.1', mark: 0 } as const;
const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

async function serve(speak: (socket: Socket) => void): Promise<number> {
  const server = createServer(speak).listen(0, '127.0.0.1');
  servers.push(server);
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

async function hear(socket: TcpSocket): Promise<Heard> {
  for (let waitedMs = 0; waitedMs < 5000; waitedMs += 5) {
    const word = socket.hear();
    if (word.kind !== 'waiting') return word;
    await pause(5);
  }
  throw new Error('nothing was heard');
}

const bound = (port = 0, again = false): TcpSocket => {
  const socket = TcpSocket.bind({ ...LOCAL, port, again });
  if (socket === undefined) throw new Error(`port ${port} is taken`);
  return socket;
};

describe('TcpSocket', () => {
  it('connects, hears, and ends; its port can be used again at once', async () => {
    const port = await serve((socket) => socket.on('error', () => {}).end('hello\n'));
    const first = bound();
    expect(first.connect('127.0.0.1', port)).toBeUndefined();
    const word = await hear(first);
    expect(word.kind === 'data' && Buffer.from(word.bytes).toString()).toBe('hello\n');
    expect((await hear(first)).kind).toBe('end');
    first.finish();
    first.close();
    const second = bound(first.port, true);
    expect(second.connect('127.0.0.1', port)).toBeUndefined();
    expect((await hear(second)).kind).toBe('data');
    expect([second.port, second.isEstablished()]).toEqual([first.port, false]);
    second.close();
  });

  it('says what the kernel says', async () => {
    const closed = await serve(() => {});
    servers.pop()?.close();
    const socket = bound();
    const known = socket.connect('127.0.0.1', closed);
    expect(known ?? (await hear(socket))).toEqual({ kind: 'error', code: 'ECONNREFUSED' });
    socket.close();
  });
});

describe('ReservedPorts', () => {
  it('are neighbours, and nobody else gets them', () => {
    const ports = ReservedPorts.take(5, LOCAL);
    if (ports === undefined) throw new Error('no five ports in a row');
    expect(ports.last - ports.first).toBe(4);
    expect(TcpSocket.bind({ ...LOCAL, port: ports.first + 2 })).toBeUndefined();
    expect(Array.from({ length: 5 }, () => ports.next()).map(({ port }) => port)).toHaveLength(5);
    ports.release();
  });

  it('move on where one of them is taken', () => {
    const held = ReservedPorts.take(3, LOCAL);
    if (held === undefined) throw new Error('no three ports in a row');
    let draws = 0;
    // First exactly where the others are, then anywhere else.
    const low = held.first;
    const draw = () => (draws++ === 0 ? placeOf(low) : 0.01);
    const others = ReservedPorts.take(3, LOCAL, draw);
    expect(draws).toBeGreaterThan(1);
    expect(others?.first).not.toBe(held.first);
    others?.release();
    held.release();
  });
});

/** The number in [0, 1) by which a range begins there, with the ports that Linux has by default. */
function placeOf(port: number): number {
  return (port - 32_768 + 0.5) / (60_999 - 32_768 + 1 - 3 + 1);
}

it('localAddress() is where the kernel would send from', () => {
  expect(localAddress(4, '127.0.0.1', 22, 0)).toBe('127.0.0.1');
  expect(localAddress(6, '::1', 22, 0)).toBe('::1');
});
