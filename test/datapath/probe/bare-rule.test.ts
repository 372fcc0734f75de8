/** The text of the rules that keep a probe apart from a running shim. */
import { describe, expect, it } from 'vitest';
import { bareCommands } from '../../../src/datapath/probe/bare-rule.ts';
import type { Watched } from '../../../src/datapath/probe/packet-filter.ts';

const WATCHED: Watched = {
  family: 4,
  farAddr: '10.0.0.7',
  farPort: 22,
  nearPortFirst: 40_000,
  nearPortLast: 40_004,
};

describe('bareCommands()', () => {
  it('nft: a table of its own, before the chains of the shim', () => {
    const { program, add, remove } = bareCommands('nft', WATCHED, 0x2000, 77);
    expect(program).toEqual(['nft', '-f', '-']);
    expect(add).toBe(`table inet seqshim-probe-77 {
  chain prerouting {
    type filter hook prerouting priority -310; policy accept;
    ip saddr 10.0.0.7 tcp sport 22 tcp dport 40000-40004 meta mark set meta mark or 0x2000 comment "seqshim-probe-77"
  }
  chain postrouting {
    type filter hook postrouting priority -160; policy accept;
    ip daddr 10.0.0.7 tcp dport 22 tcp sport 40000-40004 meta mark set meta mark or 0x2000 comment "seqshim-probe-77"
  }
}
`);
    expect(remove).toBe('delete table inet seqshim-probe-77\n');
  });

  it('iptables: what is put in is taken out, word by word', () => {
    const { program, add, remove } = bareCommands('iptables', WATCHED, 0x2000, 77);
    expect(program).toEqual(['iptables-restore', '--noflush', '-w', '5']);
    const rule =
      '-s 10.0.0.7 -p tcp --sport 22 --dport 40000:40004 ' +
      '-m comment --comment seqshim-probe-77 -j MARK --set-xmark 0x2000/0x2000';
    expect(add).toContain(`*raw\n-I PREROUTING 1 ${rule}\nCOMMIT\n*mangle\n`);
    expect(add.replaceAll(' 1 -', ' -').replaceAll('-I ', '-D ')).toBe(remove);
    const six = bareCommands('iptables', { ...WATCHED, family: 6, farAddr: 'fd00::7' }, 0x2000, 1);
    expect(six.program[0]).toBe('ip6tables-restore');
  });
});
