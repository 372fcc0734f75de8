/** Genuine resets arrive within a second, forged ones kill nothing. Live. */
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FaultyPath } from '../../src/testbed/faulty-path.ts';
import { ADDRESS, Lab } from '../../src/testbed/lab.ts';
import { scenarioByName } from '../../src/testbed/scenarios.ts';
import { ShimProcess } from '../../src/testbed/shim-process.ts';
import { Session } from './session.ts';

const COUNT = 10;
const OTHER_TTL = 200;
const SAME_TTL = 63;
/** It forges when it is told to: while sessions are idle, or busy. */
const FORGER = scenarioByName('forged-reset-idle').fault;

let lab: Lab;
let shim: ShimProcess;
beforeAll(async () => {
  lab = await Lab.open();
  shim = await ShimProcess.open(lab);
});
afterAll(async () => {
  expect(await shim.stop()).toBe(0);
  await lab.close();
});

async function open(count: number): Promise<Session[]> {
  const sessions = Array.from({ length: count }, () => new Session(lab));
  for (const session of sessions) expect(await session.until('connected', 5000)).not.toBe(-1);
  for (const session of sessions) expect(await session.echoes('hello')).toBe(true);
  return sessions;
}

describe('forged resets', () => {
  it('twice, 200 ms apart, on sessions idle for 10 s: all ten live', async () => {
    const path = await FaultyPath.open(lab, FORGER);
    const sessions = await open(COUNT);
    await pause(10_000);
    await path.tell({ do: 'forge', ttl: OTHER_TTL, distance: 0 });
    await pause(200);
    await path.tell({ do: 'forge', ttl: OTHER_TTL, distance: 0 });
    await pause(10_000);
    for (const session of sessions) expect(await session.echoes('still here')).toBe(true);
    expect(shim.events('rst-refuted').length).toBeGreaterThanOrEqual(2 * COUNT);
    // As a genuine one without a socket would look too.
    const support = ['ip-id', 'no-timestamps'];
    expect(shim.events('rst-foreign')[0]).toMatchObject({ ttl: OTHER_TTL, support });
    for (const session of sessions) session.close();
    await path.close();
  });

  it('that words refute, and the shim is killed while it watches who spoke: all live', async () => {
    const path = await FaultyPath.open(lab, FORGER);
    const sessions = await open(COUNT);
    await pause(1000);
    const echoes = sessions.map((session) => session.echoes('the last for a while'));
    await path.tell({ do: 'forge', ttl: OTHER_TTL, distance: 0 });
    expect(await Promise.all(echoes)).toEqual(sessions.map(() => true));
    await shim.stop('SIGKILL');
    shim = await ShimProcess.open(lab);
    // Longer than it is waited for the far end, asked twice.
    await pause(4000);
    expect(shim.events('rst-released')).toEqual([]);
    for (const session of sessions) expect(await session.echoes('still here')).toBe(true);
    for (const session of sessions) session.close();
    await path.close();
  });

  it('in the middle of ten busy sessions kill none, and a genuine one behind them arrives', async () => {
    const path = await FaultyPath.open(lab, FORGER);
    const sessions = await open(COUNT);
    for (let round = 0; round < 10; round++) {
      const echoes = sessions.map((session) => session.echoes(`round ${round}`));
      await path.tell({ do: 'forge', ttl: OTHER_TTL, distance: 0 });
      expect(await Promise.all(echoes)).toEqual(sessions.map(() => true));
    }
    const ended = sessions.map((session) => {
      session.say('RESET');
      return session.until('error', 1000);
    });
    for (const waited of await Promise.all(ended)) expect(waited).not.toBe(-1);
    await path.close();
  });

  it('on a path that loses everything for 150 ms kill none', async () => {
    const path = await FaultyPath.open(lab, FORGER);
    const sessions = await open(COUNT);
    await pause(1000);
    lab.server.call('iptables', ['-A', 'INPUT', '-p', 'tcp', '-j', 'DROP']);
    await path.tell({ do: 'forge', ttl: OTHER_TTL, distance: 0 });
    await pause(150);
    lab.server.call('iptables', ['-F', 'INPUT']);
    await pause(1000);
    for (const session of sessions) expect(await session.echoes('still here')).toBe(true);
    for (const session of sessions) session.close();
    await path.close();
  });

  it('kill all ten without the shim', async () => {
    const other = await Lab.open();
    const path = await FaultyPath.open(other, FORGER);
    const sessions = Array.from({ length: COUNT }, () => new Session(other));
    for (const session of sessions) await session.until('connected', 5000);
    for (const session of sessions) expect(await session.echoes('hello')).toBe(true);
    await path.tell({ do: 'forge', ttl: OTHER_TTL, distance: 0 });
    for (const session of sessions) expect(await session.until('error', 2000)).not.toBe(-1);
    await path.close();
    await other.close();
  });

  it('of the right TTL on flows tainted by a conflict kill nothing either', async () => {
    const { fault } = scenarioByName('challenge-ack-reset');
    const path = await FaultyPath.open(lab, fault);
    const sessions = await open(COUNT);
    await pause(1000);
    await path.tell({ do: 'forge', ttl: SAME_TTL, distance: 0 });
    await pause(200);
    await path.tell({ do: 'forge', ttl: SAME_TTL, distance: 0 });
    await pause(3000);
    for (const session of sessions) expect(await session.echoes('still here')).toBe(true);
    for (const session of sessions) session.close();
    await path.close();
  });
});

describe('genuine resets', () => {
  it('reach a client that speaks, and one that only reads, on a clean flow', async () => {
    const [speaker, reader] = await open(2);
    speaker?.say('RESET');
    expect(await speaker?.until('error', 1000)).not.toBe(-1);
    expect(reader?.has('error')).toBe(false);
    reader?.close();
  });

  it('reach clients on tainted flows within a second', async () => {
    const path = await FaultyPath.open(lab, scenarioByName('challenge-ack-reset').fault);
    const sessions = await open(COUNT);
    await pause(100);
    for (const session of sessions) {
      session.say('RESET');
      const waited = await session.until('error', 1000);
      expect(waited).toBeGreaterThanOrEqual(0);
    }
    await path.close();
  });

  it('reach a client that only reads when the server process is killed', async () => {
    const path = await FaultyPath.open(lab, scenarioByName('challenge-ack-reset').fault);
    const child = lab.server.start('python3', ['-c', LINGER_SERVER]);
    await lab.untilListening([LINGER_PORT]);
    const session = new Session(lab, 4, LINGER_PORT);
    expect(await session.until('connected', 5000)).not.toBe(-1);
    await pause(1000);
    child.kill('SIGKILL');
    expect(await session.until('error', 1000)).not.toBe(-1);
    session.close();
    await path.close();
  });

  it('a closed port is refused as fast as without the shim', async () => {
    const refused = async () => {
      const times: number[] = [];
      for (let i = 0; i < 11; i++) {
        const finished = await lab.jumpbox.run(
          'python3',
          ['-c', CONNECT, ADDRESS[4].server, '22'],
          5000,
        );
        times.push(Number(finished.stdout));
      }
      return times.sort((a, b) => a - b)[5] ?? 0;
    };
    // Port 22 is inspected; here it is rejected like a closed port.
    lab.server.call('iptables', [...'-A INPUT -p tcp --dport 22 -j REJECT'.split(' '), ...REJECT]);
    const withShim = await refused();
    await shim.stop();
    const without = await refused();
    lab.server.call('iptables', ['-F', 'INPUT']);
    shim = await ShimProcess.open(lab);
    expect(withShim).toBeLessThan(without + 20);
  });
});

const REJECT = ['--reject-with', 'tcp-reset'];

const LINGER_PORT = 5300;
/** Unread data in its buffer makes the kernel reset when the process dies. */
const LINGER_SERVER = `
import socket, struct, time
s = socket.socket(socket.AF_INET6); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(('::', ${LINGER_PORT})); s.listen(); c, _ = s.accept()
c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
c.send(b'welcome'); time.sleep(60)
`;

/** Milliseconds until the connection is refused. */
const CONNECT = `
import socket, sys, time
t = time.monotonic(); s = socket.socket()
try: s.connect((sys.argv[1], int(sys.argv[2])))
except ConnectionRefusedError: pass
print((time.monotonic() - t) * 1000)
`;
