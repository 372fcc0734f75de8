/**
 * `--translate kernel`: conntrack translates re-anchored connections. They are as fast as others,
 * live on when seqshim is stopped, killed or started anew, and survive forged resets; what
 * conntrack cannot translate stays in userspace. Live. Times: ms.
 */
import { rmSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { distFile } from '../../src/testbed/dist-file.ts';
import { FaultyPath } from '../../src/testbed/faulty-path.ts';
import type { Fault } from '../../src/testbed/firewall/fault.ts';
import { ECHO_PORT, Lab } from '../../src/testbed/lab.ts';
import { attempts } from '../../src/testbed/runner.ts';
import { ShimProcess } from '../../src/testbed/shim-process.ts';
import { buildProgram } from '../kernel/nfqueue-lab.ts';
import { bulk, megabytesPerSecond, type Way } from './bulk.ts';
import { dropInvalid, flushFilter, ownRules } from './jumpbox.ts';
import { withFault } from './live-parts.ts';
import { Session } from './session.ts';

const MB = 1_000_000;
const SSH = { client: 'ssh', delayMs: 0 } as const;
const KERNEL = ['--translate', 'kernel'];
const OTHER_TTL = 200;
/** A reader that rests this long behind each piece takes 5 MB for some two seconds. */
const SLOW_MS = 20;
const SLOW_BYTES = 10 * MB;
/** A chain of iptables, or a table of nft. */
const KEEP = /KEEP-SEQSHIM|keep_seqshim/;

let lab: Lab;
let plain: Lab;
let driver: string;
/** A phantom that offers what the server offers: the numbers alone are wrong. */
let alike: Partial<Fault>;
let shim: ShimProcess | undefined;
let path: FaultyPath | undefined;
const sessions: Session[] = [];

beforeAll(async () => {
  [lab, plain, driver] = await Promise.all([
    Lab.open(),
    Lab.open(),
    buildProgram('conntrack-driver.ts'),
  ]);
  const session = new Session(lab);
  expect(await session.until('connected', 5000)).not.toBe(-1);
  const scale = /wscale:(\d+),/.exec(lab.jumpbox.call('ss', ['-tin']))?.[1];
  alike = { kind: 'phantom-synack', wndScale: Number(scale), timestamps: false };
  session.close();
});
afterEach(async () => {
  for (const session of sessions.splice(0)) session.close();
  await path?.close();
  await shim?.stop();
  path = shim = undefined;
});
afterAll(async () => {
  rmSync(driver, { force: true });
  await Promise.all([lab.close(), plain.close()]);
});

async function start(extra: readonly string[] = []): Promise<ShimProcess> {
  shim = await ShimProcess.open(lab, [...KERNEL, ...extra]);
  return shim;
}

async function open(family: 4 | 6 = 4): Promise<Session> {
  const session = new Session(lab, family);
  sessions.push(session);
  expect(await session.until('connected', 8000)).not.toBe(-1);
  expect(await session.echoes('hello')).toBe(true);
  return session;
}

function cli(...args: string[]) {
  const all = [distFile('cli.js'), ...args, '--state-dir', `${lab.dir}/run`];
  return lab.jumpbox.run(process.execPath, all, 15_000);
}

interface Shown {
  readonly status: number;
  readonly replyOffset: number;
  readonly mark: number;
}

/** Entries of conntrack that shift numbers, as the kernel tells them. */
function shifting(): Shown[] {
  const op = JSON.stringify([['survivors', {}]]);
  const printed = lab.jumpbox.call(process.execPath, [driver, op]);
  const [found] = JSON.parse(printed) as [[unknown, Shown][]];
  return found.map(([, shown]) => shown);
}

function keepRules(): number {
  const rules = lab.jumpbox.tryCall('iptables-save', []);
  const tables = lab.jumpbox.tryCall('nft', ['list', 'tables']);
  return [...`${rules}${tables}`.matchAll(/-A KEEP-SEQSHIM|table inet keep_seqshim/g)].length;
}

function translated(of: ShimProcess): { kernel: number; userspace: number } {
  return of.status()['translated'] as { kernel: number; userspace: number };
}

async function untilMoved(of: ShimProcess, count: number): Promise<void> {
  for (let i = 0; i < 50 && translated(of).kernel < count; i++) await pause(50);
  expect(translated(of).kernel).toBe(count);
}

function done(of: ShimProcess, code: string): number {
  return (of.status()['interventions'] as Record<string, number>)[code] ?? 0;
}

describe('logins through a phantom that offers what the server offers', () => {
  it('fail without the shim, and all succeed with it, INVALID dropped, IPv4 and IPv6', async () => {
    dropInvalid(lab);
    path = await FaultyPath.open(lab, alike);
    expect((await attempts(lab, 4, SSH, 2, 2)).ok).toBe(0);
    const running = await start();
    const tallies = await Promise.all(
      ([4, 6] as const).map((family) => attempts(lab, family, SSH, 10, 5)),
    );
    for (const { ok, errors } of tallies) {
      expect(errors).toEqual([]);
      expect(ok).toBe(10);
    }
    const session = await open();
    expect(running.status()['translate']).toBe('kernel');
    expect(done(running, 'translated-by-kernel')).toBe(21);
    expect(done(running, 'segment-translated')).toBe(0);
    expect(translated(running)).toEqual({ kernel: 21, userspace: 0 });
    // SEQ_ADJUST and FIXED_TIMEOUT; nothing shifts what was not moved.
    const entries = shifting();
    expect(entries.length).toBe(21);
    for (const { status, replyOffset } of entries) {
      expect(status & 0x440).toBe(0x440);
      expect(replyOffset).not.toBe(0);
    }
    expect((await cli('flows')).stdout).toContain('in the kernel');
    expect(await session.echoes('still here')).toBe(true);
    flushFilter(lab);
  });
});

describe('a transfer of 500 MB', () => {
  const BYTES = 500 * MB;

  async function transferMs(of: Lab, way: Way): Promise<number> {
    const { ok, error, transferMs } = await bulk(of, 4, way, BYTES);
    expect(ok, error).toBe(true);
    return transferMs;
  }

  // How fast that is varies on a busy machine: `npm run bench` measures it.
  it('is intact each way, translated by the kernel, and does not come to us', async () => {
    const running = await start();
    path = await FaultyPath.open(lab, alike);
    const octets = () => (running.status()['counters'] as Record<string, number>)['octets'] ?? 0;
    for (const way of ['up', 'down'] as const) {
      const before = octets();
      const [bare, moved] = [await transferMs(plain, way), await transferMs(lab, way)];
      const rates = [bare, moved].map((ms) => megabytesPerSecond(BYTES, ms));
      const seen = Math.round((octets() - before) / MB);
      console.log(
        `${way}: ${rates.join(' MB/s bare, ')} MB/s by the kernel, ratio ${(bare / moved).toFixed(2)}, ${seen} MB came to us`,
      );
      expect(seen).toBeLessThan(BYTES / MB / 100);
    }
    expect(done(running, 'translated-by-kernel')).toBe(2);
    expect(translated(running).userspace).toBe(0);
  });
});

describe('a transfer under way', () => {
  it('goes on intact behind SIGTERM; the rule that it needs stays as long as it lives', async () => {
    const running = await start(['--inspect', 'full']);
    path = await FaultyPath.open(lab, alike);
    const transfer = bulk(lab, 4, 'down', SLOW_BYTES, SLOW_MS);
    await untilMoved(running, 1);
    expect(await running.stop()).toBe(0);
    expect(ownRules(lab).filter((line) => !KEEP.test(line))).toEqual([]);
    expect(keepRules()).toBe(1);
    const down = await cli('down');
    expect(down.stdout).toContain('1 connection is translated by the kernel');
    expect(down.stdout).toMatch(KEEP);
    const { stdout } = await lab.jumpbox.run('sh', [`${lab.dir}/run/remove.sh`], 10_000);
    expect(stdout).toMatch(KEEP);
    expect(keepRules()).toBe(1);
    const { ok, error } = await transfer;
    expect(ok, error).toBe(true);
    // Nobody has to come back for it.
    for (let waited = 0; waited < 15_000 && keepRules() > 0; waited += 100) await pause(100);
    expect(keepRules()).toBe(0);
    expect(shifting()).toEqual([]);
  });

  it('goes on intact behind kill -9, and under the next run, which leaves it alone', async () => {
    const killed = await start();
    path = await FaultyPath.open(lab, alike);
    const transfers = (['down', 'up'] as const).map((way) =>
      bulk(lab, 4, way, SLOW_BYTES, SLOW_MS),
    );
    await untilMoved(killed, 2);
    await killed.stop('SIGKILL');
    await pause(300);
    // Whoever says `user` now must recognise them all the same.
    shim = await ShimProcess.open(lab, []);
    expect(translated(shim)).toEqual({ kernel: 2, userspace: 0 });
    for (const { ok, error } of await Promise.all(transfers)) expect(ok, error).toBe(true);
    expect(done(shim, 'segment-translated')).toBe(0);
    expect(shim.status()['injected']).toBe(0);
    expect(await shim.stop()).toBe(0);
    expect(shifting()).toEqual([]);
    expect(keepRules()).toBe(0);
  });
});

describe('resets on a connection that the kernel translates', () => {
  it('do no harm where they are forged, busy or idle; a genuine one arrives', async () => {
    const running = await start();
    path = await FaultyPath.open(lab, { ...alike, watch: true });
    const session = await open();
    for (const word of ['busy', 'again']) {
      const echo = session.echoes(word);
      await path.tell({ do: 'forge', ttl: OTHER_TTL, distance: 0 });
      expect(await echo).toBe(true);
    }
    await pause(1500);
    await path.tell({ do: 'forge', ttl: OTHER_TTL, distance: 0 });
    await path.tell({ do: 'forge', ttl: OTHER_TTL, distance: 100 });
    await pause(1000);
    expect(await session.echoes('idle')).toBe(true);
    expect(running.events('rst-refuted').length).toBeGreaterThanOrEqual(1);
    const [entry] = shifting();
    expect(entry?.status).toBe(0x44e); // blind resets have not shortened its life
    session.say('RESET');
    expect(await session.until('error', 1000)).not.toBe(-1);
  });
});

describe('what conntrack cannot translate', () => {
  it('is translated in userspace: another window scale, timestamps, a zone', async () => {
    const zoned = (verb: string) => {
      for (const [chain, port] of [
        ['OUTPUT', '--dport'],
        ['PREROUTING', '--sport'],
      ] as const) {
        const match = ['-p', 'tcp', port, String(ECHO_PORT), '-j', 'CT', '--zone', '3'];
        lab.jumpbox.call('iptables', ['-t', 'raw', verb, chain, ...match]);
      }
    };
    zoned('-A');
    const running = await start();
    await withFault(lab, { ...alike, wndScale: 2 }, async () => {
      expect((await attempts(lab, 6, SSH, 1)).ok).toBe(1);
    });
    await withFault(lab, { ...alike, timestamps: true }, async () => {
      expect((await attempts(lab, 6, SSH, 1)).ok).toBe(1);
    });
    path = await FaultyPath.open(lab, alike);
    await open(); // in the zone
    expect(translated(running)).toEqual({ kernel: 0, userspace: 3 });
    await pause(200); // the log comes behind
    const kept = running.events('kept-in-userspace');
    expect(kept.map(({ scales, refused }) => [scales, refused])).toEqual([
      [1, 0],
      [0, 0],
      [0, 1],
    ]);
    zoned('-D');
  });
});
