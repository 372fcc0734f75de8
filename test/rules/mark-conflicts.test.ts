/** Which rules of other people use our mark bits, line by line. */
import { describe, expect, it } from 'vitest';
import {
  bitsOfIptables,
  bitsOfNft,
  bitsOfRouting,
  findMarkConflicts,
  usesConnmark,
  withoutOurs,
} from '../../src/datapath/rules/mark-conflicts.ts';

const OURS = 0x3000;

/** Rule, and whether it uses one of our bits. */
type Case = readonly [rule: string, uses: boolean];

function check(cases: readonly Case[], bitsOf: (line: string) => number): void {
  for (const [rule, uses] of cases) {
    it(`${uses ? 'uses' : 'leaves'}: ${rule}`, () => {
      expect((bitsOf(rule) & OURS) !== 0).toBe(uses);
    });
  }
}

describe('bitsOfIptables()', () => {
  check(
    [
      // A whole-value mark is no conflict: packets that we mark never meet it with another.
      ['-A POSTROUTING -j MARK --set-xmark 0x1/0xffffffff', false],
      ['-A PREROUTING -p tcp -j MARK --set-mark 0x1', false],
      ['-A OUTPUT -m mark --mark 0x1 -j ACCEPT', false],
      ['-A PREROUTING -j CONNMARK --restore-mark --nfmask 0xffffffff --ctmask 0xffffffff', false],
      // unless the value has our bit
      ['-A POSTROUTING -j MARK --set-xmark 0x1000/0xffffffff', true],
      ['-A INPUT -m mark --mark 0x2001 -j DROP', true],
      ['-A INPUT -m mark --mark 4096 -j DROP', true],
      // masks
      ['-A INPUT -m mark --mark 0x1000/0x1000 -j ACCEPT', true],
      ['-A INPUT -m mark ! --mark 0x0/0xf000 -j ACCEPT', true],
      ['-A INPUT -m connmark --mark 0x2000/0x2000 -j ACCEPT', true],
      ['-A PREROUTING -j MARK --set-xmark 0x0/0x3000', true],
      ['-A PREROUTING -j CONNMARK --save-mark --nfmask 0xff00 --ctmask 0xff00', true],
      ['-A PREROUTING -j CONNMARK --set-xmark 0x0/0xffffff00', true],
      ['-A PREROUTING -p tcp -j TPROXY --on-port 1 --on-ip 0.0.0.0 --tproxy-mark 0x1/0x1', false],
      ['-A PREROUTING -p tcp -j TPROXY --on-port 1 --tproxy-mark 0x1000/0x1000', true],
      // well-known neighbours: kube-proxy, Tailscale, Calico, WireGuard
      ['-A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000', false],
      ['-A ts-forward -i tailscale0 -j MARK --set-xmark 0x40000/0xff0000', false],
      ['-A cali-from-wl -m mark --mark 0x10000/0x10000 -j RETURN', false],
      ['-A POSTROUTING -m mark --mark 0xca6c -j CONNMARK --save-mark', false],
      // Numbers that are no marks.
      ['-A INPUT -p tcp -m tcp --dport 4096 -j DSCP --set-dscp 0x10', false],
      ['-A INPUT -m comment --comment "mark 0x1000" -j ACCEPT', false],
    ],
    bitsOfIptables,
  );
});

describe('bitsOfNft()', () => {
  check(
    [
      ['meta mark set 0x00000001', false],
      ['meta mark set 0x00001000', true],
      ['meta mark 0x00000001 accept', false],
      ['meta mark 0x00002000 accept', true],
      ['meta mark { 0x00000001, 0x00001000 } accept', true],
      ['meta mark & 0x00001000 == 0x00001000 accept', true],
      ['meta mark & 0x0000000f == 0x00000001 accept', false],
      ['meta mark and 0x2000 != 0x0 drop', true],
      ['ct mark set ct mark | 0x00001000', true],
      ['ct mark set ct mark & 0xffffefff', true],
      ['ct mark set ct mark & 0xffffff00 | 0x00000001', false],
      ['ct mark set ct mark & 0xfffffffe', false],
      ['meta mark set meta mark & 0xffff0fff | 0x00000000', true],
      ['meta mark set ct mark', false],
      ['tcp dport 4096 accept', false],
    ],
    bitsOfNft,
  );

  it('leaves our own table and chains out', () => {
    const ruleset = [
      'table ip mangle {',
      '\tchain POSTROUTING {',
      '\t\tmeta mark set 0x1',
      '\t}',
      '',
      '\tchain SEQSHIM-SAVE {',
      '\t\tcounter meta mark set mark and 0xffffefff',
      '\t}',
      '}',
      'table inet seqshim {',
      '\tchain raw {',
      '\t\tmeta mark & 0x1000 == 0x1000',
      '\t}',
      '}',
      'table inet other {',
      '\tchain c {',
      '\t\tmeta mark 0x2000',
      '\t}',
      '}',
      '',
    ].join('\n');
    const rest = withoutOurs(ruleset);
    expect(rest).not.toMatch(/0xffffefff|0x1000/);
    expect(rest).toContain('meta mark set 0x1\n');
    expect(rest).toContain('meta mark 0x2000');
  });
});

describe('bitsOfRouting()', () => {
  check(
    [
      ['32765:\tfrom all fwmark 0x1 lookup 100', false],
      ['32765:\tfrom all fwmark 0x1000 lookup 100', true],
      ['32765:\tfrom all fwmark 0x1/0xff lookup 100', false],
      ['32765:\tfrom all fwmark 0x0/0x3000 lookup 100', true],
      ['32764:\tnot from all fwmark 0xca6c lookup 51820', false],
      ['0:\tfrom all lookup local', false],
    ],
    bitsOfRouting,
  );
});

describe('usesConnmark()', () => {
  const BIT = 0x1000;

  it.each([
    '-A PREROUTING -j CONNMARK --restore-mark --nfmask 0xffffffff --ctmask 0xffffffff',
    '-A PREROUTING -j CONNMARK --save-mark --nfmask 0xff --ctmask 0x1000',
    '-A OUTPUT -j CONNMARK --set-xmark 0x1/0xffffffff',
    '-A INPUT -m connmark --mark 0x1 -j ACCEPT',
    '-A INPUT -m connmark ! --mark 0x1 -m mark --mark 0x1/0xff -j DROP',
    '-A INPUT -m connmark --mark 0x1000/0xf000 -j ACCEPT',
    'meta mark set ct mark',
    'ct mark set meta mark',
    'ct mark 0x1 accept',
    'ct mark vmap { 0x1 : accept }',
    'ct mark & 0x1000 == 0x1000 accept',
    'ct mark set ct mark & 0xfffff0ff | 0x1000',
    'ct mark set ct mark & 0xffff0fff',
    'ct mark set 0x1',
  ])('sees that %s covers our bit', (line) => {
    expect(usesConnmark(line, BIT)).toBe(true);
  });

  it.each([
    '-A PREROUTING -j CONNMARK --restore-mark --nfmask 0xff --ctmask 0xff',
    '-A OUTPUT -j CONNMARK --set-xmark 0x1/0xff',
    '-A INPUT -m connmark --mark 0x1/0xff -j ACCEPT',
    '-A INPUT -m mark --mark 0x1 -j ACCEPT',
    '-A INPUT -m conntrack --ctstate INVALID -j DROP',
    'ct mark & 0x000000ff == 0x1 accept',
    'ct mark set ct mark & 0xffffff00 | 0x1',
    'ct mark set ct mark & 0xffffff00 ^ 0x1',
    'ct mark set ct mark or 0x2',
    'meta mark set meta mark & 0x1',
    'ct state invalid drop',
    '',
  ])('lets %s be', (line) => {
    expect(usesConnmark(line, BIT)).toBe(false);
  });
});

describe('findMarkConflicts()', () => {
  const found = (comment: string) => {
    const rule = `-A PREROUTING -p tcp -m comment --comment ${comment} -j MARK --set-xmark 0x2000/0x2000`;
    const nft = `\t\tip saddr 10.0.0.7 meta mark set meta mark | 0x00002000 comment "${comment}"`;
    const look = (file: string) => {
      const stdout = file === 'nft' ? nft : file === 'iptables-save' ? rule : '';
      return { ok: true, absent: false, stdout, stderr: '' };
    };
    return findMarkConflicts(OURS, look).map(({ source }) => source);
  };

  it('names the rules of others, and not those of a probe beside us', () => {
    expect(found('somebody')).toEqual(['iptables-save', 'nft list ruleset']);
    expect(found('seqshim-probe-77')).toEqual([]);
  });
});
