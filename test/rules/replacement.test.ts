/**
 * Rules in place of rules: flows under repair keep their entries, in the same transaction, also
 * those that the new rules no longer describe. In the kernel: test/kernel/rules.kernel.test.ts.
 */
import { describe, expect, it } from 'vitest';
import { iptablesFlowText, iptablesText } from '../../src/datapath/rules/print-iptables.ts';
import { nftText } from '../../src/datapath/rules/print-nft.ts';
import {
  iptablesReplacement,
  nftReplacement,
  withStrays,
} from '../../src/datapath/rules/replacement.ts';
import { sample } from './rule-input-samples.ts';

const FLOW = {
  family: 4,
  nearAddr: '10.0.0.1',
  nearPort: 40000,
  farAddr: '10.0.0.2',
  farPort: 22,
} as const;
const FLOW_6 = { ...FLOW, family: 6, nearAddr: 'fd00::1', farAddr: 'fd00::2' } as const;
const ELSEWHERE = [{ family: 4, cidr: '192.0.2.0/24' }] as const;

describe('withStrays()', () => {
  it.each([
    ['described as before', {}, []],
    ['another target', { targets: ELSEWHERE }, [FLOW, FLOW_6]],
    ['excluded', { excludes: [{ family: 4, cidr: '10.0.0.2/32' }] as const }, [FLOW]],
    ['another port', { ports: [2222] }, [FLOW, FLOW_6]],
    ['another direction', { direction: 'in' as const }, [FLOW, FLOW_6]],
    ['both directions', { direction: 'both' as const }, []],
    ['its near port by chance', { direction: 'in' as const, ports: [40000] }, []],
  ])('%s', (_why, change, strays) => {
    expect(withStrays(sample(change), [FLOW, FLOW_6]).strays).toEqual(strays);
  });
});

describe('nftReplacement()', () => {
  it('is the rules with the flows’ elements, in one transaction', () => {
    const text = nftReplacement(sample(), [FLOW, FLOW_6]);
    expect(text.startsWith(nftText(sample()))).toBe(true);
    expect(text.slice(nftText(sample()).length)).toBe(
      'add element inet seqshim repair4 { 10.0.0.2 . 22 . 10.0.0.1 . 40000 }\n' +
        'add element inet seqshim repair6 { fd00::2 . 22 . fd00::1 . 40000 }\n',
    );
  });

  it('leads strays into raw and out, by all four of their numbers', () => {
    const input = withStrays(sample({ targets: ELSEWHERE }), [FLOW, FLOW_6]);
    const entries = nftText(input)
      .split('\n')
      .filter((line) => line.includes('40000'))
      .map((line) => line.trim().replace(/ comment .*/, ''));
    expect(entries).toEqual([
      'ip saddr 10.0.0.2/32 tcp sport 22 ip daddr 10.0.0.1 tcp dport 40000 goto raw-rules',
      'ip6 saddr fd00::2/128 tcp sport 22 ip6 daddr fd00::1 tcp dport 40000 goto raw-rules',
      'ip daddr 10.0.0.2/32 tcp dport 22 ip saddr 10.0.0.1 tcp sport 40000 goto out-rules',
      'ip6 daddr fd00::2/128 tcp dport 22 ip6 saddr fd00::1 tcp sport 40000 goto out-rules',
    ]);
  });
});

describe('iptablesReplacement()', () => {
  const flows = [FLOW, FLOW_6];
  const saved = iptablesText(sample(), 4);

  it('has the flows’ entries of its family, each before the COMMIT of its table', () => {
    const text = iptablesReplacement(sample(), flows, 4, saved);
    const [raw = '', mangle = ''] = text.split('COMMIT\n');
    const [rawEntries = '', mangleEntries = ''] = iptablesFlowText(sample(), [
      { add: true, flow: FLOW },
    ]).split('COMMIT\n');
    expect(raw.startsWith('*raw\n') && mangle.startsWith('*mangle\n')).toBe(true);
    expect(raw.endsWith(rawEntries.replace('*raw\n', ''))).toBe(true);
    expect(mangle.endsWith(mangleEntries.replace('*mangle\n', ''))).toBe(true);
    expect(text).not.toContain('fd00');
  });

  it('takes the old jumps away in the same transaction', () => {
    const text = iptablesReplacement(sample({ ports: [2222] }), [], 4, saved);
    const jumps = text.split('\n').filter((line) => /^-[AD] (PREROUTING|INPUT|POST)/.test(line));
    expect(jumps.filter((line) => line.startsWith('-D')).length).toBe(jumps.length / 2);
  });

  it('leads strays into raw and out', () => {
    const input = withStrays(sample({ targets: ELSEWHERE }), flows);
    const lines = iptablesReplacement(input, flows, 4, saved).split('\n');
    const entries = lines.filter((line) => line.includes('40000') && / -g /.test(line));
    const shape = entries.map((line) => line.replace(/ -m comment --comment "[^"]*"/, ''));
    expect(shape).toEqual([
      '-A SEQSHIM-RAW -p tcp -s 10.0.0.2 -d 10.0.0.1 --sport 22 --dport 40000 -g SEQSHIM-RAW-RULES',
      '-A SEQSHIM-OUT -p tcp -s 10.0.0.1 -d 10.0.0.2 --sport 40000 --dport 22 -g SEQSHIM-OUT-RULES',
    ]);
  });

  it('queues a stray before what is excluded returns', () => {
    const excludes = [{ family: 4, cidr: '10.0.0.0/8' }] as const;
    const lines = iptablesText(sample({ excludes }), 4).split('\n');
    const at = (part: string) => lines.findIndex((line) => line.includes(part));
    expect(at('-j SEQSHIM-RAW-REPAIR')).toBeGreaterThan(-1);
    expect(at('-j SEQSHIM-RAW-REPAIR')).toBeLessThan(at('-s 10.0.0.0/8 -m comment'));
  });
});
