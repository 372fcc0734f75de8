/**
 * A link behind the firewall that carries less than the others, and says so by ICMP (RFC 1191, RFC
 * 8201), under a connection that is translated. A re-anchored flow keeps the near end's own numbers
 * on both sides, and those are what an ICMP error quotes and Linux compares: it passes unchanged.
 * Behind a jump, and towards the server from the client's side of a gateway, it is translated.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ADDRESS, Lab } from '../../src/testbed/lab.ts';
import type { Namespace } from '../../src/testbed/namespace.ts';
import { scenarioByName } from '../../src/testbed/scenarios.ts';
import { bulk } from './bulk.ts';
import { withFault, withLab, withShim } from './live-parts.ts';
import { Session } from './session.ts';

const BYTES = 3_000_000;
const HANG_MS = 2500;
const { fault } = scenarioByName('phantom-synack-ws7');
const PMTU = scenarioByName('pmtu').fault;
const MTU = PMTU.mtu ?? 0;

let lab: Lab;
beforeAll(async () => {
  lab = await Lab.open();
});
afterAll(async () => lab.close());

const ERRORS = {
  4: ['iptables', ...'OUTPUT -p icmp --icmp-type fragmentation-needed -j DROP'.split(' ')],
  6: ['ip6tables', ...'OUTPUT -p icmpv6 --icmpv6-type packet-too-big -j DROP'.split(' ')],
} as const;

describe.each([4, 6] as const)('a smaller MTU behind the firewall, IPv%i', (family) => {
  const [program = '', ...rule] = ERRORS[family];

  it('hangs a re-anchored upload when its ICMP errors are lost, and not when they pass', async () => {
    await withShim(lab, (shim) =>
      withFault(lab, PMTU, async () => {
        lab.firewall.call(program, ['-A', ...rule]);
        expect((await bulk(lab, family, 'up', BYTES, 0, HANG_MS)).ok).toBe(false);
        lab.firewall.call(program, ['-D', ...rule]);
        expect(await bulk(lab, family, 'up', BYTES)).toMatchObject({ ok: true });
        const route = lab.jumpbox.call('ip', ['route', 'get', ADDRESS[family].server]);
        expect(route).toContain(`mtu ${MTU}`);
        expect((shim.status()['interventions'] as Record<string, number>)['reanchored']).toBe(2);
      }),
    );
  });
});

/** Without our rules for ICMP errors these pass as they are. */
function unheard(host: Namespace, table: 'raw' | 'mangle'): void {
  const chain = table === 'raw' ? 'raw-icmp' : 'out-icmp';
  if (process.env['SEQSHIM_FIREWALL'] === 'nft') {
    host.call('nft', ['flush', 'chain', 'inet', 'seqshim', chain]);
    return;
  }
  for (const program of ['iptables', 'ip6tables']) {
    host.call(program, ['-t', table, '-F', 'SEQSHIM-ICMP']);
  }
}

describe('a smaller MTU behind the firewall, and a jump', () => {
  it('is told to the client in its own numbers; untranslated it hangs', async () => {
    await Promise.all([true, false].map(trial));
  });

  function trial(heard: boolean): Promise<void> {
    return withLab((own) =>
      withShim(
        own,
        (shim) =>
          withFault(own, { jumpMs: 600_000, jumps: 'client' }, async (path) => {
            const session = new Session(own);
            expect(await session.until('connected', 5000)).not.toBe(-1);
            expect(await session.echoes('before')).toBe(true);
            await path.tell({ do: 'jump', which: 'client' });
            expect(await session.echoes('behind the jump', 14_000)).toBe(true);
            expect(shim.status()['interventions']).toMatchObject({ resynced: 1 });
            if (!heard) unheard(own.jumpbox, 'raw');
            own.firewall.call('ip', ['link', 'set', 'f1', 'mtu', String(MTU)]);
            expect(await session.echoes('x'.repeat(4000), HANG_MS)).toBe(heard);
            const did = shim.status()['interventions'] as Record<string, number>;
            expect((did['icmp-translated'] ?? 0) > 0).toBe(heard);
            session.close();
          }),
        ['--inspect', 'full'],
      ),
    );
  }
});

describe('a smaller MTU on the client’s side of a gateway', () => {
  it('is told to the server in its own numbers, whatever thread the flow is with', async () => {
    await withLab(
      async (behind) => {
        behind.shimHost.call('ip', ['link', 'set', 'g0', 'mtu', String(MTU)]);
        const trial = (queues: number) =>
          withShim(
            behind,
            (shim) =>
              withFault(behind, fault, async () => {
                if (queues === 1) {
                  unheard(behind.shimHost, 'mangle');
                  expect((await bulk(behind, 4, 'down', BYTES, 0, HANG_MS)).ok).toBe(false);
                  return;
                }
                for (const of of [4, 6] as const) {
                  expect(await bulk(behind, of, 'down', BYTES)).toMatchObject({ ok: true });
                }
                expect(shim.status()['interventions']).toHaveProperty('icmp-translated');
                const route = ['route', 'get', ADDRESS[4].jumpbox];
                expect(behind.server.call('ip', route)).toContain(`mtu ${MTU}`);
              }),
            ['--queues', String(queues)],
          );
        await trial(1);
        await trial(4);
      },
      { gateway: true },
    );
  });
});
