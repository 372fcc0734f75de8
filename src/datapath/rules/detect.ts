/**
 * Which firewall program can queue packets here: found by trying, not by version. Kernels exist
 * without nft's queue expression (and with the NFQUEUE target), and the other way round; Debian 12
 * ships nft and leaves iptables to choice. Changes nothing: `nft -c`, `iptables-restore --test`.
 */
import { run } from './execute.ts';

export interface Firewall {
  readonly backend: 'nft' | 'iptables' | undefined;
  /** One line: why this one, or what to do. */
  readonly because: string;
  readonly families: readonly (4 | 6)[];
}

const PROGRAMS = { 4: 'iptables-restore', 6: 'ip6tables-restore' } as const;

export function nftCanQueue(queueNum: number): string | undefined {
  const text = `table inet seqshim_try {
  chain c { type filter hook prerouting priority -300; tcp option sack exists queue num ${queueNum} bypass; }
}
`;
  const outcome = run('nft', ['-c', '-f', '-'], text);
  return outcome.ok ? undefined : firstLine(outcome.stderr);
}

export function iptablesCanQueue(family: 4 | 6, queueNum: number): string | undefined {
  const text = `*raw
:SEQSHIM-TRY - [0:0]
-A SEQSHIM-TRY -p tcp -m multiport --sports 22 -m addrtype --dst-type LOCAL -j NFQUEUE --queue-num ${queueNum} --queue-bypass
-A SEQSHIM-TRY -m mark --mark 0x1/0x1 -m comment --comment try -j MARK --set-xmark 0x0/0x1
COMMIT
`;
  const outcome = run(PROGRAMS[family], ['--test', '--noflush', '-w', '5'], text);
  return outcome.ok ? undefined : firstLine(outcome.stderr);
}

export function detectFirewall(wanted: 'auto' | 'nft' | 'iptables', queueNum: number): Firewall {
  const nftProblem = wanted === 'iptables' ? 'not asked for' : nftCanQueue(queueNum);
  if (nftProblem === undefined) {
    return { backend: 'nft', because: 'nft can queue packets here', families: [4, 6] };
  }
  if (wanted !== 'nft') {
    const problem = iptablesCanQueue(4, queueNum);
    if (problem === undefined) {
      const families: readonly (4 | 6)[] =
        iptablesCanQueue(6, queueNum) === undefined ? [4, 6] : [4];
      const why = wanted === 'iptables' ? 'asked for' : `nft cannot queue (${nftProblem})`;
      return { backend: 'iptables', because: why, families };
    }
    const both = `nft: ${nftProblem}; iptables: ${problem}`;
    return { backend: undefined, because: remedy(both), families: [] };
  }
  return { backend: undefined, because: remedy(`nft: ${nftProblem}`), families: [] };
}

function remedy(problem: string): string {
  return `Cannot queue packets here (${problem}). Try as root: modprobe nfnetlink_queue nft_queue xt_NFQUEUE, and apt-get install nftables or iptables`;
}

function firstLine(text: string): string {
  return (text.trim().split('\n')[0] ?? '').slice(0, 160);
}
