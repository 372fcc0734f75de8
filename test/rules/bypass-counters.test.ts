/** Counters of the rules that keep settled connections in the kernel, as printed. */
import { describe, expect, it } from 'vitest';
import { bypassedOfIptables, bypassedOfNft } from '../../src/datapath/rules/bypass-counters.ts';
import { iptablesText } from '../../src/datapath/rules/print-iptables.ts';
import { nftText } from '../../src/datapath/rules/print-nft.ts';
import { sample } from './rule-input-samples.ts';

const input = sample({ settledBypass: true });

describe('bypassedOfIptables()', () => {
  it('adds up the two rules and no other', () => {
    const saved = iptablesText(input, 4).replace(/^-A/gm, '[3:1000] -A');
    expect(bypassedOfIptables(saved)).toEqual({ packets: 6, octets: 2000 });
    expect(bypassedOfIptables(iptablesText(sample(), 4))).toEqual({ packets: 0, octets: 0 });
  });
});

describe('bypassedOfNft()', () => {
  it('adds up the two rules and no other', () => {
    const listed = nftText(input).replaceAll(
      'counter return',
      'counter packets 3 bytes 1000 return',
    );
    expect(bypassedOfNft(listed)).toEqual({ packets: 6, octets: 2000 });
    expect(bypassedOfNft(nftText(sample()))).toEqual({ packets: 0, octets: 0 });
  });
});
