/**
 * A link behind the firewall that carries less than the others, and says so by ICMP (RFC 1191, RFC
 * 8201), under a connection that is translated. A re-anchored flow keeps the near end's own numbers
 * on both sides, and those are what an ICMP error quotes and Linux compares: it passes unchanged.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ADDRESS, Lab } from '../../src/testbed/lab.ts';
import { scenarioByName } from '../../src/testbed/scenarios.ts';
import { bulk } from './bulk.ts';
import { withFault, withShim } from './live-parts.ts';

const MTU = 1300;
const BYTES = 3_000_000;
const HANG_MS = 4000;
const { fault } = scenarioByName('phantom-synack-ws7');

let lab: Lab;
beforeAll(async () => {
  lab = await Lab.open();
  lab.firewall.call('ip', ['link', 'set', 'f1', 'mtu', String(MTU)]);
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
      withFault(lab, fault, async () => {
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
