/**
 * What `--hook gateway` is refused for, where these machines cannot make it: read from texts. NAT,
 * bridges and a live IPsec policy: test/e2e/gateway.e2e.test.ts.
 */
import { describe, expect, it } from 'vitest';
import { checkIpsec, checkOffload, checkVrf } from '../../src/datapath/forwarding.ts';

const OUT = { targets: [{ family: 4 as const, cidr: '10.0.0.0/8' }] };

describe('checkOffload()', () => {
  it('blocks on rules that take connections away from the hooks, of either program', () => {
    for (const rule of ['ip protocol tcp flow add @fast', 'flow offload @fast', '-j FLOWOFFLOAD']) {
      const { level, line } = checkOffload(`table inet x {\n\t\t${rule}\n}\n`);
      expect(level, rule).toBe('blocks');
      expect(line).toContain(`"${rule}"`);
    }
    expect(checkOffload('table inet x {\n\tflowtable fast {\n\t}\n}\n').level).toBe('ok');
  });
});

describe('checkVrf()', () => {
  it('blocks on a gateway, warns on a host, and says nothing where there is none', () => {
    expect(checkVrf({ hooks: ['gateway'] }, ['red'])).toMatchObject([{ level: 'blocks' }]);
    expect(checkVrf({ hooks: ['host'] }, ['red'])).toMatchObject([{ level: 'warning' }]);
    expect(checkVrf({ hooks: ['host', 'gateway'] }, [])).toEqual([]);
  });
});

describe('checkIpsec()', () => {
  const policy = (to: string, more = '') =>
    `src 192.168.0.0/16 dst ${to} \n\tdir out priority 0 ptype main ${more}\n\ttmpl src 1.1.1.1\n`;

  it('blocks on an outgoing policy that covers a target, and names it', () => {
    const text = `${policy('172.16.0.0/12')}${policy('10.2.0.0/16')}`;
    const { level, line } = checkIpsec(OUT, text);
    expect(level).toBe('blocks');
    expect(line).toContain('"src 192.168.0.0/16 dst 10.2.0.0/16"');
  });

  it('lets policies of other destinations, directions and of interfaces be', () => {
    const incoming = policy('10.2.0.0/16').replace('dir out', 'dir in');
    const texts = [policy('172.16.0.0/12'), incoming, policy('0.0.0.0/0', '\n\tif_id 0x1')];
    for (const text of ['', ...texts]) expect(checkIpsec(OUT, text).level, text).toBe('ok');
  });
});
