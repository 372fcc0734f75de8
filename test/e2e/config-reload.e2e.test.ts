/**
 * SIGHUP while connections go on: a good configuration is applied whole, a bad one and one that
 * needs a restart change nothing, and no session notices any of them. Live.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { FaultyPath } from '../../src/testbed/faulty-path.ts';
import { ECHO_PORT, Lab, SSH_PORT } from '../../src/testbed/lab.ts';
import { scenarioByName } from '../../src/testbed/scenarios.ts';
import { type LogLine, ShimProcess } from '../../src/testbed/shim-process.ts';
import { ownRules } from './jumpbox.ts';
import { Session } from './session.ts';

const PATIENCE_MS = 5000;
const PORTS = `port = [${SSH_PORT}, ${ECHO_PORT}]`;
const TARGET = 'target = ["10.99.2.0/24", "fd99:2::/64"]';
const GOOD = `${TARGET}\n${PORTS}\n`;

let lab: Lab;
let dir = '';
let shim: ShimProcess;
let sessions: Session[] = [];
let path: FaultyPath | undefined;
beforeAll(async () => {
  lab = await Lab.open();
  dir = `${lab.dir}/etc`;
  mkdirSync(`${dir}/conf.d`, { recursive: true });
});
afterEach(async () => {
  for (const session of sessions) session.close();
  sessions = [];
  await path?.close();
  path = undefined;
  await shim?.stop();
});
afterAll(async () => {
  await lab.close();
});

async function start(): Promise<void> {
  write(GOOD);
  shim = await ShimProcess.configured(lab, dir);
}

function write(text: string, file = 'seqshim.toml'): void {
  writeFileSync(`${dir}/${file}`, text);
}

async function session(): Promise<Session> {
  const made = new Session(lab);
  sessions.push(made);
  expect(await made.until('connected', PATIENCE_MS)).not.toBe(-1);
  expect(await made.echoes('hello')).toBe(true);
  return made;
}

/** The one line that SIGHUP is answered with. */
async function reload(): Promise<LogLine> {
  const answers = () => shim.lines().filter(({ msg }) => /reloaded/.test(msg));
  const before = answers().length;
  shim.child.kill('SIGHUP');
  for (let waitedMs = 0; waitedMs < PATIENCE_MS; waitedMs += 20) {
    const [answer] = answers().slice(before);
    if (answer !== undefined) return answer;
    await pause(20);
  }
  throw new Error(`no answer to SIGHUP: ${shim.lines().at(-1)?.msg}`);
}

const rules = () =>
  ownRules(lab).map((line) => line.replace(/\[\d+:\d+\]|packets \d+ bytes \d+/, ''));

describe('SIGHUP', () => {
  it('applies what is good, all of it, and a long ssh session goes on', async () => {
    await start();
    const count = 60;
    const ssh = lab.ssh(4, `for i in $(seq ${count}); do echo line $i; sleep 0.1; done`);
    const echo = await session();
    write(
      `${TARGET}\nexclude = "10.99.2.77"\nport = [${ECHO_PORT}, ${SSH_PORT}, 8022]\nsack = "off"\n` +
        'mss-clamp = "1400"\nlog-level = "debug"\nexpires = 2020-01-31\nticket = "OPS-7 \\"x\\""\n',
    );
    write('mode = "observe"\nbudget = "1ms"\nbusy-poll = "0us"\n', 'conf.d/10-later.toml');
    const answer = await reload();
    expect(answer).toMatchObject({ level: 'info', msg: 'reloaded' });
    expect(answer['changed']).toEqual(
      'exclude port mode sack mss-clamp budget busy-poll expires ticket log-level'.split(' '),
    );
    expect(shim.status()).toMatchObject({
      state: 'ok',
      mode: 'observe',
      budgetUs: 1000,
      expires: '2020-01-31',
      expired: true,
      ticket: 'OPS-7 "x"',
    });
    const text = rules().join('\n');
    for (const part of ['8022', '10.99.2.77', '; until 2020-01-31; OPS-7_x']) {
      expect(text).toContain(part);
    }
    const warned = shim.lines().filter(({ level, msg }) => level === 'warn' && /to end/.test(msg));
    expect(warned).toMatchObject([{ expires: '2020-01-31', ticket: 'OPS-7 "x"' }]);
    expect(await echo.echoes('observed')).toBe(true);
    write('', 'conf.d/10-later.toml');
    write(GOOD);
    expect((await reload())['changed']).toContain('mode');
    expect(shim.status()).toMatchObject({ mode: 'enforce', expires: null, ticket: null });
    expect(rules().join('\n')).not.toContain('OPS-7');
    expect(await echo.echoes('enforced')).toBe(true);
    const finished = await ssh;
    expect(finished.exitCode, finished.stderr).toBe(0);
    expect(finished.stdout.trim().split('\n').length).toBe(count);
  });

  it('changes nothing for a mistake, or for what needs a restart', async () => {
    await start();
    const echo = await session();
    const before = rules();
    write(`${GOOD}mode = "on"\nflows = 1\n`);
    expect(await reload()).toMatchObject({
      level: 'error',
      msg: 'not reloaded, nothing has changed',
      because: expect.stringMatching(/seqshim\.toml:3: mode: cannot be "on": it must be/),
    });
    write('target = [\n');
    expect(await reload()).toMatchObject({ because: expect.stringContaining(':2: no TOML') });
    write(`${GOOD}mode = "observe"\nticket = "x"\nqueues = 2\nflows = 1024\n`);
    expect(await reload()).toMatchObject({
      level: 'error',
      msg: 'not reloaded, nothing has changed: these options need a restart',
      needRestart: ['queues', 'flows'],
    });
    expect(shim.status()).toMatchObject({ state: 'ok', mode: 'enforce', ticket: null });
    expect(rules()).toEqual(before);
    expect(await echo.echoes('still here')).toBe(true);
    write(`${GOOD}mode = "observe"\n`);
    expect(await reload()).toMatchObject({ msg: 'reloaded', changed: ['mode'] });
  });

  it('goes on translating a connection whose target is gone, excluded, or on another port', async () => {
    await start();
    path = await FaultyPath.open(lab, scenarioByName('phantom-synack-ws7').fault);
    const echo = await session();
    await path.close();
    path = undefined;
    expect(shim.status()['translated']).toEqual({ kernel: 0, userspace: 1 });
    for (const text of [
      `target = ["192.0.2.0/24", "2001:db8::/64"]\n${PORTS}\n`,
      `${TARGET}\nexclude = ["10.99.2.0/24"]\n${PORTS}\n`,
      `${TARGET}\nport = [9999]\nmode = "observe"\n`,
      `${TARGET}\n${PORTS}\ndirection = "in"\n`,
      GOOD,
    ]) {
      write(text);
      expect(await reload()).toMatchObject({ msg: 'reloaded' });
      expect(await echo.echoes(text.slice(0, 40)), text).toBe(true);
      expect(await echo.echoes('x'.repeat(3000)), text).toBe(true);
    }
    expect(shim.status()).toMatchObject({ state: 'ok', translated: { userspace: 1 } });
  });

  it('puts no rule back that somebody removed', async () => {
    await start();
    const remove = `${lab.dir}/run/remove.sh`;
    expect((await lab.jumpbox.run('sh', [remove], PATIENCE_MS)).exitCode).toBe(0);
    // Before it has looked itself, which it does every five seconds, and after.
    for (const ticket of ['x', 'y']) {
      write(`${GOOD}ticket = "${ticket}"\n`);
      expect(await reload()).toMatchObject({ msg: 'reloaded', changed: ['ticket'] });
      expect(rules()).toEqual([]);
      for (let i = 0; i < 80 && shim.status()['state'] === 'ok'; i++) await pause(100);
      expect(shim.status()).toMatchObject({ state: 'degraded', ticket });
    }
  });

  it('meets SIGTERM: nothing of ours remains, whichever comes first', async () => {
    for (const waitMs of [0, 5, 20, 60]) {
      await start();
      write(`${GOOD}ticket = "${waitMs}"\n`);
      shim.child.kill('SIGHUP');
      await pause(waitMs);
      expect(await shim.stop()).toBe(0);
      expect(rules()).toEqual([]);
    }
  });
});
