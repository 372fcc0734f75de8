/**
 * Checksums that a firewall leaves unfinished on SYN-ACKs alone, or on data alone: that is behind
 * conntrack, which has called the first one INVALID by then. Live, with and without a jumpbox that
 * drops such packets. Times: ms.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Lab } from '../../src/testbed/lab.ts';
import { attempts } from '../../src/testbed/runner.ts';
import { scenarioByName } from '../../src/testbed/scenarios.ts';
import { dropInvalid, flushFilter } from './jumpbox.ts';
import { withFault, withShim } from './live-parts.ts';

const SSH = { client: 'ssh', delayMs: 0 } as const;
const ECHO = { client: 'echo', delayMs: 0 } as const;
const FAULT = scenarioByName('checksum-left-partial-data').fault;
const COUNT = 10;
const HANG_MS = 2500;

let lab: Lab;
beforeAll(async () => {
  lab = await Lab.open();
});
afterAll(async () => lab.close());

describe('unfinished checksums of SYN-ACKs alone', () => {
  it('let nobody in, and everybody when they are filled', async () => {
    const { fault } = scenarioByName('checksum-left-partial-synack');
    await withFault(lab, fault, async () => {
      const hopeless = Array.from({ length: COUNT }, () => lab.ssh(4, 'true', [], HANG_MS));
      for (const { exitCode } of await Promise.all(hopeless)) expect(exitCode).not.toBe(0);
      await withShim(lab, async (shim) => {
        expect((await attempts(lab, 4, SSH, COUNT, COUNT)).errors).toEqual([]);
        const did = Object.keys(shim.status()['interventions'] as object);
        expect(did).toEqual(['checksum-filled']);
      });
    });
  });
});

describe('unfinished checksums of data alone', () => {
  it.each([4, 6] as const)(
    'are filled on IPv%i, whatever INVALID packets suffer',
    async (family) => {
      for (const drops of [false, true]) {
        if (drops) dropInvalid(lab);
        await withShim(lab, async (shim) => {
          await withFault(lab, FAULT, async () => {
            for (const attempt of [SSH, ECHO]) {
              const tally = await attempts(lab, family, attempt, COUNT, COUNT);
              expect(tally.errors, `${attempt.client}, drops ${drops}`).toEqual([]);
            }
          });
          expect(shim.events('checksum-partial').length).toBeGreaterThan(0);
          expect(Object.keys(shim.status()['interventions'] as object)).toEqual([
            'checksum-filled',
          ]);
        });
        flushFilter(lab);
      }
    },
  );
});
