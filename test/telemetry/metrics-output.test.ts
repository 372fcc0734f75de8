/** Metrics over HTTP and in a file: two paths, one method, bounded; whole files only. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { type AddressInfo, createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openLog } from '../../src/telemetry/log.ts';
import { MetricsOutput } from '../../src/telemetry/metrics-output.ts';
import { statusOf } from '../../src/telemetry/status.ts';
import { operatorError } from '../config/operator-error.ts';
import { Lines } from './event-ring.ts';
import { readExposition } from './exposition.ts';
import { memoryOf } from './flow-memory.ts';
import { factsOf } from './status-facts.ts';

const HOST = '127.0.0.1';
let dir: string;
let port: number;
let output: MetricsOutput | undefined;
let taken = 0;
let reasons: readonly string[] = [];
const log = new Lines();

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'seqshim-metrics-'));
  port = await freePort();
  taken = 0;
  reasons = [];
  log.lines.splice(0);
});
afterEach(() => {
  output?.close();
  rmSync(dir, { recursive: true });
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, HOST, resolve));
  const { port: free } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return free;
}

async function open(metricsFile?: string, http = true): Promise<MetricsOutput> {
  const take = () => {
    taken++;
    const status = statusOf(factsOf(memoryOf([]), { reasons }));
    return { status, latency: { count: 0, sum: 0, below: [] } };
  };
  const metrics = http ? { host: HOST, port } : undefined;
  const opened = new MetricsOutput(
    { metrics, metricsFile },
    openLog({ level: 'info', format: 'json' }, log),
    take,
  );
  await opened.open();
  output = opened;
  return opened;
}

const get = (path: string, init: RequestInit = {}) => fetch(`http://${HOST}:${port}${path}`, init);

describe('--metrics', () => {
  it('answers /metrics in Prometheus’s format', async () => {
    await open();
    const answer = await get('/metrics?x=1');
    expect([answer.status, answer.headers.get('content-type')]).toEqual([
      200,
      'text/plain; version=0.0.4; charset=utf-8',
    ]);
    expect(readExposition(await answer.text()).length).toBeGreaterThan(50);
  });

  it('answers /healthz: 200, or 503 with the reasons', async () => {
    await open();
    expect(await (await get('/healthz')).text()).toBe('ok\n');
    reasons = ['packet loop is stuck'];
    await pause(1100);
    const sick = await get('/healthz');
    expect([sick.status, await sick.text()]).toEqual([503, 'packet loop is stuck\n']);
  });

  it('answers nothing else', async () => {
    await open();
    for (const path of ['/', '/metrics/', '/../metrics/x', '/favicon.ico']) {
      expect((await get(path)).status, path).toBe(404);
    }
    for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS', 'HEAD']) {
      const answer = await get('/metrics', { method });
      expect([answer.status, answer.headers.get('allow')], method).toEqual([405, 'GET']);
    }
  });

  it('takes the figures once a second, however many ask', async () => {
    await open();
    await Promise.all(Array.from({ length: 12 }, () => get('/metrics').then((a) => a.text())));
    expect(taken).toBe(1);
    await Promise.all(Array.from({ length: 12 }, () => get('/healthz').then((a) => a.text())));
    expect(taken).toBe(2);
  });

  it('lets go of who says nothing, or too much, and goes on', async () => {
    await open();
    const silent = createConnection(port, HOST);
    const beganMs = performance.now();
    const gone = new Promise((resolve) => silent.on('close', resolve));
    silent.on('error', () => {});
    const long = createConnection(port, HOST, () => long.write(`GET /${'x'.repeat(20_000)}`));
    let said = '';
    long.on('error', () => {});
    await new Promise((resolve) => {
      long.on('data', (chunk: Buffer) => {
        said += chunk.toString('utf8');
      });
      long.on('close', resolve);
    });
    expect(said).toMatch(/^(HTTP\/1\.1 (431|400) |$)/);
    await gone;
    expect(performance.now() - beganMs).toBeLessThan(8000);
    expect((await get('/metrics')).status).toBe(200);
  }, 20_000);

  it('says in one line that the port is taken', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(port, HOST, resolve));
    expect(await operatorError(() => open(), 2)).toBe(
      `Cannot serve metrics on ${HOST}:${port}: EADDRINUSE. Name another: --metrics`,
    );
    await new Promise((resolve) => other.close(resolve));
  });

  it('is not there when nobody asked', async () => {
    await open(undefined, false);
    await expect(get('/metrics')).rejects.toThrow();
    expect(taken).toBe(0);
  });
});

describe('--metrics-file', () => {
  it('is whole, readable to all, and gone at the end', async () => {
    const file = join(dir, 'seqshim.prom');
    const opened = await open(file, false);
    expect(readExposition(readFileSync(file, 'utf8')).length).toBeGreaterThan(50);
    expect(statSync(file).mode & 0o444).toBe(0o444);
    expect(existsSync(`${file}.new`)).toBe(false);
    opened.close();
    expect(existsSync(file)).toBe(false);
  });

  it('that cannot be written is said once, and costs nothing else', async () => {
    const file = join(dir, 'no', 'seqshim.prom');
    const opened = await open(file);
    await opened['write'](file);
    expect(log.json()).toMatchObject([
      { level: 'warn', msg: 'metrics file cannot be written', file, because: 'ENOENT' },
    ]);
    expect((await get('/metrics')).status).toBe(200);
    mkdirSync(join(dir, 'no'));
    await opened['write'](file);
    expect(existsSync(file)).toBe(true);
  });
});
