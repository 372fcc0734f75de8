/**
 * Which single part of the rules this kernel or its programs refuse, for when the whole is refused.
 * Changes nothing: `nft -c`, `iptables-restore --test`. Owns nothing.
 */
import { tryIptables, tryNft } from './detect.ts';
import { firstLine, type Outcome } from './execute.ts';

export interface Feature {
  readonly name: string;
  /** Empty: it works. */
  readonly problem: string;
}

const IPTABLES_FEATURES = [
  ['NFQUEUE target', '-j NFQUEUE --queue-num 1 --queue-bypass'],
  ['addrtype match', '-m addrtype --dst-type LOCAL -j RETURN'],
  ['multiport match', '-p tcp -m multiport --sports 22,23 -j RETURN'],
  ['TCP option match', '-p tcp --tcp-option 5 -j RETURN'],
  ['mark match', '-m mark --mark 0x1/0x1 -j RETURN'],
  ['MARK target', '-j MARK --set-xmark 0x0/0x1'],
  ['connmark match', '-m connmark --mark 0x1/0x1 -j RETURN'],
  ['CONNMARK target', '-j CONNMARK --set-xmark 0x0/0x1'],
  ['length match', '-m length --length 0:52 -j RETURN'],
  ['limit match', '-m limit --limit 1000/sec --limit-burst 100 -j RETURN'],
  ['ICMP match', '-p icmp -m icmp --icmp-type 3/4 -j RETURN'],
  ['comment match', '-m comment --comment try -j RETURN'],
] as const;

const NFT_FEATURES = [
  ['queue statement', 'queue num 1 bypass'],
  ['fib expression', 'fib daddr type local return'],
  ['TCP option match', 'tcp option sack exists return'],
  ['mark', 'meta mark & 0x1 == 0x1 meta mark set meta mark & 0xfffffffe'],
  ['connection mark', 'ct mark & 0x1 == 0x1 ct mark set ct mark & 0xfffffffe'],
  ['concatenated sets', 'ip saddr . tcp sport { 192.0.2.1 . 22 } return'],
] as const;

export function iptablesFeatures(): Feature[] {
  return IPTABLES_FEATURES.map(([name, rule]) => {
    const text = `*mangle\n:SEQSHIM-TRY - [0:0]\n-A SEQSHIM-TRY ${rule}\nCOMMIT\n`;
    return feature(name, tryIptables(4, text));
  });
}

export function nftFeatures(): Feature[] {
  return NFT_FEATURES.map(([name, rule]) => {
    const chain = `chain c { type filter hook prerouting priority -300; ${rule}; }`;
    return feature(name, tryNft(`table inet seqshim_try {\n  ${chain}\n}\n`));
  });
}

function feature(name: string, outcome: Outcome): Feature {
  return { name, problem: outcome.ok ? '' : firstLine(outcome) || 'refused' };
}
