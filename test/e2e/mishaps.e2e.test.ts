/**
 * What happens to machines: a process that is stopped, a queue that runs full, a disk without room,
 * an interface that goes down, a clock that wraps, programs that are not installed. Live.
 * Times: ms.
 */
import { once } from 'node:events';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { distFile } from '../../src/testbed/dist-file.ts';
import { ADDRESS, Lab, SSH_PORT } from '../../src/testbed/lab.ts';
import { call, type Finished } from '../../src/testbed/namespace.ts';
import { scenarioByName } from '../../src/testbed/scenarios.ts';
import { ShimProcess } from '../../src/testbed/shim-process.ts';
import { conntrackStates, ownRules } from './jumpbox.ts';
import { withFault, withShim } from './live-parts.ts';
import { Session } from './session.ts';

const PHANTOM = scenarioByName('phantom-synack-ws7').fault;
const STOPPED_MS = 5000;
const TARGET = ['--target', '10.99.2.0/24,fd99:2::/64'];

let lab: Lab;

beforeEach(async () => {
  lab = await Lab.open();
});

afterEach(() => lab.close());

async function opened(): Promise<Session> {
  const session = new Session(lab);
  expect(await session.until('connected', 5000)).not.toBe(-1);
  expect(await session.echoes('opened', 10_000)).toBe(true);
  return session;
}

function cli(...args: readonly string[]): Promise<Finished> {
  const all = [distFile('cli.js'), ...args, '--state-dir', `${lab.dir}/run`];
  return lab.jumpbox.run(process.execPath, all, 30_000);
}

function heard(session: Session): string {
  return session
    .events()
    .filter(({ event }) => event === 'heard')
    .map(({ detail }) => detail)
    .join('');
}

/** Has come back, whatever came with it, within `limitMs`. */
async function hears(session: Session, words: string, limitMs: number): Promise<void> {
  const startMs = performance.now();
  while (!heard(session).includes(words) && performance.now() - startMs < limitMs) await pause(20);
  expect(heard(session)).toContain(words);
}

async function login(words: string): Promise<void> {
  const finished = await lab.ssh(4, `echo ${words}`);
  expect(finished.stdout, finished.stderr).toContain(words);
}

/** With these programs of /usr/sbin out of sight, in a mount namespace of its own. */
function hiding(pattern: string): string[] {
  const [orig, fresh] = [`${lab.dir}/orig`, `${lab.dir}/fresh`];
  const script = [
    `mkdir -p ${orig} ${fresh}`,
    `mount --bind /usr/sbin ${orig}`,
    `for f in ${orig}/*; do ln -sf $f ${fresh}/; done`,
    `rm -f ${fresh}/${pattern.split(' ').join(` ${fresh}/`)}`,
    `mount --bind ${fresh} /usr/sbin`,
    'exec "$@"',
  ];
  return ['unshare', '-m', 'sh', '-ec', script.join('\n'), 'sh'];
}

describe('SIGSTOP for five seconds', () => {
  it('makes sessions wait, translated ones too, and ends none', async () => {
    await withShim(lab, (shim) =>
      withFault(lab, PHANTOM, async () => {
        const session = await opened();
        expect(shim.status()['translated']).toMatchObject({ userspace: 1 });
        shim.child.kill('SIGSTOP');
        session.say('meanwhile');
        await pause(STOPPED_MS);
        expect(heard(session)).not.toContain('meanwhile');
        shim.child.kill('SIGCONT');
        session.say(' and after');
        await hears(session, 'meanwhile and after', 10_000);
        await login('fresh');
        expect(shim.status()).toMatchObject({ state: 'ok' });
        session.close();
      }),
    );
  });

  it('with a full queue lets packets pass uninspected: new connections work', async () => {
    const shim = await ShimProcess.atServer(lab);
    const session = await opened();
    shim.child.kill('SIGSTOP');
    const flood = [`${ADDRESS[4].jumpbox}/24`, ADDRESS[4].server, SSH_PORT, 10_000, 2, 1];
    const args = [distFile('flood.js'), 'ack', ...flood.map(String)];
    await lab.jumpbox.run(process.execPath, args, 20_000);
    const [queue = ''] = readQueue(lab.server.name);
    expect(Number(queue.trim().split(/\s+/)[2])).toBeGreaterThanOrEqual(8192);
    await login('while nobody looks');
    shim.child.kill('SIGCONT');
    expect(await session.echoes('after')).toBe(true);
    await login('fine');
    expect(await shim.stop()).toBe(0);
    session.close();
  });
});

/** Lines of /proc/net/netfilter/nfnetlink_queue there: number, port id, packets that wait … */
function readQueue(namespace: string): string[] {
  const file = '/proc/net/netfilter/nfnetlink_queue';
  return call('ip', ['netns', 'exec', namespace, 'cat', file]).split('\n');
}

describe('a disk without room', () => {
  let mounted = '';
  afterEach(() => {
    if (mounted !== '') call('umount', [mounted]);
    mounted = '';
  });

  function mountSmall(): string {
    mounted = `${lab.dir}/run`;
    call('mkdir', ['-p', mounted]);
    call('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'none', mounted]);
    return mounted;
  }

  function fill(dir: string): void {
    try {
      for (let i = 0; ; i++) writeFileSync(`${dir}/filler-${i}`, Buffer.alloc(4096, 1));
    } catch (error) {
      expect((error as NodeJS.ErrnoException).code).toBe('ENOSPC');
    }
  }

  it('before the start is one line that says what to do, and leaves no rule', async () => {
    fill(mountSmall());
    const finished = await cli('run', ...TARGET);
    expect(finished.exitCode).toBe(2);
    expect(finished.stderr).toMatch(
      /^Cannot write ".*remove\.sh": ENOSPC\. Make room there, .*\n$/,
    );
    expect(ownRules(lab)).toEqual([]);
  });

  it('behind it costs what would be remembered, and nothing else', async () => {
    const dir = mountSmall();
    await withShim(lab, async (shim) => {
      fill(dir);
      await withFault(lab, PHANTOM, async () => {
        await login('repaired');
        expect(shim.status()).toMatchObject({ state: 'ok', interventions: { reanchored: 1 } });
      });
      expect(await shim.stop()).toBe(0);
      expect(ownRules(lab)).toEqual([]);
      const told = shim.lines().filter(({ msg }) => msg.startsWith('path profiles are kept in'));
      expect(told).toMatchObject([{ level: 'warn', because: 'cannot write: ENOSPC' }]);
      expect(readdirSync(dir)).not.toContain('paths.json');
    });
  });
});

describe('an interface that goes down and up', () => {
  it('costs the time that it is down', async () => {
    await withShim(lab, (shim) =>
      withFault(lab, PHANTOM, async () => {
        const session = await opened();
        lab.jumpbox.call('ip', ['link', 'set', 'c0', 'down']);
        session.say('into the dark');
        await pause(1500);
        lab.jumpbox.call('ip', ['link', 'set', 'c0', 'up']);
        lab.jumpbox.call('ip', ['route', 'add', 'default', 'via', '10.99.1.2']);
        session.say(' and out');
        await hears(session, 'into the dark and out', 15_000);
        await login('fresh');
        expect(shim.status()).toMatchObject({ state: 'ok', interventions: { reanchored: 2 } });
        session.close();
      }),
    );
  });
});

describe('the monotonic clock', () => {
  it('may stand anywhere: 220 days of uptime, and its 32 bits wrap in between', async () => {
    // From the largest int32 to the smallest, a few seconds from now.
    const upMs = Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]) * 1000;
    const seconds = Math.floor((9 * 2 ** 31 - upMs) / 1000) - 6;
    const wrap = ['unshare', '-T', '--fork', '--kill-child=SIGTERM'];
    const offsets = [`--monotonic=${seconds}`, `--boottime=${seconds}`];
    const shim = await ShimProcess.openIn(lab, [...wrap, ...offsets]);
    await withFault(lab, PHANTOM, async () => {
      const session = await opened();
      for (let i = 0; i < 8; i++) {
        expect(await session.echoes(`line ${i}`)).toBe(true);
        await pause(1000);
      }
      await login('saved');
      expect(shim.status()).toMatchObject({ state: 'ok', interventions: { reanchored: 2 } });
      session.close();
    });
    // unshare ignores signals while its child lives.
    process.kill(Number(shim.status()['pid']), 'SIGTERM');
    await once(shim.child, 'exit');
    expect(ownRules(lab)).toEqual([]);
  });
});

describe('what is not there', () => {
  it('IPv6: connections of the other family are looked after', async () => {
    lab.jumpbox.call('sysctl', ['-qw', 'net.ipv6.conf.all.disable_ipv6=1']);
    await withShim(
      lab,
      (shim) =>
        withFault(lab, PHANTOM, async () => {
          await login('fine');
          expect(shim.status()).toMatchObject({ interventions: { reanchored: 1 } });
        }),
      ['--target', 'all'],
    );
    expect(ownRules(lab)).toEqual([]);
  });

  it('nft: iptables is enough', async () => {
    const shim = await ShimProcess.openIn(lab, hiding('nft'));
    await withFault(lab, PHANTOM, () => login('fine'));
    expect(shim.status()).toMatchObject({ rules: { installed: true, backend: 'iptables' } });
    await shim.stop();
    expect(ownRules(lab)).toEqual([]);
  });

  it('neither: one line, exit 4, and the queue is not taken', async () => {
    const run = [process.execPath, distFile('cli.js'), 'run', ...TARGET];
    const state = ['--state-dir', `${lab.dir}/run`];
    const [program = '', ...args] = [...hiding('nft iptables* ip6tables*'), ...run, ...state];
    const finished = await lab.jumpbox.run(program, args, 30_000);
    expect(finished.exitCode, finished.stderr).toBe(4);
    expect(finished.stderr).toMatch(
      /^Cannot queue packets here \(nft: not installed; iptables: not installed\)\. .*install.*\n$/,
    );
  });

  it('connection tracking: with --inspect full none is used, and all is repaired', async () => {
    await withShim(
      lab,
      (shim) =>
        withFault(lab, PHANTOM, async () => {
          await login('fine');
          expect(shim.status()).toMatchObject({ interventions: { reanchored: 1 } });
          expect(conntrackStates(lab)).toEqual([]);
        }),
      ['--inspect', 'full'],
    );
  });

  it('privileges outside the container: its own network is looked after', async () => {
    const script = [
      'ip link set lo up; ip link add c0 type veth peer name s0; ip link set c0 up',
      'ip addr add 10.98.0.1/24 dev c0',
      '"$@" & pid=$!; sleep 4; kill -TERM $pid; wait $pid',
    ];
    const run = [process.execPath, distFile('cli.js'), 'run', '--target', '10.98.0.2'];
    const args = ['-Urnm', 'sh', '-c', script.join('\n'), 'sh', ...run];
    const state = ['--log-format', 'json', '--state-dir', `${lab.dir}/run`];
    const finished = await lab.jumpbox.run('unshare', [...args, ...state], 30_000);
    expect(finished.stderr).toBe('');
    expect(finished.stdout).toMatch(/"msg":"ready"[\s\S]*"msg":"stopped"/);
    expect(finished.exitCode).toBe(0);
  });

  it('CAP_NET_ADMIN: one line, exit 4', async () => {
    const bare = ['--bounding-set=-net_admin', '--inh-caps=-net_admin'];
    const run = [process.execPath, distFile('cli.js'), 'run', ...TARGET];
    const args = [...bare, ...run, '--state-dir', `${lab.dir}/run`];
    const finished = await lab.jumpbox.run('setpriv', args, 30_000);
    expect([finished.exitCode, finished.stderr.split('\n').length]).toEqual([4, 2]);
    expect(finished.stderr).toMatch(/^Cannot .*(root|NET_ADMIN)/);
  });
});
