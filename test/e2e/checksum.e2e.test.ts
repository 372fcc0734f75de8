/**
 * Checksums that a firewall leaves unfinished on data alone: behind conntrack, which has called the
 * first one INVALID by then. Live, with and without a jumpbox that drops such packets.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Fault } from '../../src/testbed/firewall/fault.ts';
import { Lab } from '../../src/testbed/lab.ts';
import { attempts } from '../../src/testbed/runner.ts';
import { dropInvalid, flushFilter } from './jumpbox.ts';
import { withFault, withShim } from './live-parts.ts';

const SSH = { client: 'ssh', delayMs: 0 } as const;
const ECHO = { client: 'echo', delayMs: 0 } as const;
const FAULT: Partial<Fault> = { kind: 'checksum-left-partial', partial: 'data' };
const COUNT = 10;

let lab: Lab;
beforeAll(async () => {
  lab = await Lab.open();
});
afterAll(async () => lab.close());

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
