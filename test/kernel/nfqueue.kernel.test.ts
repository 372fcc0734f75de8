/**
 * The queue against the kernel: real packets, in namespaces of our own. Needs root.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { buildProgram, FAR, figuresOf, Lab, type Program, QUEUE_NUM, run } from './nfqueue-lab.ts';

interface Figures {
  packets: number;
  batches: number;
  lenMax: number;
  batchMax: number;
  macs: number;
  warmBytes: number;
  endBytes: number;
  collections: number;
  errorCount: number;
  sendFailures: number;
}

const PORT = '7001';
const scratch = mkdtempSync(join(tmpdir(), 'seqshim-nfqueue-'));
const stopFile = join(scratch, 'stop');
let driver = '';
let peer = '';
let lab: Lab;

beforeAll(async () => {
  driver = await buildProgram('nfqueue-driver.ts');
  peer = await buildProgram('nfqueue-peer.ts');
});

afterAll(() => {
  rmSync(scratch, { recursive: true, force: true });
  for (const file of [driver, peer]) rmSync(file, { force: true });
});

beforeEach(() => {
  rmSync(stopFile, { force: true });
  lab = new Lab('q');
});

afterEach(() => lab.close());

async function startDriver(mode: string, gso = 'gso'): Promise<Program> {
  const args = ['--expose-gc', driver, mode, String(QUEUE_NUM), gso, stopFile];
  const program = lab.start(lab.near, process.execPath, ...args);
  await program.line('ready');
  return program;
}

async function startServer(flag = ''): Promise<Program> {
  const server = lab.start(lab.far, process.execPath, peer, 'serve', PORT, flag);
  await server.line('serving');
  return server;
}

/** Sends `bytes` and as many back; both lines, of the client and of the server. */
async function transfer(
  server: Program,
  host: string,
  bytes: number,
  flag = '',
): Promise<string[]> {
  server.lines.length = 0;
  const client = lab.start(lab.near, process.execPath, peer, 'send', host, PORT, `${bytes}`, flag);
  const returned = await client.line('', 60_000);
  return [await server.line('received'), returned];
}

const whole = (bytes: number) => [`received ${bytes} wrongAt -1`, `returned ${bytes} wrongAt -1`];

/** Packets that the wire carried, both ways. */
function packetsOnWire(): number {
  const [link] = JSON.parse(run('ip', '-n', lab.near, '-s', '-j', 'link', 'show', 'wire'));
  return link.stats64.rx.packets + link.stats64.tx.packets;
}

describe('Queue', () => {
  test('lets everything through whole, both families, in super-packets', async () => {
    lab.queueTcp();
    const server = await startServer();
    const program = await startDriver('accept');
    const before = packetsOnWire();
    const bytes = 200_000_000;
    expect(await transfer(server, FAR, bytes)).toEqual(whole(bytes));
    expect(await transfer(server, 'fd91::2', bytes)).toEqual(whole(bytes));
    const wire = packetsOnWire() - before;
    const figures = await figuresOf<Figures>(program, stopFile);
    expect(figures).toMatchObject({ errorCount: 0, sendFailures: 0 });
    expect(figures.lenMax).toBeGreaterThan(60_000);
    expect(figures.batchMax).toBeGreaterThan(1);
    expect(figures.macs).toBeGreaterThan(0);
    // Neighbour discovery is on the wire too, and in no queue.
    expect(wire - figures.packets).toBeGreaterThanOrEqual(0);
    expect(wire - figures.packets).toBeLessThan(50);
  });

  test('sends super-packets back rewritten, checksums complete', async () => {
    lab.queueTcp();
    const server = await startServer('cipher');
    const program = await startDriver('cipher');
    const bytes = 50_000_000;
    expect(await transfer(server, FAR, bytes, 'cipher')).toEqual(whole(bytes));
    expect(await transfer(server, 'fd91::2', bytes, 'cipher')).toEqual(whole(bytes));
    const figures = await figuresOf<Figures>(program, stopFile);
    expect(figures).toMatchObject({ errorCount: 0, sendFailures: 0 });
    expect(figures.lenMax).toBeGreaterThan(60_000);
  });

  test('drops what is dropped', async () => {
    lab.queueTcp('--tcp-flags', 'SYN', 'SYN');
    await startServer();
    await startDriver('drop');
    const client = lab.start(lab.near, process.execPath, peer, 'send', FAR, PORT, '1');
    await new Promise((resolve) => setTimeout(resolve, 1500));
    expect(client.lines).toEqual([]);
    expect(client.child.exitCode).toBe(null);
  });

  test('repeats with a mark at the first rule of the hook', async () => {
    const marked = ['-p', 'tcp', '-m', 'mark', '--mark', '0x01020304', '-j', 'RETURN'];
    lab.inNear('iptables', '-t', 'mangle', '-A', 'POSTROUTING', ...marked);
    lab.inNear('iptables', '-t', 'mangle', '-A', 'INPUT', ...marked);
    lab.queueTcp();
    const server = await startServer();
    const program = await startDriver('repeat');
    expect(await transfer(server, FAR, 1_000_000)).toEqual(whole(1_000_000));
    const { packets } = await figuresOf<Figures>(program, stopFile);
    expect(packets).toBeGreaterThan(10);
    const rules = lab.inNear('iptables', '-t', 'mangle', '-vxnL').split('\n');
    const counts = rules
      .filter((line) => line.includes('RETURN'))
      .map((line) => Number(line.trim().split(/\s+/)[0]));
    // Every packet met the mark rule once more, with the mark on.
    expect(counts[0]).toBeGreaterThan(0);
    expect((counts[0] ?? 0) + (counts[1] ?? 0)).toBe(packets);
  });

  test('allocates nothing a packet: the heap is flat over half a million', async () => {
    lab.queueTcp();
    const server = await startServer();
    const program = await startDriver('accept', 'no-gso');
    const bytes = 400_000_000;
    expect(await transfer(server, FAR, bytes)).toEqual(whole(bytes));
    const figures = await figuresOf<Figures>(program, stopFile);
    expect(figures.packets).toBeGreaterThan(500_000);
    // Nothing was swept up in between: this is everything that was allocated.
    expect(figures.collections).toBe(0);
    expect(figures.endBytes - figures.warmBytes).toBeLessThan(2_000_000);
  });

  test('waits as long as told, and wakes at once', async () => {
    const program = await startDriver('wait');
    const line = await program.line('waited');
    const [t1, took1, n1, t2, took2, n2, t3, took3, n3, t4, took4, n4, wake, nw] = JSON.parse(
      line.slice('waited '.length),
    ) as number[];
    expect([n1, n2, n3, n4, nw]).toEqual([0, 0, 0, 0, 0]);
    for (const [ms = 0, took = 0] of [
      [t1, took1],
      [t2, took2],
      [t3, took3],
      [t4, took4],
    ]) {
      expect(took).toBeGreaterThan(ms * 0.5);
      expect(took).toBeLessThan(ms + 60);
    }
    expect(wake).toBeLessThan(100);
  });

  test('says who holds the queue', async () => {
    const first = await startDriver('accept');
    const second = lab.start(lab.near, process.execPath, driver, 'accept', String(QUEUE_NUM));
    const line = await second.line('failed');
    expect(line).toMatch(
      new RegExp(
        `^failed Cannot use queue ${QUEUE_NUM}: it is taken by another program .*--queue-num$`,
      ),
    );
    expect(line).toContain(String(first.child.pid));
    expect(await second.exit()).toBe(1);
  });

  test('says that it needs privileges', async () => {
    // Still root by name: a checkout below /root must be readable.
    const drop = ['setpriv', '--bounding-set=-all'];
    const program = lab.start(lab.near, ...drop, process.execPath, driver);
    expect(await program.line('failed')).toBe(
      'failed Cannot open the queue: run as root, or with CAP_NET_ADMIN',
    );
  });

  test('killed, it leaves traffic alone', async () => {
    lab.queueTcp();
    const server = await startServer();
    const program = await startDriver('accept');
    expect(await transfer(server, FAR, 1_000_000)).toEqual(whole(1_000_000));
    const client = lab.start(lab.near, process.execPath, peer, 'send', FAR, PORT, '300000000');
    server.lines.length = 0;
    await new Promise((resolve) => setTimeout(resolve, 150));
    program.kill('SIGKILL');
    // The transfer under way retransmits what the dying queue dropped; new ones pass at once.
    expect(await client.line('', 60_000)).toBe('returned 300000000 wrongAt -1');
    expect(await transfer(server, FAR, 1_000_000)).toEqual(whole(1_000_000));
  });

  test('is claimed and given back under traffic without an error', async () => {
    lab.queueTcp();
    const server = await startServer();
    const client = lab.start(lab.near, process.execPath, peer, 'send', FAR, PORT, '2000000000');
    for (let i = 0; i < 5; i++) {
      const program = await startDriver('accept');
      program.kill('SIGKILL');
      await program.exit();
    }
    expect(client.lines).toEqual([]);
    expect(client.child.exitCode).toBe(null);
    expect(server.lines).toEqual(['serving']);
  });
});
