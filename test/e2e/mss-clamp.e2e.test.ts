/**
 * A path that carries less than both ends believe and tells nobody: a real ssh hangs in its key
 * exchange, with `--mss-clamp` it logs in. Live. Times: ms.
 */
import { expect, it } from 'vitest';
import type { Lab } from '../../src/testbed/lab.ts';
import { withLab, withShim } from './live-parts.ts';

const COUNT = 10;
const LIMIT_MS = 4000;

/** Packets of more than 1300 octets vanish, and no ICMP says so. */
function blackHole(lab: Lab): void {
  lab.firewall.call('ip', ['link', 'set', 'f1', 'mtu', '1300']);
  lab.firewall.call('iptables', ['-A', 'OUTPUT', '-p', 'icmp', '-j', 'DROP']);
  lab.firewall.call('ip6tables', [
    '-A',
    'OUTPUT',
    '-p',
    'icmpv6',
    '--icmpv6-type',
    '2',
    '-j',
    'DROP',
  ]);
}

async function logins(lab: Lab): Promise<number> {
  const tries = Array.from({ length: COUNT }, (_, i) =>
    lab.ssh(i % 2 === 0 ? 4 : 6, 'head -c 100000 /dev/zero | wc -c', [], LIMIT_MS),
  );
  const finished = await Promise.all(tries);
  return finished.filter(({ exitCode, stdout }) => exitCode === 0 && stdout === '100000\n').length;
}

it('saves ten of ten logins on a path that silently carries less', async () => {
  await withLab(async (lab) => {
    blackHole(lab);
    expect(await logins(lab), 'without the shim').toBe(0);
    await withShim(
      lab,
      async (shim) => {
        expect(await logins(lab), 'with the clamp').toBe(COUNT);
        const did = shim.status()['interventions'] as Record<string, number>;
        expect(did).toEqual({ 'mss-clamped': 2 * COUNT });
      },
      ['--mss-clamp', '1200'],
    );
  });
});
