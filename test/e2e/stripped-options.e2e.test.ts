/**
 * Firewalls that take an option out of SYN-ACKs, so that the two ends disagree:
 * `timestamps-stripped` before a server that insists on them, `window-scale-stripped`,
 * `window-scale-removed` and `sack-permitted-stripped`. Live. Times: ms.
 */
import { describe, expect, it } from 'vitest';
import type { Lab } from '../../src/testbed/lab.ts';
import { scenarioByName } from '../../src/testbed/scenarios.ts';
import { bulk, median, type Way } from './bulk.ts';
import { dropInvalid } from './jumpbox.ts';
import { withFault, withLab, withShim } from './live-parts.ts';

const COUNT = 10;
const HANG_MS = 2500;
const LIMIT_MS = 20_000;

async function logins(lab: Lab, count: number, limitMs: number, family: 4 | 6 = 4) {
  const tries = Array.from({ length: count }, () => lab.ssh(family, 'echo in', [], limitMs));
  return (await Promise.all(tries)).filter(({ stdout }) => stdout === 'in\n').length;
}

async function takes(
  lab: Lab,
  way: Way,
  bytes: number,
  limitMs: number,
  family: 4 | 6 = 4,
): Promise<number> {
  const done = await bulk(lab, family, way, bytes, 0, limitMs);
  return done.ok ? done.transferMs : Number.POSITIVE_INFINITY;
}

/** A lab each: most of their time is waiting. */
describe.concurrent('options that SYN-ACKs lose', () => {
  it('timestamps-stripped: the first login is lost, as without us, and every later one gets in', async () => {
    const { fault } = scenarioByName('timestamps-stripped');
    await withLab((lab) =>
      withFault(lab, fault, async () => {
        expect(await logins(lab, COUNT, HANG_MS), 'without the shim').toBe(0);
        await withShim(lab, async (shim) => {
          await logins(lab, 1, 1000);
          expect(await logins(lab, COUNT, LIMIT_MS), 'with the shim').toBe(COUNT);
          expect(shim.status()['interventions']).toEqual({ 'options-aligned': COUNT });
          expect(shim.events('timestamps-stripped').length).toBe(1);
        });
      }),
    );
  });

  it.each([
    ['window-scale-stripped', 4],
    ['window-scale-removed', 6],
  ] as const)('%s: ten of ten logins, and bulk, the first ones too', async (name, family) => {
    const { fault } = scenarioByName(name);
    await withLab(async (lab) => {
      dropInvalid(lab);
      await withFault(lab, fault, async () => {
        expect(await logins(lab, COUNT, HANG_MS, family), 'without the shim').toBe(0);
        await withShim(lab, async (shim) => {
          expect(await logins(lab, COUNT, LIMIT_MS, family), 'with the shim').toBe(COUNT);
          for (const way of ['up', 'down'] as const) {
            const ms = await takes(lab, way, 5_000_000, LIMIT_MS, family);
            expect(ms, way).toBeLessThan(LIMIT_MS);
          }
          expect(Object.keys(shim.status()['interventions'] as object)).toEqual([
            'options-aligned',
          ]);
        });
      });
    });
  });

  it('window-scale-stripped: a gateway does the same for what it forwards', async () => {
    const { fault } = scenarioByName('window-scale-stripped');
    const work = async (lab: Lab) => {
      await withFault(lab, fault, () =>
        withShim(
          lab,
          async (shim) => {
            expect(await logins(lab, COUNT, LIMIT_MS, 6)).toBe(COUNT);
            expect(Object.keys(shim.status()['interventions'] as object)).toEqual([
              'options-aligned',
            ]);
          },
          ['--hook', 'gateway'],
        ),
      );
    };
    await withLab(work, { gateway: true });
  });

  it('sack-permitted-stripped: a download waits for no time-outs once the path is known', async () => {
    const { fault } = scenarioByName('sack-permitted-stripped');
    const BYTES = 1_000_000;
    await withLab((lab) =>
      withFault(lab, fault, async () => {
        const times = { without: [] as number[], with: [] as number[] };
        for (let i = 0; i < 3; i++) times.without.push(await takes(lab, 'down', BYTES, LIMIT_MS));
        await withShim(lab, async (shim) => {
          // What the far end says of lost octets proves it: an upload.
          for (let i = 0; i < 5 && shim.events('sack-permitted-stripped').length === 0; i++) {
            await takes(lab, 'up', BYTES, LIMIT_MS);
          }
          for (let i = 0; i < 3; i++) times.with.push(await takes(lab, 'down', BYTES, LIMIT_MS));
          expect(shim.status()['interventions']).toEqual({ 'options-aligned': 3 });
        });
        const what = JSON.stringify(times);
        expect(median(times.with) * 2, what).toBeLessThan(median(times.without));
      }),
    );
  });
});
