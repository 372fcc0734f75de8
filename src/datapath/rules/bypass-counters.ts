/**
 * How much of settled connections has stayed in the kernel, read from the counters of the rules
 * that return it: `iptables-save -c` and `nft list table` text. A super-packet counts as one
 * packet. Owns nothing.
 */
export interface Bypassed {
  readonly packets: number;
  readonly octets: number;
}

const OF_IPTABLES =
  /^\[(\d+):(\d+)\] -A SEQSHIM-(?:IN|FWD|OUT)(?:-RULES)? .*-m connmark .*-j RETURN$/gm;
const OF_NFT = /\bct mark\b.* counter packets (\d+) bytes (\d+) return/g;

export function bypassedOfIptables(saved: string): Bypassed {
  return sum(saved.matchAll(OF_IPTABLES));
}

export function bypassedOfNft(listed: string): Bypassed {
  return sum(listed.matchAll(OF_NFT));
}

function sum(matches: Iterable<RegExpMatchArray>): Bypassed {
  let packets = 0;
  let octets = 0;
  for (const [, packetCount, octetCount] of matches) {
    packets += Number(packetCount);
    octets += Number(octetCount);
  }
  return { packets, octets };
}
