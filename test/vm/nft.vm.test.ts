/**
 * What iptables cannot show for nft: that its queue, its sets and its marks do the same, with one
 * session at a time because all may be emulated; and that its one table goes with `flush ruleset`,
 * with which Debian's /etc/nftables.conf begins. Live. Times: ms.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { distFile } from '../../src/testbed/dist-file.ts';
import type { Lab } from '../../src/testbed/lab.ts';
import { attempts } from '../../src/testbed/runner.ts';
import { scenarioByName } from '../../src/testbed/scenarios.ts';
import { ownRules } from '../e2e/jumpbox.ts';
import { withFault, withLab, withShim } from '../e2e/live-parts.ts';
import { becomes, CHECK_MS, translatedSession } from '../e2e/rule-checks.ts';
import { Session } from '../e2e/session.ts';

const MTU = scenarioByName('pmtu').fault.mtu ?? 0;
const PHANTOM = scenarioByName('phantom-synack-ws7').fault;
/** An emulated machine takes longer to move a connection. */
const MOVES_MS = 20_000;
/** What a host has in /etc/nftables.conf. */
const CONFIGURED = `flush ruleset
table inet filter {
  chain input {
    type filter hook input priority filter; policy accept;
    ct state established,related accept
    tcp dport 99 drop
  }
}
`;

function load(lab: Lab, ruleset: string): void {
  lab.jumpbox.call('nft', ['-f', '-'], ruleset);
}

describe('repairs', () => {
  it.each([
    'first-connection-reset-BRD',
    'challenge-ack-reset',
    'phantom-synack-ws7',
    'checksum-left-partial',
  ])('%s: every login, IPv4 and IPv6', async (name) => {
    await withLab((lab) =>
      withShim(lab, (shim) =>
        withFault(lab, scenarioByName(name).fault, async () => {
          for (const family of [4, 6] as const) {
            const ssh = { client: 'ssh', delayMs: 0 } as const;
            expect(await attempts(lab, family, ssh, 3, 1)).toMatchObject({ ok: 3, errors: [] });
          }
          expect(shim.status()['rules']).toMatchObject({ backend: 'nft' });
          expect(Object.keys(shim.status()['interventions'] as object)).not.toEqual([]);
        }),
      ),
    );
  });

  it('a smaller MTU behind a jump: ICMP errors are told in the client’s own numbers', async () => {
    await withLab((lab) =>
      withShim(
        lab,
        (shim) =>
          withFault(lab, { jumpMs: 600_000, jumps: 'client' }, async (path) => {
            const session = new Session(lab);
            expect(await session.until('connected', 5000)).not.toBe(-1);
            expect(await session.echoes('before')).toBe(true);
            await path.tell({ do: 'jump', which: 'client' });
            expect(await session.echoes('behind the jump', 14_000)).toBe(true);
            // Both ends of the link: veth drops what is larger than its receiver's MTU.
            lab.firewall.call('ip', ['link', 'set', 'f1', 'mtu', String(MTU)]);
            lab.server.call('ip', ['link', 'set', 's0', 'mtu', String(MTU)]);
            expect(await session.echoes('x'.repeat(4000), 10_000)).toBe(true);
            expect(shim.status()['interventions']).toHaveProperty('icmp-translated');
            session.close();
          }),
        ['--inspect', 'full'],
      ),
    );
  });
});

it('a reload of everything is an accident: put back once, flows and all', async () => {
  await withLab(async (lab) => {
    load(lab, CONFIGURED);
    await withShim(lab, (shim) =>
      withFault(lab, PHANTOM, async () => {
        expect(shim.status()['rules']).toMatchObject({ backend: 'nft' });
        const session = await translatedSession(lab, MOVES_MS);
        expect(shim.status()['translated']).toMatchObject({ userspace: 1 });
        await pause(CHECK_MS + 1000);
        const standing = ownRules(lab).length;
        load(lab, CONFIGURED);
        expect(ownRules(lab)).toEqual([]);
        await becomes(shim, { rules: { installed: true, backend: 'nft', reinstalled: 1 } });
        expect(ownRules(lab).length).toBe(standing);
        expect(await session.echoes('still here', 10_000)).toBe(true);
        expect(shim.status()).toMatchObject({ state: 'ok' });
        // Twice within ten minutes is no accident. What was translated ends visibly.
        await pause(CHECK_MS + 1000);
        load(lab, CONFIGURED);
        await becomes(shim, { state: 'degraded' });
        expect(ownRules(lab)).toEqual([]);
        expect(await session.until('error', 5000)).not.toBe(-1);
        session.close();
      }),
    );
  });
});

it('our table alone is an order: it stays away, and sessions go on', async () => {
  await withLab(async (lab) => {
    load(lab, CONFIGURED);
    await withShim(lab, async (shim) => {
      const session = new Session(lab);
      expect(await session.echoes('before')).toBe(true);
      await pause(CHECK_MS + 1000);
      lab.jumpbox.call('nft', ['delete', 'table', 'inet', 'seqshim']);
      await becomes(shim, { state: 'degraded' });
      expect(shim.status()['rules']).toMatchObject({ installed: false, reinstalled: 0 });
      expect(ownRules(lab)).toEqual([]);
      expect(await session.echoes('goes on')).toBe(true);
      expect(lab.jumpbox.call('nft', ['list', 'ruleset'])).toContain('tcp dport 99 drop');
      session.close();
    });
  });
});

it('a table that a saved ruleset brings back is replaced, before a run and during it', async () => {
  await withLab(async (lab) => {
    let saved = '';
    await withShim(
      lab,
      () =>
        withFault(lab, PHANTOM, async () => {
          const session = await translatedSession(lab, MOVES_MS);
          saved = `flush ruleset\n${lab.jumpbox.call('nft', ['list', 'ruleset'])}`;
          session.close();
        }),
      ['--queue-num', '5100'],
    );
    expect(ownRules(lab)).toEqual([]);
    load(lab, saved);
    // Nobody listens: all pass, but for the connection that has entries of its own.
    expect((await lab.ssh(4, 'echo passes')).stdout).toContain('passes');
    const check = [distFile('cli.js'), 'check', '--json'];
    const { stdout } = await lab.jumpbox.run(process.execPath, check, 30_000);
    expect(stdout).toMatch(/drop packets of 1 connections that nobody/);
    await withShim(lab, async (shim) => {
      load(lab, saved);
      await becomes(shim, { rules: { installed: true, backend: 'nft', reinstalled: 1 } });
      expect(ownRules(lab).filter((line) => line.includes('5100'))).toEqual([]);
      expect((await lab.ssh(4, 'echo fine')).stdout).toContain('fine');
    });
    expect(ownRules(lab)).toEqual([]);
  });
});
