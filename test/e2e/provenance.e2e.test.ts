/** Two origins of one address: seen and told, whatever else happens. Live. */
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ADDRESS, Lab } from '../../src/testbed/lab.ts';
import { attempts } from '../../src/testbed/runner.ts';
import { scenarioByName } from '../../src/testbed/scenarios.ts';
import { withFault, withShim } from './live-parts.ts';
import { Session } from './session.ts';

const OTHER_MAC = '02:00:5e:10:00:01';

let lab: Lab;
beforeAll(async () => {
  lab = await Lab.open();
});
afterAll(async () => lab.close());

/** The router in front of the jumpbox speaks from another MAC address; who asked knows it. */
function setMac(mac: string): void {
  lab.firewall.call('ip', ['link', 'set', 'f0', 'address', mac]);
  const neighbour = [ADDRESS[4].jumpbox.replace(/\d+$/, '2'), 'lladdr', mac, 'dev', 'c0'];
  lab.jumpbox.call('ip', ['neigh', 'replace', ...neighbour, 'nud', 'reachable']);
}

async function connect(): Promise<void> {
  const session = new Session(lab);
  expect(await session.echoes('hello')).toBe(true);
  session.close();
}

describe('duplicate-address', () => {
  it('is told of MAC addresses that take turns, not of a failover and its return', async () => {
    const own = JSON.parse(lab.firewall.call('ip', ['-j', 'link', 'show', 'f0']))[0].address;
    await withShim(lab, async (shim) => {
      await connect();
      for (const mac of [OTHER_MAC, own]) {
        setMac(mac);
        await connect();
      }
      await pause(200);
      expect(shim.events('duplicate-address')).toEqual([]);
      for (const mac of [OTHER_MAC, own]) {
        setMac(mac);
        await connect();
      }
      await pause(200);
      expect(shim.events('duplicate-address')).toMatchObject([{ macs: 2 }]);
      expect(shim.status()['interventions']).toEqual({});
    });
  });

  it('is told of a second host with another TTL', async () => {
    const { fault, attempt } = scenarioByName('duplicate-address');
    await withShim(lab, async (shim) => {
      const tally = await withFault(lab, fault, () => attempts(lab, 4, attempt, 4, 1));
      expect(tally.errors).toEqual([]);
      await pause(200);
      expect(shim.events('duplicate-address')).toMatchObject([{ macs: 1 }]);
    });
  });
});
