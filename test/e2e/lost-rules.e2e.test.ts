/**
 * Rules that somebody else takes away: with a reload of everything (an accident: put back, once),
 * ours alone (an order), and those of an older run that a saved ruleset brings. Live, with both
 * kinds of iptables. Reads and restores PATH.
 */
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { distFile } from '../../src/testbed/dist-file.ts';
import type { Lab } from '../../src/testbed/lab.ts';
import { scenarioByName } from '../../src/testbed/scenarios.ts';
import { ownRules } from './jumpbox.ts';
import { withFault, withLab, withShim } from './live-parts.ts';
import { becomes, CHECK_MS, translatedSession } from './rule-checks.ts';
import { Session } from './session.ts';

const PHANTOM = scenarioByName('phantom-synack-ws7').fault;
const PROGRAMS = ['', '-save', '-restore'];

const scratch = mkdtempSync(join(tmpdir(), 'seqshim-rules-'));
const path = process.env['PATH'];
afterAll(() => {
  process.env['PATH'] = path;
  rmSync(scratch, { recursive: true, force: true });
});

/** `iptables` and its kin are these from now on, for us and all that we start. */
function useIptables(kind: 'nft' | 'legacy'): void {
  const dir = join(scratch, kind);
  if (!existsSync(dir)) makeLinks(dir, kind);
  process.env['PATH'] = `${dir}:${path}`;
}

function makeLinks(dir: string, kind: string): void {
  mkdirSync(dir);
  for (const program of ['iptables', 'ip6tables'].flatMap((x) => PROGRAMS.map((y) => x + y))) {
    const [family = '', action = ''] = program.split(/(?=-)/);
    symlinkSync(`/usr/sbin/${family}-${kind}${action}`, join(dir, program));
  }
}

/** What a saved ruleset is: of both families, whole tables. */
function save(lab: Lab): string[] {
  return ['iptables', 'ip6tables'].map((program) => lab.jumpbox.call(`${program}-save`, []));
}

function restore(lab: Lab, [four = '', six = '']: readonly string[]): void {
  lab.jumpbox.call('iptables-restore', [], four);
  lab.jumpbox.call('ip6tables-restore', [], six);
}

/** Others have rules in our tables too. */
function othersRules(lab: Lab): void {
  for (const program of ['iptables', 'ip6tables']) {
    for (const table of ['raw', 'mangle']) {
      lab.jumpbox.call(program, ['-t', table, '-A', 'PREROUTING', '-p', 'tcp', '--dport', '99']);
    }
  }
}

describe('with iptables-nft', () => {
  beforeAll(() => useIptables('nft'));

  it('a reload of everything is an accident: put back once, flows and all', async () => {
    await withLab(async (lab) => {
      othersRules(lab);
      const saved = save(lab);
      await withShim(lab, (shim) =>
        withFault(lab, PHANTOM, async () => {
          const session = await translatedSession(lab);
          expect(shim.status()['translated']).toMatchObject({ userspace: 1 });
          await pause(CHECK_MS + 1000);
          const standing = ownRules(lab).length;
          restore(lab, saved);
          expect(ownRules(lab)).toEqual([]);
          await becomes(shim, { rules: { installed: true, backend: 'iptables', reinstalled: 1 } });
          expect(ownRules(lab).length).toBe(standing);
          expect(await session.echoes('still here')).toBe(true);
          expect((await lab.ssh(4, 'echo saved')).stdout).toContain('saved');
          const told = shim.lines().filter((line) => line.msg.startsWith('rules were lost'));
          expect(told).toMatchObject([{ level: 'warn', because: 'the whole ruleset is new' }]);
          expect(shim.status()).toMatchObject({ state: 'ok' });
          // Twice within ten minutes is no accident. What was translated ends visibly.
          await pause(CHECK_MS + 1000);
          restore(lab, saved);
          await becomes(shim, { state: 'degraded' });
          expect(ownRules(lab)).toEqual([]);
          expect(shim.status()['reasons']).toEqual(['rules were removed by somebody else']);
          expect(await session.until('error', 3000)).not.toBe(-1);
          session.close();
        }),
      );
    });
  });
});

describe('with iptables-legacy', () => {
  beforeAll(() => useIptables('legacy'));

  it('nothing tells a reload from an order: it is one', async () => {
    await withLab(async (lab) => {
      othersRules(lab);
      const saved = save(lab);
      await withShim(lab, async (shim) => {
        await pause(CHECK_MS + 1000);
        restore(lab, saved);
        await becomes(shim, { state: 'degraded' });
        expect(ownRules(lab)).toEqual([]);
      });
    });
  });
});

describe.each(['nft', 'legacy'] as const)('with iptables-%s', (kind) => {
  beforeAll(() => useIptables(kind));

  it('ours alone is an order, half of them is all', async () => {
    await withLab(async (lab) => {
      othersRules(lab);
      await withShim(lab, async (shim) => {
        const session = new Session(lab);
        expect(await session.echoes('before')).toBe(true);
        await pause(CHECK_MS + 1000);
        const [four = ''] = save(lab);
        const jumps = four.split('\n').filter((line) => /-A POSTROUTING .* -j SEQSHIM/.test(line));
        expect(jumps.length).toBeGreaterThan(0);
        for (const jump of jumps) {
          const words = jump.match(/"[^"]*"|\S+/g) ?? [];
          const args = words.slice(1).map((word) => word.replaceAll('"', ''));
          lab.jumpbox.call('iptables', ['-t', 'mangle', '-D', ...args]);
        }
        await becomes(shim, { state: 'degraded' });
        expect(ownRules(lab)).toEqual([]);
        expect(shim.status()['rules']).toMatchObject({ installed: false, reinstalled: 0 });
        expect(await session.echoes('goes on')).toBe(true);
        expect(lab.jumpbox.call('iptables-save', ['-t', 'raw'])).toContain('--dport 99');
        session.close();
      });
    });
  });

  it('rules that a saved ruleset brings back are replaced, before a run and during it', async () => {
    await withLab(async (lab) => {
      let saved: string[] = [];
      await withShim(
        lab,
        () =>
          withFault(lab, PHANTOM, async () => {
            const session = await translatedSession(lab);
            saved = save(lab);
            session.close();
          }),
        ['--queue-num', '5100'],
      );
      expect(ownRules(lab)).toEqual([]);
      restore(lab, saved);
      // Nobody listens: all pass, but for the connection that has entries of its own.
      expect((await lab.ssh(4, 'echo passes')).stdout).toContain('passes');
      const check = () =>
        lab.jumpbox.run(process.execPath, [distFile('cli.js'), 'check', '--json'], 30_000);
      expect((await check()).stdout).toMatch(/drop packets of 1 connections that nobody/);
      await withShim(lab, async (shim) => {
        expect(ownRules(lab).filter((line) => / --sport \d+ --dport /.test(line))).toEqual([]);
        restore(lab, saved);
        await becomes(shim, { rules: { installed: true, backend: 'iptables', reinstalled: 1 } });
        expect(ownRules(lab).filter((line) => line.includes('--queue-num 5100'))).toEqual([]);
        expect((await lab.ssh(4, 'echo fine')).stdout).toContain('fine');
      });
      expect(ownRules(lab)).toEqual([]);
    });
  });
});
