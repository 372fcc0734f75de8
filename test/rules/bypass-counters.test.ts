/** Counters of the rules that keep settled connections in the kernel, as printed. */
import { describe, expect, it } from 'vitest';
import { bypassedOfIptables, bypassedOfNft } from '../../src/datapath/rules/bypass-counters.ts';
import { iptablesText } from '../../src/datapath/rules/print-iptables.ts';
import { nftText } from '../../src/datapath/rules/print-nft.ts';
import { sample } from './rule-input-samples.ts';

const input = sample({ settledBypass: true });

/** One rule for each direction of what is forwarded; what is sampled is not bypassed. */
const forwarded = sample({ settledBypass: true, hooks: ['gateway'] });

describe('bypassedOfIptables()', () => {
  it('adds up those of a gateway', () => {
    const saved = iptablesText(forwarded, 4).replace(/^-A/gm, '[3:1000] -A');
    expect(bypassedOfIptables(saved)).toEqual({ packets: 6, octets: 2000 });
    const both = iptablesText({ ...forwarded, hooks: ['host', 'gateway'] }, 4);
    const counted = both.replace(/^-A/gm, '[3:1000] -A');
    expect(bypassedOfIptables(counted)).toEqual({ packets: 9, octets: 3000 });
  });

  it('adds up the two rules and no other', () => {
    const saved = iptablesText(input, 4).replace(/^-A/gm, '[3:1000] -A');
    expect(bypassedOfIptables(saved)).toEqual({ packets: 6, octets: 2000 });
    expect(bypassedOfIptables(iptablesText(sample(), 4))).toEqual({ packets: 0, octets: 0 });
  });
});

describe('bypassedOfNft()', () => {
  it('adds up those of a gateway', () => {
    const listed = nftText(forwarded).replaceAll(
      'counter return',
      'counter packets 3 bytes 1000 return',
    );
    expect(bypassedOfNft(listed)).toEqual({ packets: 6, octets: 2000 });
  });

  it('adds up the two rules and no other', () => {
    const listed = nftText(input).replaceAll(
      'counter return',
      'counter packets 3 bytes 1000 return',
    );
    expect(bypassedOfNft(listed)).toEqual({ packets: 6, octets: 2000 });
    expect(bypassedOfNft(nftText(sample()))).toEqual({ packets: 0, octets: 0 });
  });
});
