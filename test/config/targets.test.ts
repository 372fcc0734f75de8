/** Targets: addresses, networks, names, all. No DNS is asked. */
import { describe, expect, it } from 'vitest';
import { resolveTarget } from '../../src/config/targets.ts';
import { operatorError } from './operator-error.ts';

describe('resolveTarget()', () => {
  it.each([
    ['10.0.0.1', 4, '10.0.0.1/32'],
    ['10.0.0.0/8', 4, '10.0.0.0/8'],
    ['0.0.0.0/0', 4, '0.0.0.0/0'],
    ['fd00::1', 6, 'fd00::1/128'],
    ['fd00::/8', 6, 'fd00::/8'],
    ['::/0', 6, '::/0'],
  ] as const)('reads %s', async (text, family, cidr) => {
    expect(await resolveTarget('target', text)).toEqual([{ family, cidr }]);
  });

  it('takes `all` for both families', async () => {
    expect(await resolveTarget('target', 'all')).toEqual([
      { family: 4, cidr: '0.0.0.0/0' },
      { family: 6, cidr: '::/0' },
    ]);
  });

  it('resolves a name to addresses', async () => {
    const found = await resolveTarget('target', 'localhost');
    expect(found.length).toBeGreaterThan(0);
    for (const { family, cidr } of found) {
      expect(cidr).toBe(family === 4 ? '127.0.0.1/32' : '::1/128');
    }
  });

  it.each([
    '10.0.0.0/33',
    '10.0.0.0/',
    '10.0.0.0/-1',
    '10.0.0.0/8/9',
    '10.0.0.0/1e1',
    '1.2.3.4/ 8',
  ])('refuses the prefix of %j', async (text) => {
    expect(await operatorError(() => resolveTarget('target', text), 2)).toBe(
      `Cannot use --target "${text}": the prefix must be 0 to 32`,
    );
  });

  it('refuses an IPv6 prefix that is too long', async () => {
    expect(await operatorError(() => resolveTarget('exclude', 'fd00::/129'), 2)).toBe(
      'Cannot use --exclude "fd00::/129": the prefix must be 0 to 128',
    );
  });

  it('refuses a zone: no rule could hold it', async () => {
    expect(await operatorError(() => resolveTarget('target', 'fe80::1%eth0'), 2)).toBe(
      'Cannot use --target "fe80::1%eth0": rules know no zones, write it without %',
    );
  });

  it.each(['host/24', 'two words', 'a;b', '$(reboot)', '[fd00::1]', 'host:22', '10.0.0.1-9/8'])(
    'refuses %j, which is no address, network or name',
    async (text) => {
      const line = await operatorError(() => resolveTarget('target', text), 2);
      expect(line).toBe(
        `Cannot use --target "${text}": write an address, a network like 10.0.0.0/8, a host name, or all`,
      );
    },
  );

  it('says with exit code 4 that a name does not resolve', async () => {
    const name = `${'x'.repeat(64)}.invalid`; // a label that long is refused before DNS is asked
    expect(await operatorError(() => resolveTarget('target', name), 4)).toBe(
      `Cannot resolve --target "${name}": write its address instead, or check DNS`,
    );
  });
});
