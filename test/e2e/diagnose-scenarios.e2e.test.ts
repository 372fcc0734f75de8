/**
 * Every scenario of the testbed without a shim, captured on both ends: `diagnose` finds what the
 * firewall does, and of severity warning or above nothing else; each suspect has its verdict, and
 * none is ruled out that it really was. Live. Tables here and in scenario-verdicts.ts.
 */
import { describe, type ExpectStatic, it } from 'vitest';
import { diagnoseInput } from '../../src/diagnose/diagnose.ts';
import type { Report } from '../../src/diagnose/report.ts';
import { OTHER_SCENARIOS, SCENARIOS, type Scenario } from '../../src/testbed/scenarios.ts';
import { TRANSFERS, withCaptures } from './scenario-captures.ts';
import { verdictsExpected, verdictsWrong } from './scenario-verdicts.ts';

/** Codes on the client's side and on the server's, each with `?` where timing decides. */
type Expected = readonly [client: readonly string[], server: readonly string[]];

const CONFLICT = ['synack-conflict', 'rst-after-conflict'] as const;
/** All that a server learns of a reset in its name: the client knows nothing any more. */
const GONE = ['rst-no-connection'] as const;

/** By the beginning of the name; the first that fits. */
const TABLE: readonly (readonly [scenario: string, ...Expected])[] = [
  // Data that comes before the reset saves the login: then the server sees nothing.
  ['first-connection-reset-BDR', [...CONFLICT, 'rst-refuted'], []],
  ['first-connection-reset-D', [...CONFLICT, 'rst-refuted'], []],
  ['first-connection-reset-', [...CONFLICT, 'rst-refuted'], GONE],
  ['challenge-ack-reset', [...CONFLICT, 'rst-refuted?'], GONE],
  ['double-endpoint', [...CONFLICT, 'rst-refuted?'], GONE],
  ['duplicate-address', [...CONFLICT, 'duplicate-address', 'rst-refuted?'], GONE],
  ['quiet-server-', CONFLICT, GONE],
  ['phantom-synack-', [...CONFLICT, 'phantom-synack?'], GONE],
  ['forged-reset-idle', ['rst-foreign'], []],
  ['forged-reset', ['rst-foreign', 'rst-refuted?'], ['rst-no-connection?']],
  ['checksum-left-partial-data', ['checksum-partial'], ['retransmission-storm?']],
  ['checksum-left-partial', ['checksum-partial'], ['half-open']],
  ['blind-resets', [], []],
  ['healthy', [], []],
  ['sack-blind-randomizer', ['sack-out-of-window'], []],
  // No NOPs, and what the server sees of it is the client's plain windows.
  ['window-scale-', ['window-scale-stripped'], ['window-scale-stripped']],
  ['timestamps-stripped', ['timestamps-stripped'], ['half-open']],
  ['sack-permitted-stripped', ['sack-permitted-stripped'], []],
  ['rerandomized-midflow', ['sequence-jump'], ['sequence-jump']],
  ['idle-drop', ['idle-drop'], []],
  ['pmtu', [...CONFLICT, 'phantom-synack?'], GONE],
];

function expectedOf(name: string): Expected {
  const row = TABLE.find(([scenario]) => name.startsWith(scenario));
  if (row === undefined) throw new Error(`no row for scenario "${name}"`);
  return [row[1], row[2]];
}

async function reportOf(file: string): Promise<Report> {
  const outcome = await diagnoseInput(file);
  if (outcome.kind !== 'report') throw new Error(outcome.problem);
  return outcome.report;
}

function faultsOf({ findings }: Report): string[] {
  const faults = findings.filter(({ severity }) => severity !== 'note');
  return [...new Set(faults.map(({ code }) => code))];
}

/** Everything that is expected, and nothing beyond. `expect`: of one test among several at once. */
async function expectFindings(
  expect: ExpectStatic,
  file: string,
  wanted: readonly string[],
  where: string,
): Promise<Report> {
  const report = await reportOf(file);
  const found = faultsOf(report);
  const optional = wanted.filter((code) => code.endsWith('?')).map((code) => code.slice(0, -1));
  const sure = found.filter((code) => !optional.includes(code));
  const needed = wanted.filter((code) => !code.endsWith('?'));
  expect.soft(sure.sort(), where).toEqual([...needed].sort());
  return report;
}

const path = (name: string, fault: Scenario['fault']): Scenario => ({
  name,
  about: name,
  fault,
  attempt: { client: 'ssh', delayMs: 0 },
  failsWithout: false,
});

/** Bad, and not at fault. */
const HARMLESS: readonly (readonly [way: string, Scenario])[] = ['up', 'down'].flatMap((way) => [
  [way, path('loses one in a hundred', { lagMs: 5, loss: 0.01 })] as const,
  [way, path('loses one in twenty', { lagMs: 5, loss: 0.05 })] as const,
  [way, path('is slow', { lagMs: 150 })] as const,
  [way, path('reorders', { lagMs: 5, reordering: 0.1 })] as const,
]);

describe.concurrent('a capture of', () => {
  for (const scenario of [...SCENARIOS, ...OTHER_SCENARIOS]) {
    it(`${scenario.name} gives that finding and no other`, async ({ expect }) => {
      const [client, server] = expectedOf(scenario.name);
      await withCaptures(scenario, async (captures) => {
        const near = await expectFindings(expect, captures.client, client, 'client side');
        const far = await expectFindings(expect, captures.server, server, 'server side');
        const { truth, ...verdicts } = verdictsExpected(scenario.name);
        const wrongNear = verdictsWrong(near.hypotheses, verdicts.client, truth);
        const wrongFar = verdictsWrong(far.hypotheses, verdicts.server, truth);
        expect.soft(wrongNear, 'suspects, client side').toEqual([]);
        expect.soft(wrongFar, 'suspects, server side').toEqual([]);
      });
    });
  }

  for (const [way, scenario] of HARMLESS) {
    it(`a transfer ${way} over a path that ${scenario.name} gives none`, async ({ expect }) => {
      await withCaptures(
        scenario,
        async (captures) => {
          const near = await expectFindings(expect, captures.client, [], 'client side');
          const far = await expectFindings(expect, captures.server, [], 'server side');
          // Nothing failed, so nobody is suspected.
          expect.soft([...near.hypotheses, ...far.hypotheses]).toEqual([]);
        },
        TRANSFERS[way],
      );
    });
  }
});
