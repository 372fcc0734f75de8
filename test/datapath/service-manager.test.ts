/** What a service manager hears, on real Unix sockets: a path, and an abstract name. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, describe, expect, it } from 'vitest';
import { serviceEnvironment } from '../../src/config/service-environment.ts';
import * as c from '../../src/datapath/nfqueue/libc.ts';
import { ServiceManager } from '../../src/datapath/service-manager.ts';

const dir = mkdtempSync(join(tmpdir(), 'seqshim-notify-'));
afterAll(() => rmSync(dir, { recursive: true }));

const READY = 'READY=1\nSTATUS=looking after connections to 10.0.0.0/8, bastion';
const TARGETS = ['10.0.0.0/8', 'bastion'];

/** A socket such as systemd's, and what has arrived there. */
class Manager {
  private readonly libc = c.loadLibc();
  private readonly fd = this.libc.socket(c.AF_UNIX, c.SOCK_DGRAM | c.SOCK_CLOEXEC, 0);

  constructor(name: string) {
    const path = Buffer.from(name.startsWith('@') ? `\0${name.slice(1)}` : `${name}\0`);
    const address = Buffer.concat([Buffer.from([c.AF_UNIX, 0]), path]);
    expect(this.libc.bind(this.fd, address, address.length)).toBe(0);
  }

  heard(): string[] {
    const texts: string[] = [];
    const bytes = new Uint8Array(4096);
    for (;;) {
      const length = this.libc.recv(this.fd, bytes, bytes.length, c.MSG_DONTWAIT);
      if (length < 0) return texts;
      texts.push(Buffer.from(bytes.subarray(0, length)).toString());
    }
  }

  close(): void {
    this.libc.close(this.fd);
  }
}

describe('ServiceManager', () => {
  it.each([
    ['a path', `${dir}/notify`],
    ['an abstract name', `@seqshim-test-${process.pid}`],
  ])('says READY, and STOPPING, to %s', (_kind, notifySocket) => {
    const manager = new Manager(notifySocket);
    const service = new ServiceManager({ notifySocket, watchdogMs: 0 });
    service.ready(TARGETS, () => 0);
    service.stopping();
    expect(manager.heard()).toEqual([READY, 'STOPPING=1']);
    manager.close();
  });

  it('feeds the watchdog several times in its time, while packet threads turn', async () => {
    const notifySocket = `${dir}/watchdog`;
    const manager = new Manager(notifySocket);
    let heartbeatMs = 100;
    const service = new ServiceManager({ notifySocket, watchdogMs: 80 });
    service.ready(TARGETS, () => heartbeatMs);
    await pause(200);
    const fed = manager.heard().slice(1);
    expect(fed.length).toBeGreaterThan(2);
    expect(new Set(fed)).toEqual(new Set(['WATCHDOG=1']));
    heartbeatMs = 2001; // a packet thread hangs, this one does not
    await pause(50);
    manager.heard();
    await pause(200);
    expect(manager.heard()).toEqual([]);
    manager.close();
  });

  it('does nothing where nobody listens', () => {
    for (const notifySocket of ['', `${dir}/nobody`]) {
      const service = new ServiceManager({ notifySocket, watchdogMs: 0 });
      service.ready(TARGETS, () => 0);
      service.stopping();
    }
  });
});

describe('serviceEnvironment()', () => {
  const watchdog = { WATCHDOG_USEC: '8000000', NOTIFY_SOCKET: '/run/systemd/notify' };

  it('reads what systemd sets', () => {
    const found = { notifySocket: '/run/systemd/notify', watchdogMs: 8000 };
    expect(serviceEnvironment({ ...watchdog, WATCHDOG_PID: '7' }, 7)).toEqual(found);
    expect(serviceEnvironment(watchdog, 7)).toEqual(found);
  });

  it('leaves a watchdog alone that waits for another process', () => {
    expect(serviceEnvironment({ ...watchdog, WATCHDOG_PID: '8' }, 7).watchdogMs).toBe(0);
  });

  it.each([
    ['nothing', {}],
    ['addresses of other kinds', { NOTIFY_SOCKET: 'vsock:2:1' }],
    ['a name without characters', { NOTIFY_SOCKET: '@' }],
    ['a time that is none', { WATCHDOG_USEC: 'soon' }],
  ])('makes nothing of %s', (_what, env) => {
    expect(serviceEnvironment(env, 7)).toEqual({ notifySocket: '', watchdogMs: 0 });
  });
});
