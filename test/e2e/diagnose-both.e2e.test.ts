/**
 * `diagnose --both` on real captures of both sides of a firewall that does one known thing: exactly
 * that is stated, and nothing else. Live. Times: ms.
 */
import { describe, expect, it } from 'vitest';
import type { Fault } from '../../src/testbed/firewall/fault.ts';
import type { Lab } from '../../src/testbed/lab.ts';
import { attemptOnce } from '../../src/testbed/runner.ts';
import { scenarioByName } from '../../src/testbed/scenarios.ts';
import {
  type BothFiles,
  captureBoth,
  diagnoseBoth,
  findingCodes,
  initialNumbers,
  rewritings,
} from './both-sides.ts';
import { bulk } from './bulk.ts';
import { withFault, withLab } from './live-parts.ts';

const CONNECT_S = 5;

async function stated(
  lab: Lab,
  fault: Partial<Fault>,
  work: () => Promise<unknown>,
): Promise<BothFiles> {
  return withFault(lab, fault, () => captureBoth(lab, work));
}

const login = (lab: Lab, family: 4 | 6) => () =>
  attemptOnce(lab, family, { client: 'ssh', delayMs: 0 }, CONNECT_S);

describe.concurrent('both sides of', () => {
  it.each<[name: string, family: 4 | 6, rewrites: string[], findings: string[]]>([
    ['healthy', 4, [], []],
    ['healthy', 6, [], []],
    [
      'phantom-synack-ws7',
      4,
      ['server invented'],
      ['phantom-synack likely', 'synack-conflict likely'],
    ],
    [
      'first-connection-reset-BRD',
      4,
      ['server invented'],
      ['rst-after-conflict likely', 'synack-conflict likely'],
    ],
    ['forged-reset', 4, ['server invented'], ['rst-foreign likely']],
    ['window-scale-stripped', 6, ['server window-scale'], ['window-scale-stripped proven']],
  ])('%s, IPv%d', async (name, family, rewrites, findings) => {
    await withLab(async (lab) => {
      const { fault } = scenarioByName(name);
      const result = diagnoseBoth(await stated(lab, fault, login(lab, family)));
      expect(rewritings(result)).toEqual(rewrites);
      expect(findingCodes(result)).toEqual(findings);
      // One machine has one clock.
      const { clockOffsetUs, clockErrorUs, flows } = result.both;
      expect(Math.abs(clockOffsetUs)).toBeLessThanOrEqual(clockErrorUs);
      expect(flows.map(({ matchedBy }) => matchedBy)).toEqual(['addresses']);
    });
  });

  it('timestamps-stripped, sack-permitted-stripped', async () => {
    await withLab(async (lab) => {
      for (const option of ['timestamps', 'sack-permitted'] as const) {
        const files = await stated(lab, { strips: option }, login(lab, 4));
        const result = diagnoseBoth(files);
        expect(findingCodes(result)).toEqual([`${option}-stripped proven`]);
        expect(rewritings(result)).toEqual([`server ${option}`]);
      }
    });
  });

  it('an MSS that the firewall clamps', async () => {
    await withLab(async (lab) => {
      const clamp = [
        '-p',
        'tcp',
        '--tcp-flags',
        'SYN,RST',
        'SYN',
        '-j',
        'TCPMSS',
        '--set-mss',
        '1300',
      ];
      lab.firewall.call('iptables', ['-t', 'mangle', '-A', 'FORWARD', ...clamp]);
      const result = diagnoseBoth(await captureBoth(lab, login(lab, 4)));
      expect(rewritings(result)).toEqual(['client mss', 'server mss']);
      expect(findingCodes(result)).toEqual(['mss-lowered proven']);
      expect(result.findings.map(({ numbers }) => numbers)).toEqual([
        { mss: 1300, offeredMss: 1460 },
        { mss: 1300, offeredMss: 1460 },
      ]);
    });
  });

  it('renumbering: the offsets in numbers, SACK blocks translated or left alone', async () => {
    await withLab(async (lab) => {
      const { fault } = scenarioByName('sack-blind-randomizer');
      for (const sackBlind of [true, false]) {
        const files = await stated(lab, { ...fault, sackBlind, loss: 0.03 }, () =>
          bulk(lab, 4, 'up', 400_000, 0, 8000),
        );
        const result = diagnoseBoth(files);
        const sack = sackBlind ? 'sack-left' : 'sack-translated';
        // The client may have got something twice, and say so in a block of its own.
        const found = rewritings(result).filter((kind) => kind !== `client ${sack}`);
        expect(found).toEqual(['client sequence', `server ${sack}`, 'server sequence']);
        expect(findingCodes(result)).toEqual(sackBlind ? ['sack-out-of-window proven'] : []);
        const [before] = initialNumbers(files.client).values();
        const [after] = initialNumbers(files.server).values();
        const [flow] = result.both.flows;
        expect(flow?.clientOffset).toBe(((after?.client ?? 0) - (before?.client ?? 0)) >>> 0);
        expect(flow?.serverOffset).toBe(((after?.server ?? 0) - (before?.server ?? 0)) >>> 0);
        const dropped = flow?.changes.find(({ kind }) => kind === 'dropped');
        expect(dropped?.packets).toBeGreaterThan(0);
      }
    });
  });

  it('a translation made anew in mid-session', async () => {
    await withLab(async (lab) => {
      const { fault } = scenarioByName('rerandomized-midflow');
      const files = await stated(lab, { ...fault, jumpMs: 1500 }, () =>
        lab.ssh(4, 'for i in 1 2 3 4 5 6; do echo $i; sleep 0.5; done', [], 6000),
      );
      const result = diagnoseBoth(files);
      expect(findingCodes(result)).toEqual(['sequence-jump proven']);
      expect(rewritings(result)).toContain('server sequence-again');
    });
  });
});
