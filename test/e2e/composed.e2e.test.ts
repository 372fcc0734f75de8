/**
 * Compositions of behaviours with a real ssh: healthy boxes in series let it through without us,
 * faulty ones between them do not, and what a box has truly lost stays lost with us. Each behaviour
 * by itself is proved on built packets, in `test/testbed/firewall`. Times: ms.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CompositionInput } from '../../src/testbed/firewall/behaviour.ts';
import { Lab } from '../../src/testbed/lab.ts';
import { attempts } from '../../src/testbed/runner.ts';
import { withFault, withShim } from './live-parts.ts';

const COUNT = 4;
const HOPELESS_S = 4;
const SSH = { client: 'ssh', delayMs: 0 } as const;
/** Renumbers, drops what is not exact, renumbers again, on a path that loses and jitters. */
const HEALTHY: CompositionInput = {
  behaviours: [
    { kind: 'randomize' },
    { kind: 'strict-sequence', exactResets: true },
    { kind: 'randomize' },
  ],
  path: { delayMs: 5, jitterMs: 3, loss: 0.01, rateMbit: 100 },
};

let lab: Lab;

beforeAll(async () => {
  lab = await Lab.open();
});

afterAll(() => lab.close());

async function logins(family: 4 | 6, connectS?: number): Promise<number> {
  return (await attempts(lab, family, SSH, COUNT, COUNT, connectS)).ok;
}

describe('behaviours in series', () => {
  it('are no fault by themselves: two randomizers around a strict box, a proxy that splices', async () => {
    await withFault(lab, HEALTHY, async () => expect(await logins(4)).toBe(COUNT));
    const proxy: CompositionInput = { behaviours: [{ kind: 'syn-cookie-proxy' }] };
    await withFault(lab, proxy, async () => expect(await logins(6)).toBe(COUNT));
  });

  it('a second translation between two randomizers: none without the shim, all with it', async () => {
    const sandwich: CompositionInput = {
      behaviours: [
        { kind: 'randomize' },
        { kind: 'first-connection-reset' },
        { kind: 'randomize' },
      ],
    };
    await withFault(lab, sandwich, async () => {
      expect(await logins(4, HOPELESS_S), 'without the shim').toBe(0);
      await withShim(lab, async (shim) => {
        expect(await logins(4), 'with the shim').toBe(COUNT);
        expect(shim.status()['findings']).toMatchObject({ 'synack-conflict': COUNT });
      });
    });
  });

  it('a lost state is told to the client with the shim as without it', async () => {
    const lost: CompositionInput = {
      behaviours: [{ kind: 'state-loss', fromMs: 300, answer: 'reset' }],
    };
    const told = async () => (await lab.echo(4, 600, 5000)).stdout;
    await withFault(lab, lost, async () => {
      expect(await told(), 'without the shim').toContain('ECONNRESET');
      await withShim(lab, async () => {
        expect(await told(), 'with the shim').toContain('ECONNRESET');
      });
    });
  });
});
