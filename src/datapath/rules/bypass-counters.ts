/**
 * How much of settled connections has stayed in the kernel, read from the counters of the rules
 * that return it: `iptables-save -c` and `nft list table` text. A super-packet counts as one
 * packet. Owns nothing.
 */
import { type Backend, SAVE } from './detect.ts';
import { runAsync } from './execute.ts';
import { NFT_TABLE } from './rule-input.ts';

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

/** As the firewall tells them now. Not blocking. */
export async function readBypassed(
  backend: Backend,
  families: readonly (4 | 6)[],
): Promise<Bypassed> {
  if (backend === 'nft') {
    return bypassedOfNft((await runAsync('nft', ['list', 'table', 'inet', NFT_TABLE], '')).stdout);
  }
  const texts: string[] = [];
  for (const family of families) {
    texts.push((await runAsync(SAVE[family], ['-c', '-t', 'mangle'], '')).stdout);
  }
  return bypassedOfIptables(texts.join('\n'));
}
