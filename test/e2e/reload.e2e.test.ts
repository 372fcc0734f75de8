/**
 * Somebody else reloads rules all the time: nft tables come and go, the filter table is flushed, a
 * whole table is restored. Whatever the firewall does meanwhile, no session is lost. Live.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { Lab } from '../../src/testbed/lab.ts';
import { attempts } from '../../src/testbed/runner.ts';
import { scenarioByName } from '../../src/testbed/scenarios.ts';
import { bulk } from './bulk.ts';
import { ownRules } from './jumpbox.ts';
import { withFault, withLab, withShim } from './live-parts.ts';

const COUNT = 10;
const RELOADS_MIN = 10;

const NAMES = [
  ['first-connection-reset-BRD', 'first-connection-reset-RBD'],
  ['challenge-ack-reset', 'double-endpoint'],
  ['quiet-server-double-endpoint-1500', 'phantom-synack-ws7'],
  ['blind-resets', 'healthy'],
] as const;

/** One line of output for each round. */
const RELOAD = `
while :; do
  nft add table inet neighbour
  nft delete table inet neighbour
  iptables -t filter -F
  printf '*nat\\n:PREROUTING ACCEPT\\nCOMMIT\\n' | iptables-restore -w 5
  echo round
  sleep 0.1
done`;

async function amongReloads<T>(lab: Lab, work: () => Promise<T>): Promise<[T, number]> {
  const neighbour = lab.jumpbox.start('sh', ['-c', RELOAD], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  let rounds = 0;
  neighbour.stdout?.on('data', (chunk: Buffer) => {
    rounds += chunk.toString().split('\n').length - 1;
  });
  try {
    const result = await work();
    // Sessions can be quicker than the neighbour.
    while (rounds < RELOADS_MIN && neighbour.exitCode === null) await pause(50);
    return [result, rounds];
  } finally {
    neighbour.kill('SIGKILL');
  }
}

async function play(lab: Lab, name: string): Promise<void> {
  const { fault, attempt } = scenarioByName(name);
  await withShim(lab, async (shim) => {
    const rules = ownRules(lab).length;
    const [tally, rounds] = await withFault(lab, fault, () =>
      amongReloads(lab, async () => {
        const octets = name === 'healthy' ? bulk(lab, 4, 'up', 50_000_000) : undefined;
        // Two at a time: reloads fall into every part of a session.
        const done = await attempts(lab, 4, attempt, COUNT, 2);
        const moved = await octets;
        if (moved !== undefined) expect(moved.ok, moved.error).toBe(true);
        return done;
      }),
    );
    console.log(`${name}: ${tally.ok} of ${COUNT} during ${rounds} reloads`);
    expect(tally.errors, name).toEqual([]);
    expect(tally.ok, name).toBe(COUNT);
    expect(rounds, name).toBeGreaterThanOrEqual(RELOADS_MIN);
    // Sessions under repair have rules of their own meanwhile.
    expect(ownRules(lab).length, name).toBeGreaterThanOrEqual(rules);
    expect(shim.status()['state'], name).toBe('ok');
    // Without the faults' traces the attempts would prove nothing.
    const did = Object.keys(shim.status()['interventions'] as object);
    if (name === 'healthy' || name === 'blind-resets') expect(did, name).toEqual([]);
    else expect(did, name).not.toEqual([]);
  });
}

describe('rules reloaded by somebody else', () => {
  it.each(NAMES)('lose nothing: %s and %s', async (...names) => {
    // A lab each: side by side they take half the time.
    await Promise.all(names.map((name) => withLab((lab) => play(lab, name))));
  });
});
