/**
 * The shim on a gateway between jumpbox and firewall: whose connections it sees, how it comes and
 * goes, and what it leaves alone there. The faults: scenarios.e2e.test.ts. Live.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { distFile } from '../../src/testbed/dist-file.ts';
import { ADDRESS, ECHO_PORT, Lab } from '../../src/testbed/lab.ts';
import type { Finished, Namespace } from '../../src/testbed/namespace.ts';
import { attempts } from '../../src/testbed/runner.ts';
import { scenarioByName } from '../../src/testbed/scenarios.ts';
import { ShimProcess } from '../../src/testbed/shim-process.ts';
import { bulk } from './bulk.ts';
import { ownRules } from './jumpbox.ts';
import { withFault, withLab, withShim } from './live-parts.ts';
import { Session } from './session.ts';
import { untilSettled } from './until-settled.ts';

const PHANTOM = scenarioByName('phantom-synack-ws7').fault;
const CONFLICT = scenarioByName('first-connection-reset-BRD').fault;
const SSH = { client: 'ssh', delayMs: 0 } as const;
const MB = 1_000_000;
const WITHIN_MS = 5000;
const OTHER_TTL = 200;
/** Linux answers probes once in 500 ms. */
const RATE_LIMIT_MS = 800;

let lab: Lab;
let gateway: Namespace;
beforeAll(async () => {
  lab = await Lab.open({ gateway: true });
  gateway = lab.shimHost;
});
afterAll(async () => lab.close());

function cli(...args: string[]): Promise<Finished> {
  const all = [distFile('cli.js'), ...args, '--state-dir', `${lab.dir}/run`];
  return gateway.run(process.execPath, all, 15_000);
}

/** From the gateway itself. */
function ownSsh(): Promise<Finished> {
  const args = [...lab.sshOptions(), ADDRESS[4].server, 'echo own'];
  return gateway.run('ssh', args, 15_000);
}

/** Octets that stayed in the kernel. */
function bypassed(shim: ShimProcess): number {
  return (shim.status()['counters'] as { bypassedOctets: number }).bypassedOctets;
}

function untouched(status: Record<string, unknown>): void {
  expect(status['interventions']).toEqual({});
  expect(status['adjustments']).toEqual({});
  expect(status['injected']).toBe(0);
}

describe('whose connections', () => {
  it('--hook host leaves alone what the machine forwards, in both directions', async () => {
    const shim = await ShimProcess.openWith(lab, ['--hook', 'host', '--inspect', 'full']);
    try {
      expect((await lab.ssh(4, 'echo forwarded')).stdout).toContain('forwarded');
      expect((await lab.ssh(6, 'echo forwarded')).stdout).toContain('forwarded');
      expect(shim.status()).toMatchObject({ hook: 'host', packets: 0 });
      expect((await ownSsh()).stdout).toContain('own');
      expect(shim.status()['packets']).toBeGreaterThan(20);
    } finally {
      await shim.stop();
    }
  });

  it('--hook gateway leaves alone what the machine itself says and hears', async () => {
    await withShim(lab, async (shim) => {
      expect((await ownSsh()).stdout).toContain('own');
      expect(shim.status()).toMatchObject({ hook: 'gateway', packets: 0, inspect: 'auto' });
      expect((await lab.ssh(4, 'echo forwarded')).stdout).toContain('forwarded');
      expect(shim.status()['packets']).toBeGreaterThan(5);
    });
  });

  it('both hooks look after both, and both kinds settle', async () => {
    const both = ['--hook', 'host'];
    await withShim(
      lab,
      (shim) =>
        withFault(lab, CONFLICT, async () => {
          const sessions = await Promise.all([lab.ssh(4, 'echo forwarded'), ownSsh()]);
          expect(sessions.map(({ exitCode }) => exitCode)).toEqual([0, 0]);
          expect(shim.status()).toMatchObject({ hook: 'host,gateway', inspect: 'auto' });
          expect(shim.events('synack-conflict').length).toBe(2);
        }),
      both,
    );
    await withShim(
      lab,
      async (shim) => {
        const moved = await bulk(lab, 4, 'down', 20 * MB);
        expect(moved.ok, moved.error).toBe(true);
        expect(bypassed(shim)).toBeGreaterThan(10 * MB);
        untouched(shim.status());
        const own = new Session(lab, 4, ECHO_PORT, gateway);
        expect(await own.until('connected', WITHIN_MS)).not.toBe(-1);
        const forwarded = new Session(lab);
        expect(await forwarded.until('connected', WITHIN_MS)).not.toBe(-1);
        await untilSettled(shim, [own, forwarded]);
        own.close();
        forwarded.close();
      },
      both,
    );
  });

  it('--direction in has the servers behind the gateway', async () => {
    const args = ['--direction', 'in', '--inspect', 'auto', '--target', '10.99.1.0/24'];
    await withShim(
      lab,
      async (shim) => {
        expect((await lab.ssh(4, 'echo inward')).stdout).toContain('inward');
        const { flows } = JSON.parse((await cli('flows', '--json')).stdout) as {
          flows: { initiator: string; near: string }[];
        };
        expect(flows).toMatchObject([{ initiator: 'far', near: `${ADDRESS[4].server}:22` }]);
        untouched(shim.status());
      },
      args,
    );
  });

  it('--inspect full needs no connection tracking, and switches none on', async () => {
    await withShim(
      lab,
      async (shim) => {
        const session = new Session(lab);
        expect(await session.until('connected', WITHIN_MS)).not.toBe(-1);
        expect(await session.echoes('untracked')).toBe(true);
        expect(gateway.tryCall('conntrack', ['-L', '-p', 'tcp'])).not.toContain('ESTABLISHED');
        expect(shim.status()).toMatchObject({ inspect: 'full', offloaded: 0 });
        session.close();
      },
      ['--inspect', 'full'],
    );
  });
});

describe('coming and going', () => {
  it('kill -9 leaves connections working; remove.sh takes everything away', async () => {
    const shim = await ShimProcess.open(lab);
    const session = new Session(lab);
    expect(await session.until('connected', WITHIN_MS)).not.toBe(-1);
    await shim.stop('SIGKILL');
    expect(await session.echoes('after')).toBe(true);
    expect((await lab.ssh(4, 'echo fine')).stdout).toContain('fine');
    expect(ownRules(lab).some((rule) => /FORWARD|forward-rules/.test(rule))).toBe(true);
    gateway.call('sh', [`${lab.dir}/run/remove.sh`]);
    expect(ownRules(lab)).toEqual([]);
    await withShim(lab, async () => expect(await session.echoes('again')).toBe(true));
    session.close();
  });

  it('SIGTERM ends translated connections at the near end; the next one is fresh', async () => {
    await withFault(lab, PHANTOM, async (path) => {
      const shim = await ShimProcess.open(lab);
      const session = new Session(lab);
      expect(await session.until('connected', WITHIN_MS)).not.toBe(-1);
      expect(await session.echoes('translated', 10_000)).toBe(true);
      expect(shim.status()['translated']).toEqual({ kernel: 0, userspace: 1 });
      await path.close();
      expect(await shim.stop()).toBe(0);
      expect(shim.events('flow-ended').length).toBe(1);
      expect(await session.until('error', WITHIN_MS)).not.toBe(-1);
      expect(ownRules(lab)).toEqual([]);
      session.close();
    });
    expect((await lab.ssh(4, 'echo fresh')).stdout).toContain('fresh');
  });

  it('--no-rules uses those of `up`; `down` takes them away', async () => {
    const rules = ['--target', '10.99.2.0/24,fd99:2::/64', '--port', '22', '--hook', 'gateway'];
    expect((await cli('up', ...rules)).exitCode).toBe(0);
    await withShim(
      lab,
      (shim) =>
        withFault(lab, PHANTOM, async () => {
          expect((await lab.ssh(4, 'echo saved')).stdout).toContain('saved');
          expect(shim.status()['interventions']).toMatchObject({ reanchored: 1 });
        }),
      ['--no-rules'],
    );
    expect(ownRules(lab).some((rule) => /FORWARD|forward-rules/.test(rule))).toBe(true);
    expect((await cli('down')).exitCode).toBe(0);
    expect(ownRules(lab)).toEqual([]);
  });
});

describe('resets', () => {
  it('that are genuine end a settled connection within a second', async () => {
    const silent = { kind: 'blind-resets', delayMs: 60_000 } as const;
    await withShim(lab, (shim) =>
      withFault(lab, silent, async () => {
        const sessions = Array.from({ length: 4 }, () => new Session(lab));
        await untilSettled(shim, sessions);
        for (const session of sessions) session.say('RESET');
        const ended = sessions.map((session) => session.until('error', 1000));
        for (const waited of await Promise.all(ended)) expect(waited).not.toBe(-1);
        for (const session of sessions) session.close();
      }),
    );
  });

  it('forged on busy and idle sessions kill none; genuine ones arrive within a second', async () => {
    const silent = { kind: 'blind-resets', delayMs: 60_000 } as const;
    await withShim(lab, (shim) =>
      withFault(lab, silent, async (path) => {
        const sessions = Array.from({ length: 10 }, (_, i) => new Session(lab, i % 2 ? 6 : 4));
        for (const session of sessions) {
          expect(await session.until('connected', WITHIN_MS)).not.toBe(-1);
        }
        await untilSettled(shim, sessions);
        // So much that numbers from before it would be far off.
        await Promise.all(sessions.map((one) => one.echoes('x'.repeat(MB), 20_000)));
        expect(bypassed(shim)).toBeGreaterThan(10 * MB);
        expect(shim.status()['offloaded']).toBe(10);
        for (const round of ['idle', 'busy', 'idle again']) {
          const talking =
            round === 'busy' ? sessions.map((one) => one.echoes('busy'.repeat(5000))) : [];
          await path.tell({ do: 'forge', ttl: OTHER_TTL, distance: 0 });
          await Promise.all(talking);
          await pause(RATE_LIMIT_MS);
        }
        const alive = await Promise.all(sessions.map((one) => one.echoes('alive')));
        expect(alive).toEqual(sessions.map(() => true));
        expect(shim.events('rst-refuted').length).toBeGreaterThanOrEqual(20);
        for (const session of sessions) session.say('RESET');
        const ended = sessions.map((session) => session.until('error', 1000));
        for (const waited of await Promise.all(ended)) expect(waited).not.toBe(-1);
        for (const session of sessions) session.close();
      }),
    );
  });
});

describe('large transfers', () => {
  it('arrive whole, untouched on a healthy path, and translated on a re-anchored one', async () => {
    await withShim(lab, async (shim) => {
      const moved = await Promise.all([bulk(lab, 4, 'up', 50 * MB), bulk(lab, 6, 'down', 50 * MB)]);
      for (const { ok, error } of moved) expect(ok, error).toBe(true);
      untouched(shim.status());
      await withFault(lab, PHANTOM, async () => {
        const translated = await Promise.all([
          bulk(lab, 6, 'up', 20 * MB),
          bulk(lab, 4, 'down', 20 * MB),
        ]);
        for (const { ok, error } of translated) expect(ok, error).toBe(true);
        expect(shim.status()['interventions']).toMatchObject({ reanchored: 2 });
      });
    });
  });
});

describe('NAT', () => {
  const masquerade = (...more: string[]) => {
    const rule = ['POSTROUTING', '-o', 'g1', ...more, '-j', 'MASQUERADE'];
    gateway.call('iptables', ['-t', 'nat', '-A', ...rule]);
  };
  const clear = () => gateway.call('iptables', ['-t', 'nat', '-F']);

  it('of all their clients is refused in one line that names the rule', async () => {
    masquerade();
    try {
      const args = ['--target', '10.99.2.0/24', '--hook', 'gateway'];
      for (const command of ['run', 'up']) {
        const { exitCode, stderr } = await cli(command, ...args);
        expect(exitCode).toBe(4);
        expect(stderr).toMatch(/^Cannot use --hook gateway: .*-o g1 -j MASQUERADE.*\n$/);
      }
      expect(ownRules(lab)).toEqual([]);
      expect((await cli('check', ...args)).stdout).toMatch(/^blocks +nat .*MASQUERADE/m);
    } finally {
      clear();
    }
  });

  it.each([['gateway'], ['host']])(
    'of some passes untouched, as it would without us: with --hook %s too',
    async (hook) => {
      masquerade('-s', '10.99.1.1/32');
      try {
        await withShim(
          lab,
          async (shim) => {
            const lines = JSON.stringify(shim.lines());
            expect(lines).toContain('connections whose address it rewrites pass untouched');
            const session = new Session(lab);
            expect(await session.until('connected', WITHIN_MS)).not.toBe(-1);
            expect(await session.echoes('rewritten')).toBe(true);
            const known = await cli('flows', '--json');
            const { flows } = JSON.parse(known.stdout) as { flows: { untouched: boolean }[] };
            expect(flows.map(({ untouched: left }) => left)).toEqual([true]);
            session.close();
            const moved = await bulk(lab, 4, 'down', 20 * MB);
            expect(moved.ok, moved.error).toBe(true);
            await withFault(lab, CONFLICT, async () => {
              expect((await attempts(lab, 4, SSH, 2, 2)).ok).toBe(0);
            });
            expect(shim.status()['packets']).toBeGreaterThan(20);
            untouched(shim.status());
            expect((await lab.ssh(6, 'echo as it is')).stdout).toContain('as it is');
          },
          ['--hook', hook],
        );
      } finally {
        clear();
      }
    },
  );
});

describe('a bridge with br_netfilter', () => {
  it('has its frames passed untouched', async () => {
    await withLab(
      async (bridged) => {
        const bridge = bridgeOf(bridged);
        await withShim(bridged, async (shim) => {
          expect((await bridged.ssh(4, 'echo bridged')).stdout).toContain('bridged');
          await withFault(bridged, CONFLICT, async () => {
            expect((await attempts(bridged, 4, SSH, 2, 2)).ok).toBe(0);
          });
          const status = shim.status();
          const { passedBridged } = status['counters'] as { passedBridged: number };
          expect(passedBridged).toBeGreaterThan(20);
          expect(status['flows']).toMatchObject({ peak: 0 });
          untouched(status);
        });
        const args = [distFile('cli.js'), 'check', '--target', '10.99.2.0/24', '--hook', 'gateway'];
        expect(bridge.tryCall(process.execPath, args)).toMatch(/^ok +bridge .*br0 .*untouched/m);
      },
      { gateway: true },
    );
  });

  it('has what it hands up for routing looked after like anything else', async () => {
    await withLab(
      async (bridged) => {
        const bridge = bridged.shimHost;
        bridge.call('ip', ['link', 'add', 'br0', 'type', 'bridge']);
        bridge.call('ip', ['addr', 'flush', 'dev', 'g0']);
        bridge.call('ip', ['link', 'set', 'g0', 'master', 'br0']);
        bridge.call('ip', ['link', 'set', 'br0', 'up']);
        bridge.call('ip', ['addr', 'add', '10.99.1.2/24', 'dev', 'br0']);
        bridge.call('sysctl', ['-qw', 'net.bridge.bridge-nf-call-iptables=1']);
        await withShim(bridged, (shim) =>
          withFault(bridged, PHANTOM, async () => {
            expect((await attempts(bridged, 4, SSH, 2, 2)).errors).toEqual([]);
            const { interventions, counters } = shim.status();
            expect(interventions).toMatchObject({ reanchored: 2 });
            expect(counters).toMatchObject({ passedBridged: 0 });
          }),
        );
      },
      { gateway: true },
    );
  });

  /** The gateway without a route: one network from the jumpbox to the firewall. */
  function bridgeOf(bridged: Lab): Namespace {
    const { jumpbox, firewall, shimHost } = bridged;
    shimHost.call('ip', ['link', 'add', 'br0', 'type', 'bridge']);
    for (const port of ['g0', 'g1']) {
      shimHost.call('ip', ['addr', 'flush', 'dev', port]);
      shimHost.call('ip', ['link', 'set', port, 'master', 'br0']);
    }
    shimHost.call('ip', ['link', 'set', 'br0', 'up']);
    shimHost.call('sysctl', ['-qw', 'net.bridge.bridge-nf-call-iptables=1']);
    firewall.call('ip', ['route', 'del', '10.99.1.0/24']);
    firewall.call('ip', ['addr', 'add', '10.99.1.2/24', 'dev', 'f0']);
    jumpbox.call('ip', ['neigh', 'flush', 'all']);
    return shimHost;
  }
});

describe('the checks of a start', () => {
  it('say what else stands in the way', async () => {
    const args = ['--target', '10.99.2.0/24', '--hook', 'gateway'];
    const policy = ['src', '10.99.1.0/24', 'dst', '10.99.2.0/24', 'dir', 'out'];
    const template = [
      'tmpl',
      'src',
      '10.99.4.1',
      'dst',
      '10.99.4.2',
      'proto',
      'esp',
      'mode',
      'tunnel',
    ];
    gateway.call('ip', ['xfrm', 'policy', 'add', ...policy, ...template]);
    gateway.call('ip', ['rule', 'add', 'iif', 'g0', 'table', 'main']);
    gateway.call('sysctl', ['-qw', 'net.ipv4.ip_forward=0']);
    try {
      const { stdout, exitCode } = await cli('check', ...args);
      expect(exitCode).toBe(4);
      expect(stdout).toMatch(/^blocks +ipsec .*src 10\.99\.1\.0\/24 dst 10\.99\.2\.0\/24/m);
      expect(stdout).toMatch(/^warning +routing .*iif g0/m);
      expect(stdout).toMatch(/^warning +forwarding .*net\.ipv4\.ip_forward = 0/m);
      expect((await cli('run', ...args)).stderr).toMatch(/^Cannot use --hook gateway: .*IPsec/);
    } finally {
      gateway.call('ip', ['xfrm', 'policy', 'flush']);
      gateway.call('ip', ['rule', 'del', 'iif', 'g0']);
      gateway.call('sysctl', ['-qw', 'net.ipv4.ip_forward=1']);
    }
    expect((await cli('check', ...args)).stdout).not.toMatch(/^blocks/m);
  });
});
