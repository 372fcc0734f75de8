/**
 * Settled connections (`--inspect auto`), live: what stays in the kernel, what resets do to it,
 * whose marks are where, and when every packet is inspected instead.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { Lab } from '../../src/testbed/lab.ts';
import type { ShimProcess } from '../../src/testbed/shim-process.ts';
import { bulk } from './bulk.ts';
import { dropInvalid } from './jumpbox.ts';
import { withFault, withLab, withShim } from './live-parts.ts';
import { Session } from './session.ts';
import { untilSettled } from './until-settled.ts';
import { counted } from './witness.ts';

const GIGABYTE = 1_000_000_000;
const MEGABYTE = 1_000_000;
/** Some three seconds: it is looked at for one behind the end of its bypass. */
const BLIND_OCTETS = 200 * MEGABYTE;
/** On a path that loses one in a hundred it takes a while to settle. */
const LOSSY_OCTETS = 80 * MEGABYTE;
const SACKS_MIN = 200;
const OTHER_TTL = 200;
/** A veth pair loses and reorders a little by itself: each SACK is a packet that is looked at. */
const SEEN_OCTETS_MAX = GIGABYTE / 100;

function counters(shim: ShimProcess): Record<string, number> {
  return shim.status()['counters'] as Record<string, number>;
}

function connmarks(lab: Lab): number[] {
  const text = lab.jumpbox.tryCall('conntrack', ['-L', '-p', 'tcp']);
  return [...text.matchAll(/ mark=(\d+)/g)].map((match) => Number(match[1]));
}

describe('a settled connection', () => {
  it('keeps a gigabyte in the kernel, whole, and every octet is counted', async () => {
    await withLab((lab) =>
      withShim(lab, async (shim) => {
        for (const [family, way] of [
          [4, 'up'],
          [6, 'down'],
        ] as const) {
          const before = counters(shim);
          const { ok, error } = await bulk(lab, family, way, GIGABYTE);
          expect(ok, error).toBe(true);
          const after = counters(shim);
          const grown = (name: string) => (after[name] ?? 0) - (before[name] ?? 0);
          console.log(`1 GB ${way}: ${grown('packets')} packets, ${grown('octets')} octets seen`);
          expect(grown('bypassedOctets') + grown('octets')).toBeGreaterThan(GIGABYTE);
          expect(grown('octets')).toBeLessThan(SEEN_OCTETS_MAX);
        }
        const { interventions, adjustments } = shim.status();
        expect({ interventions, adjustments }).toEqual({ interventions: {}, adjustments: {} });
      }),
    );
  });

  it('is settled again in the middle of bulk, once its SACK is understood', async () => {
    await withLab((lab) =>
      withShim(lab, (shim) =>
        withFault(lab, { offsets: true, sackBlind: true, lagMs: 1, loss: 0.0005 }, async () => {
          const { ok, error } = await bulk(lab, 4, 'up', BLIND_OCTETS);
          expect(ok, error).toBe(true);
          const { bypassedOctets = 0, octets = 0 } = counters(shim);
          console.log(`${octets} octets of a blind transfer seen, ${bypassedOctets} not`);
          expect((shim.status()['adjustments'] as Record<string, number>)['sack-calibrated']).toBe(
            1,
          );
          expect(bypassedOctets).toBeGreaterThan(BLIND_OCTETS / 3);
        }),
      ),
    );
  });

  it('asks nobody about the SACKs that its own end sends', async () => {
    await withLab((lab) =>
      withShim(lab, (shim) =>
        withFault(lab, { lagMs: 2, loss: 0.01 }, async () => {
          const sacks = ['-p', 'tcp', '--tcp-option', '5', '-m', 'comment', '--comment', 'said'];
          lab.jumpbox.call('iptables', ['-A', 'OUTPUT', ...sacks]);
          const look = () => ({
            said: counted(lab, 'filter', 'OUTPUT', 'said'),
            seen: counters(shim)['packets'] ?? 0,
          });
          let ended = false;
          const transfer = bulk(lab, 4, 'down', LOSSY_OCTETS).finally(() => {
            ended = true;
          });
          while (!ended && (counters(shim)['bypassedOctets'] ?? 0) < MEGABYTE) await pause(50);
          const before = look();
          const { ok, error } = await transfer;
          expect(ok, error).toBe(true);
          const after = look();
          const [said, seen] = [after.said - before.said, after.seen - before.seen];
          console.log(`${said} SACKs said, ${seen} packets seen`);
          expect(said).toBeGreaterThan(SACKS_MIN);
          expect(seen).toBeLessThan(said / 4);
        }),
      ),
    );
  });

  it('is marked, also for the run behind one that was killed, and nothing is when one has stopped', async () => {
    await withLab(async (lab) => {
      const sessions: Session[] = [];
      const settled = async (shim: ShimProcess) => {
        const session = new Session(lab);
        await untilSettled(shim, [session]);
        sessions.push(session);
      };
      await withShim(lab, async (shim) => {
        await settled(shim);
        expect(connmarks(lab)).toEqual([0x1000]);
      });
      expect(connmarks(lab)).toEqual([0]);
      await withShim(lab, async (shim) => {
        await settled(shim);
        await shim.stop('SIGKILL');
        expect(connmarks(lab).sort()).toEqual([0, 0x1000]);
        for (const session of sessions) expect(await session.echoes('alone')).toBe(true);
        await withShim(lab, async () => {
          expect(connmarks(lab).sort()).toEqual([0, 0x1000]);
          for (const session of sessions) expect(await session.echoes('again')).toBe(true);
        });
        expect(connmarks(lab)).toEqual([0, 0]);
      });
      for (const session of sessions) session.close();
    });
  });

  it('survives forged resets in the numbers that it has by then, and hears genuine ones', async () => {
    await withLab((lab) =>
      withShim(lab, (shim) =>
        withFault(lab, { kind: 'blind-resets', delayMs: 60_000 }, async (path) => {
          const sessions = Array.from({ length: 5 }, () => new Session(lab));
          await untilSettled(shim, sessions);
          const long = 'x'.repeat(MEGABYTE);
          for (const session of sessions) expect(await session.echoes(long, 20_000)).toBe(true);
          expect(counters(shim)['bypassedOctets']).toBeGreaterThan(sessions.length * MEGABYTE);
          for (const _ of [1, 2]) {
            await path.tell({ do: 'forge', ttl: OTHER_TTL, distance: 0 });
            await pause(1500);
          }
          for (const session of sessions) expect(await session.echoes('still here')).toBe(true);
          expect(shim.events('rst-refuted').length).toBe(2 * sessions.length);
          for (const session of sessions) {
            session.say('RESET');
            expect(await session.until('error', 1000)).toBeGreaterThanOrEqual(0);
          }
        }),
      ),
    );
  });
});

describe('every packet is inspected', () => {
  it.each([
    ['-j CONNMARK --restore-mark', 'iptables-save'],
    ['-m connmark --mark 0x1 -j ACCEPT', 'iptables-save'],
  ])('where others use connection marks whole: %s', async (rule, source) => {
    await withLab(async (lab) => {
      lab.jumpbox.call('iptables', ['-t', 'mangle', '-A', 'PREROUTING', ...rule.split(' ')]);
      await withShim(lab, async (shim) => {
        const status = shim.status();
        expect(status['inspect']).toBe('full');
        expect(status['fullBecause']).toMatch(new RegExp(`^"${source}" has "-A PREROUTING `));
        expect((await bulk(lab, 4, 'up', 1e6)).ok).toBe(true);
        expect(connmarks(lab)).not.toContain(0x1000);
      });
    });
  });

  it('not where others use other bits, drop INVALID or match states', async () => {
    await withLab(async (lab) => {
      dropInvalid(lab);
      const masked = ['-j', 'CONNMARK', '--set-xmark', '0x1/0xff'];
      lab.jumpbox.call('iptables', ['-t', 'mangle', '-A', 'PREROUTING', ...masked]);
      await withShim(lab, async (shim) => {
        expect(shim.status()['inspect']).toBe('auto');
        expect((await bulk(lab, 4, 'up', 100 * MEGABYTE)).ok).toBe(true);
        expect(counters(shim)['bypassedOctets']).toBeGreaterThan(95 * MEGABYTE);
        expect(connmarks(lab).every((mark) => (mark & 0xff) === 1)).toBe(true);
      });
    });
  });
});
