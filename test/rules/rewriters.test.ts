/** Which NAT rules concern our connections: by their own words, both programs' texts. */
import { describe, expect, it } from 'vitest';
import { readIptables, readNft, rewritersIn } from '../../src/datapath/rules/rewriters.ts';
import type { RuleInput } from '../../src/datapath/rules/rule-input.ts';
import { sample } from './rule-input-samples.ts';

const OUT = sample({ hooks: ['gateway'] });
const IN = sample({ hooks: ['gateway'], direction: 'in' });

/** `all`, `some`, `destination`, or `none`. */
function iptables(rule: string, input: RuleInput = OUT): string {
  const text = `*nat\n:POSTROUTING ACCEPT [0:0]\n${rule}\nCOMMIT\n`;
  return verdict(rewritersIn(readIptables(text, 4), input));
}

function nft(rule: string, input: RuleInput = OUT, hook = 'postrouting'): string {
  const chain = `\tchain c {\n\t\ttype nat hook ${hook} priority srcnat; policy accept;\n`;
  const text = `table inet nat {\n${chain}\t\t${rule}\n\t}\n}\n`;
  return verdict(rewritersIn(readNft(text), input));
}

function verdict(found: ReturnType<typeof rewritersIn>): string {
  const [first] = found;
  if (first === undefined) return 'none';
  return first.destination ? 'destination' : first.concerns;
}

describe('iptables', () => {
  it.each([
    ['-A POSTROUTING -j MASQUERADE', 'all'],
    ['-A POSTROUTING -o eth0 -m comment --comment "out -s 1.2.3.4" -j MASQUERADE', 'all'],
    ['-A POSTROUTING -d 10.1.0.0/16 -p tcp -m tcp --dport 22 -j SNAT --to-source 1.2.3.4', 'all'],
    ['-A POSTROUTING ! -d 10.1.0.0/16 -o eth0 -j MASQUERADE', 'all'],
    ['-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE', 'some'],
    ['-A KUBE -m mark --mark 0x4000/0x4000 -j MASQUERADE', 'some'],
    ['-A PREROUTING -d 1.2.3.4/32 -j DNAT --to-destination 10.2.2.2', 'destination'],
    [
      '-A PREROUTING -p tcp -m tcp --dport 2022 -j DNAT --to-destination 10.2.2.2:22',
      'destination',
    ],
    ['-A POSTROUTING -o lo -j MASQUERADE', 'none'],
    ['-A POSTROUTING -p udp -j MASQUERADE', 'none'],
    ['-A POSTROUTING -d 192.168.0.0/16 -j MASQUERADE', 'none'],
    ['-A POSTROUTING ! -d 10.0.0.0/8 -j MASQUERADE', 'none'],
    ['-A POSTROUTING -p tcp -m multiport --dports 80,440:443 -j MASQUERADE', 'none'],
    [
      '-A DOCKER ! -i docker0 -p tcp -m tcp --dport 22 -j DNAT --to-destination 172.17.0.2:22',
      'none',
    ],
    ['-A OUTPUT -j DNAT --to-destination 10.2.2.2', 'none'],
    ['-A PREROUTING -p tcp -j REDIRECT --to-ports 3128', 'none'],
    ['-A POSTROUTING -j ACCEPT', 'none'],
  ])('%s: %s', (rule, expected) => {
    expect(iptables(rule)).toBe(expected);
  });

  it.each([
    ['-A POSTROUTING -d 10.0.0.0/8 -j ACCEPT', 'none'],
    ['-A POSTROUTING -p tcp -m tcp --dport 22 -j RETURN', 'none'],
    ['-A POSTROUTING -d 10.2.0.0/16 -j ACCEPT', 'some'],
    ['-A POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN', 'some'],
    ['-A POSTROUTING -p udp -j ACCEPT', 'all'],
    ['-A PREROUTING -j ACCEPT', 'all'],
  ])('behind "%s" what masquerades all concerns: %s', (exit, expected) => {
    expect(iptables(`${exit}\n-A POSTROUTING -j MASQUERADE`)).toBe(expected);
  });

  it('looks at the other side where the far ends open the connections', () => {
    expect(iptables('-A POSTROUTING -s 10.1.0.0/16 -j SNAT --to-source 1.2.3.4', IN)).toBe('all');
    expect(iptables('-A POSTROUTING -s 192.168.0.0/16 -j MASQUERADE', IN)).toBe('none');
    expect(iptables('-A POSTROUTING -d 192.168.0.0/16 -j MASQUERADE', IN)).toBe('some');
  });
});

describe('nft', () => {
  it.each([
    ['masquerade', 'all'],
    ['oifname "eth0" counter packets 7 bytes 420 masquerade comment "ip saddr 1.2.3.4"', 'all'],
    ['ip daddr 10.0.0.0/9 tcp dport { 22, 80 } snat to 1.2.3.4', 'all'],
    ['ip saddr 172.17.0.0/16 oifname != "docker0" masquerade', 'some'],
    ['ip daddr @cluster masquerade', 'all'],
    ['meta mark & 0x00004000 == 0x00004000 masquerade', 'some'],
    ['tcp dport 22 dnat to 10.2.2.2:22', 'destination'],
    ['dnat to 172.17.0.2', 'none'],
    ['ip daddr != 10.0.0.0/8 masquerade', 'none'],
    ['ip daddr { 192.168.0.0/16, 172.16.0.0/12 } masquerade', 'none'],
    ['udp dport 53 masquerade', 'none'],
    ['oif "lo" masquerade', 'none'],
    ['accept', 'none'],
  ])('%s: %s', (rule, expected) => {
    expect(nft(rule)).toBe(expected);
  });

  it('knows what has left the chain before, and in which chain', () => {
    const four = { ...OUT, targets: OUT.targets.filter(({ family }) => family === 4) };
    expect(nft('ip daddr 10.0.0.0/8 return\n\t\tmasquerade', four)).toBe('none');
    // IPv6 has not left it.
    expect(nft('ip daddr 10.0.0.0/8 return\n\t\tmasquerade')).toBe('all');
    expect(nft('ip daddr 10.0.0.0/8 accept\n\t}\n\tchain d {\n\t\tmasquerade', four)).toBe('all');
  });

  it('leaves out what only this machine’s own packets meet', () => {
    expect(nft('dnat to 10.2.2.2', OUT, 'output')).toBe('none');
  });
});
