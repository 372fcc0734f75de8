/** The control protocol over a real Unix socket: whatever a client does, the shim goes on. */
import { lstatSync, readFileSync, writeFileSync } from 'node:fs';
import { createConnection, createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { loadConfig } from '../../src/config/config.ts';
import { LiveShim } from '../../src/datapath/live-shim.ts';
import { State } from '../../src/datapath/state/state.ts';
import type { Peer } from '../../src/telemetry/audit.ts';
import { ask } from '../../src/telemetry/control-client.ts';
import type { ControlRequest } from '../../src/telemetry/control-server.ts';
import { openLog } from '../../src/telemetry/log.ts';
import { operatorError } from '../config/operator-error.ts';
import { answerTo, ControlRig, say } from './control-rig.ts';
import { Lines } from './event-ring.ts';

const UNREADABLE = '{"error":"Cannot read the request: send one line of JSON"}\n';
const WITHOUT_OP = '{"error":"Cannot read the request: it has no \\"op\\""}\n';
/** More than a Unix socket holds. */
const BIG_BYTES = 4 << 20;

let rig: ControlRig;
beforeEach(() => {
  rig = new ControlRig();
});
afterEach(async () => {
  vi.useRealTimers();
  await rig.close();
});

/** Looks every 10 ms of real time, whatever timers are fake; the test's own limit ends it. */
function until(holds: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    const look = setInterval(() => {
      if (!holds()) return;
      clearInterval(look);
      resolve();
    }, 10);
  });
}

const echo = (request: ControlRequest) => ({ schema: 1, got: request });

describe('serveControl()', () => {
  it('answers one line with one line, once, and closes', async () => {
    await rig.serve(echo);
    expect(await say(rig.path, '{"op":"a","x":1}\n{"op":"b"}\n')).toBe(
      '{"schema":1,"got":{"op":"a","x":1}}\n',
    );
  });

  it('takes a line that comes in pieces', async () => {
    await rig.serve(echo);
    const answer = new Promise<string>((resolve) => {
      const socket = createConnection(rig.path, async () => {
        for (const piece of ['{"op', '":"sta', 'tus"', '}', '\n']) {
          socket.write(piece);
          await new Promise((next) => setTimeout(next, 5));
        }
      });
      socket.on('data', (chunk: Buffer) => resolve(String(chunk)));
    });
    expect(JSON.parse(await answer)).toEqual({ schema: 1, got: { op: 'status' } });
  });

  it.each([
    ['nothing', '\n'],
    ['words', 'status\n'],
    ['half JSON', '{"op":\n'],
    ['HTTP', 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['binary', Buffer.from([0xff, 0xfe, 0, 0x80, 10])],
  ])('refuses %s', async (_what, data) => {
    await rig.serve(echo);
    expect(await say(rig.path, data)).toBe(UNREADABLE);
  });

  it.each(['null', '7', '"op"', '[]', '{}', '{"op":1}', '{"op":{"toString":1}}'])(
    'refuses %s, which asks for nothing',
    async (line) => {
      await rig.serve(echo);
      expect(await say(rig.path, `${line}\n`)).toBe(WITHOUT_OP);
    },
  );

  it('refuses a line longer than 4 KiB, with and without an end, and goes on', async () => {
    await rig.serve(echo);
    const long = `{"op":"${'x'.repeat(4096)}"}`;
    expect(await say(rig.path, `${long}\n`)).toBe(UNREADABLE);
    expect(await say(rig.path, long)).toBe(UNREADABLE);
    // The answer may be lost to a client that never reads while it writes 8 MiB: the server is not.
    await say(rig.path, 'x'.repeat(8 << 20));
    expect(await answerTo(rig.path, { op: 'still' })).toMatchObject({ got: { op: 'still' } });
  });

  it('lets go of a client that says nothing for two seconds', async () => {
    await rig.serve(echo);
    const beganMs = performance.now();
    expect(await say(rig.path, '{"op":"status"')).toBe('');
    expect(performance.now() - beganMs).toBeGreaterThan(1900);
  });

  it('lets go after ten seconds of a client that never finishes', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    await rig.serve(echo);
    let closed = false;
    const socket = createConnection(rig.path);
    socket.on('error', () => {});
    socket.on('close', () => {
      closed = true;
    });
    const drip = setInterval(() => socket.write('x'), 20);
    await until(() => vi.getTimerCount() === 1 && socket.bytesWritten > 5);
    vi.advanceTimersByTime(9_999);
    const before = socket.bytesWritten;
    await until(() => socket.bytesWritten > before + 5);
    expect(closed).toBe(false);
    vi.advanceTimersByTime(1);
    await until(() => closed);
    clearInterval(drip);
  });

  it('lets go of a client that does not read its answer', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    let answered = false;
    await rig.serve(() => {
      answered = true;
      return { big: 'x'.repeat(BIG_BYTES) };
    });
    const socket = createConnection(rig.path, () => socket.write('{"op":"a"}\n'));
    socket.on('error', () => {});
    socket.pause();
    await until(() => answered);
    vi.advanceTimersByTime(10_000);
    let bytes = 0;
    socket.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
    });
    const closed = new Promise((resolve) => socket.on('close', resolve));
    socket.resume();
    await closed;
    expect(bytes).toBeLessThan(BIG_BYTES);
  });

  it('survives a hundred connections at once, and then answers', async () => {
    await rig.serve(echo);
    const line = '{"op":"a"}\n';
    const answers = await Promise.all(Array.from({ length: 100 }, () => say(rig.path, line)));
    const answered = answers.filter((answer) => answer.includes('"got"')).length;
    expect(answered).toBeGreaterThanOrEqual(32);
    expect(answers.filter((answer) => answer === '').length).toBe(100 - answered);
    expect(await answerTo(rig.path, { op: 'after' })).toMatchObject({ got: { op: 'after' } });
  });

  it('turns an error of the handler into an answer', async () => {
    await rig.serve(() => {
      throw new Error('it broke');
    });
    expect(await answerTo(rig.path, { op: 'status' })).toEqual({
      error: 'Cannot answer "status": it broke',
    });
  });

  it('is for root and its group only', async () => {
    await rig.serve(echo);
    expect(lstatSync(rig.path).mode & 0o777).toBe(0o660);
  });

  it('takes the place of a socket that a killed instance left, and of nothing else', async () => {
    const left = createServer();
    await new Promise<void>((resolve) => left.listen(rig.path, resolve));
    await rig.serve(echo);
    expect(await answerTo(rig.path, { op: 'a' })).toMatchObject({ schema: 1 });

    const other = new ControlRig();
    writeFileSync(other.path, 'precious');
    expect(await operatorError(() => other.serve(echo), 2)).toBe(
      `Cannot open control socket ${other.path}: EADDRINUSE. Name another: --control`,
    );
    expect(readFileSync(other.path, 'utf8')).toBe('precious');
    await other.close();
    await new Promise((resolve) => left.close(resolve));
  });
});

describe('ask()', () => {
  it('brings the answer', async () => {
    await rig.serve(echo);
    expect(await ask(rig.path, { op: 'flows', all: true })).toEqual({
      schema: 1,
      got: { op: 'flows', all: true },
    });
  });

  it('says with exit code 3 that nothing runs, and what to do', async () => {
    const hint = 'Start it with seqshim run, or name its socket with --control';
    for (const path of [rig.path, join(rig.dir, 'no/where'), '/etc/passwd/control.sock']) {
      expect(await operatorError(() => ask(path, { op: 'status' }), 3)).toBe(
        `seqshim is not running (${path}). ${hint}`,
      );
    }
    writeFileSync(join(rig.dir, 'file'), '');
    await operatorError(() => ask(join(rig.dir, 'file'), { op: 'status' }), 3);
  });

  it('hands on what the other side refuses, with exit code 1', async () => {
    await rig.serve(() => ({ error: 'Cannot do "x": ask for something else' }));
    expect(await operatorError(() => ask(rig.path, { op: 'x' }), 1)).toBe(
      'Cannot do "x": ask for something else',
    );
  });

  it.each([
    ['HTTP/1.1 400 Bad Request\r\n\r\n', /^Cannot read the answer of .*: is it seqshim\?$/],
    ['', /^No answer from .*: it is busy or stopping, try again$/],
  ])('understands that %j is no answer', async (answer, line) => {
    const foreign = createServer((socket) => socket.resume().end(answer));
    await new Promise<void>((resolve) => foreign.listen(rig.path, resolve));
    expect(await operatorError(() => ask(rig.path, { op: 'status' }), 1)).toMatch(line);
    await new Promise((resolve) => foreign.close(resolve));
  });
});

const ROOT_PEER = { uid: 0, gid: 0, pid: 7, groups: [] };

describe('the live shim', () => {
  const log = new Lines();

  /** Everybody is `peer`; nobody can be of group 1234 by chance. */
  async function serveShim(peer?: Peer): Promise<void> {
    const config = await loadConfig({ target: '10.0.0.0/8', flows: '64' });
    // The level is no way to lose the lines of an audit.
    const logger = openLog({ level: 'error', format: 'json' }, log);
    const state = new State({ ...config, runDir: rig.dir }, logger);
    const shim = new LiveShim(config, logger, { release: () => {} }, state);
    shim['desk']['adminGid'] = 1234;
    await rig.serve((request, who) => shim['desk'].answer(request, who), peer);
  }
  beforeEach(() => void log.lines.splice(0));

  it('answers status before it is ready, flows without flows, keep without an end', async () => {
    await serveShim(ROOT_PEER);
    expect(await answerTo(rig.path, { op: 'status' })).toMatchObject({
      schema: 1,
      ready: false,
      targets: ['10.0.0.0/8'],
      rules: { backend: 'none' },
      packets: 0,
      flows: { current: 0, peak: 0, capacity: 64 },
    });
    expect(await answerTo(rig.path, { op: 'flows', all: 'what' })).toEqual({
      schema: 1,
      total: 0,
      flows: [],
    });
    expect(await answerTo(rig.path, { op: 'keep' })).toEqual({ schema: 1, kept: false });
  });

  it.each(['', 'constructor', '__proto__', 'STATUS', 'a\nb'])('refuses %j', async (op) => {
    await serveShim();
    expect(await answerTo(rig.path, { op })).toEqual({
      error: `Cannot do "${op}": ask for status, top, report, flows, paths, forget, keep or stop`,
    });
  });

  it.each(['status', 'top', 'report', 'flows', 'paths'])('answers %s to anybody', async (op) => {
    await serveShim({ uid: 65_534, gid: 65_534, pid: 8, groups: [] });
    expect(await answerTo(rig.path, { op })).toMatchObject({ schema: 1 });
    expect(log.lines).toEqual([]);
  });

  it.each([
    ['somebody', { uid: 1000, gid: 1000, pid: 8, groups: [27, 1000] }],
    ['nobody that the kernel names', undefined],
  ])('changes nothing for %s, and says who asked', async (_who, peer) => {
    await serveShim(peer);
    for (const op of ['keep', 'stop', 'forget']) {
      expect(await answerTo(rig.path, { op, address: '10.0.0.2', port: 22 })).toEqual({
        error: `Cannot ${op}: only root and members of group seqshim-admin may. Run this as root`,
      });
    }
    const asked = { uid: peer?.uid ?? null, gid: peer?.gid ?? null, pid: peer?.pid ?? null };
    const lines = log.json().map(({ time: _time, ...line }) => line);
    const refused = { level: 'warn', msg: 'audit', ...asked, allowed: false };
    expect(lines).toEqual([
      { ...refused, command: 'keep', old: null, new: null },
      { ...refused, command: 'stop', old: 'running', new: 'stopped' },
      { ...refused, command: 'forget', about: '10.0.0.2 22', old: [], new: [] },
    ]);
  });

  it.each([
    ['root', ROOT_PEER],
    ['whose group it is', { uid: 1000, gid: 1234, pid: 8, groups: [] }],
    ['a member of the group', { uid: 1000, gid: 1000, pid: 8, groups: [27, 1234] }],
  ])('changes what %s asks for, and says so', async (_who, peer) => {
    await serveShim(peer);
    const forget = { op: 'forget', address: '10.0.0.2', port: 22 };
    expect(await answerTo(rig.path, forget)).toEqual({ schema: 1, forgotten: 0 });
    const { uid, gid, pid } = peer;
    const said = { level: 'info', msg: 'audit', uid, gid, pid, command: 'forget', allowed: true };
    expect(log.json()).toMatchObject([said]);
  });
});
