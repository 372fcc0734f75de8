/**
 * The printed rules against golden texts (UPDATE_GOLDEN=1 writes them), and what must hold for any
 * input. The kernel's opinion of them: test/kernel/rules.kernel.test.ts.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { iptablesFlowText, iptablesText } from '../../src/datapath/rules/print-iptables.ts';
import { nftFlowText, nftText } from '../../src/datapath/rules/print-nft.ts';
import { shText } from '../../src/datapath/rules/print-sh.ts';
import { type RuleInput, ruleComment } from '../../src/datapath/rules/rule-input.ts';
import { SEED, SEED_HINT } from '../helpers/seed.ts';
import { SAMPLES, sample } from './rule-input-samples.ts';

const PRINTERS = {
  nft: nftText,
  iptables: (input: RuleInput) => iptablesText(input, 4),
  ip6tables: (input: RuleInput) => iptablesText(input, 6),
} as const;

const FLOW_4 = {
  family: 4,
  nearAddr: '10.0.0.1',
  nearPort: 40000,
  farAddr: '10.0.0.2',
  farPort: 22,
} as const;
const FLOW_6 = { ...FLOW_4, family: 6, nearAddr: 'fd00::1', farAddr: 'fd00::2' } as const;

function golden(name: string, text: string): void {
  const file = fileURLToPath(new URL(`golden/${name}`, import.meta.url));
  if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(file, text);
  if (!existsSync(file)) throw new Error(`no golden text ${name}: UPDATE_GOLDEN=1 writes it`);
  expect(text).toBe(readFileSync(file, 'utf8'));
}

describe('golden texts', () => {
  for (const [name, input] of Object.entries(SAMPLES)) {
    for (const [format, print] of Object.entries(PRINTERS)) {
      it(`${format} of ${name}`, () => golden(`${name}.${format}`, print(input)));
    }
  }

  it('sh', () => golden('out.sh', shText(sample())));

  it('entries of flows', () => {
    const changes = [
      { add: true, flow: FLOW_4 },
      { add: false, flow: { ...FLOW_4, nearPort: 40001 } },
    ];
    golden('flows.iptables', iptablesFlowText(sample(), changes));
    golden('flows.nft', nftFlowText([...changes, { add: true, flow: FLOW_6 }]));
  });
});

describe('ruleComment(), the ticket in it', () => {
  const way = 'seqshim 0.1.0: seqshim down, or sh /run/seqshim/remove.sh';

  it('names the ticket and the last day, as far as there is room', () => {
    const input = sample({ expires: '2027-03-31', ticket: 'OPS-7' });
    expect(ruleComment(input, 127)).toBe(`${way}; until 2027-03-31; OPS-7`);
    expect(ruleComment(input, way.length + 20)).toBe(`${way}; until 2027-03-31`);
    expect(ruleComment(input, way.length)).toBe(way);
    const long = sample({ ticket: 'https://tickets.example/browse/project/OPS-7?focus=1' });
    expect(ruleComment(long, 127)).toBe(`${way}; https://tickets.example/browse/project/O...`);
  });

  it.each([
    ['"; drop; comment "', 'drop_comment'],
    ['-j ACCEPT', 'j_ACCEPT'],
    ['x -j SEQSHIM-RAW', 'x_-j_SEQSHIM-RAW'],
    ["it's `id` $(reboot) \\ %s ~", 'it_s_id_reboot_s'],
    ['a } chain x { b', 'a_chain_x_b'],
    ['RULES\nrm -rf /', 'RULES_rm_-rf_/'],
    ['тикет №7 ünï', '7_n'],
    ['--', ''],
  ])('makes one harmless word of %j', (ticket, word) => {
    const comment = ruleComment(sample({ ticket }), 255);
    expect(comment).toBe(word === '' ? way : `${way}; ${word}`);
  });

  it('leaves nothing of any ticket that a program or a shell would read', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (ticket) => {
        const comment = ruleComment(sample({ ticket, expires: '2027-03-31' }), 127);
        expect(comment).toMatch(/^[A-Za-z0-9_./+@:,=# ;-]+$/);
        expect(comment.length).toBeLessThanOrEqual(127);
        expect(comment.slice(way.length)).toMatch(/^; until 2027-03-31(; [^ ;]+)?$/);
      }),
      { seed: SEED, numRuns: 500 },
    );
  });
});

const cidr4 = fc.record({ bits: fc.integer({ min: 0, max: 32 }), net: fc.ipV4() });
const inputs = fc.record({
  targets: fc
    .array(cidr4, { minLength: 1, maxLength: 4 })
    .map((list) => list.map(({ bits, net }) => ({ family: 4 as const, cidr: `${net}/${bits}` }))),
  excludes: fc
    .array(cidr4, { maxLength: 2 })
    .map((list) => list.map(({ bits, net }) => ({ family: 4 as const, cidr: `${net}/${bits}` }))),
  ports: fc.uniqueArray(fc.integer({ min: 1, max: 65535 }), { minLength: 1, maxLength: 40 }),
  direction: fc.constantFrom('out' as const, 'in' as const, 'both' as const),
  settledBypass: fc.boolean(),
});

function forAll(check: (input: RuleInput) => void): void {
  fc.assert(
    fc.property(inputs, (change) => check(sample(change))),
    { seed: SEED, numRuns: 200 },
  );
}

describe(`iptables text (${SEED_HINT})`, () => {
  it('names a way out in every rule', () => {
    forAll((input) => {
      const rules = iptablesText(input, 4)
        .split('\n')
        .filter((line) => line.startsWith('-A'));
      const without = rules.filter((line) => !line.includes('seqshim down, or sh /run/'));
      expect(without).toEqual([]);
    });
  });

  it('jumps only to chains that it declares, once from each hook', () => {
    forAll((input) => {
      for (const table of iptablesText(input, 4).split('COMMIT\n')) {
        const chains = [...table.matchAll(/^:(\S+)/gm)].map((match) => match[1]);
        const jumps = [...table.matchAll(/ -[jg] (SEQSHIM-\S+)/g)].map((match) => match[1]);
        expect(jumps.filter((chain) => !chains.includes(chain))).toEqual([]);
        const hooks = [...table.matchAll(/^-A (?!SEQSHIM-)(\S+ -p \S+)/gm)].map(
          (match) => match[1],
        );
        expect(new Set(hooks).size).toBe(hooks.length);
      }
    });
  });

  it('goes on by goto behind the hook, so that a packet is judged once', () => {
    forAll((input) => {
      const lines = iptablesText(input, 4).match(/^-A SEQSHIM-(RAW|IN|OUT) .*/gm) ?? [];
      const entries = lines.filter((line) => / -g SEQSHIM-(RAW|IN|OUT)-RULES$/.test(line));
      expect(entries.length).toBeGreaterThanOrEqual(3);
      // What stands before the entries never sees a packet that was judged or injected.
      const others = lines.filter((line) => !entries.includes(line));
      expect(others.filter((line) => !line.includes(' --mark 0x0/0x3000 '))).toEqual([]);
    });
  });

  it('keeps at most fifteen ports in a rule, and all of them', () => {
    forAll((input) => {
      const text = iptablesText(sample({ ...input, direction: 'out' }), 4);
      const lists = [...text.matchAll(/--dports? (\S+)/g)].map((m) => (m[1] ?? '').split(','));
      expect(Math.max(...lists.map((list) => list.length))).toBeLessThanOrEqual(15);
      expect(new Set(lists.flat().map(Number))).toEqual(new Set(input.ports));
    });
  });

  it('bypasses without a listener, except for flows under repair', () => {
    forAll((input) => {
      const queue = iptablesText(input, 4).match(/^.*NFQUEUE.*$/gm) ?? [];
      expect(queue.filter((line) => !line.endsWith('--queue-bypass'))).toEqual([]);
    });
    expect(iptablesFlowText(sample(), [{ add: true, flow: FLOW_4 }])).not.toContain('bypass');
  });
});

describe('nft text', () => {
  it('is one transaction that replaces the table', () => {
    const lines = nftText(sample()).split('\n');
    expect(lines.slice(0, 3)).toEqual([
      'table inet seqshim',
      'delete table inet seqshim',
      'table inet seqshim {',
    ]);
  });

  it('never uses a chain of type route', () => {
    forAll((input) => {
      expect(nftText(input)).not.toContain('type route');
    });
  });

  it('bypasses without a listener, except for flows under repair', () => {
    forAll((input) => {
      const queue = nftText(input).match(/^.* queue num.*$/gm) ?? [];
      const held = queue.filter((line) => !line.includes(' bypass '));
      expect(held.length).toBe(4);
      expect(held.filter((line) => !/@repair[46] queue/.test(line))).toEqual([]);
    });
  });
});

describe('ruleComment()', () => {
  it('leaves a path out that does not fit, or that would need quoting', () => {
    const long = sample({ removeScript: `/run/${'x'.repeat(200)}/remove.sh` });
    expect(ruleComment(long, 127)).toBe('seqshim 0.1.0: seqshim down');
    expect(ruleComment(long, 255)).toContain('/remove.sh');
    for (const path of ['/tmp/a"b/remove.sh', '/tmp/a b/remove.sh', '/tmp/a\\b', '/tmp/a\nb']) {
      expect(ruleComment(sample({ removeScript: path }), 255)).toBe('seqshim 0.1.0: seqshim down');
    }
  });

  it('fits into both firewalls for any path', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 300 }), (removeScript) => {
        expect(ruleComment(sample({ removeScript }), 127).length).toBeLessThanOrEqual(127);
      }),
      { seed: SEED },
    );
  });
});
