/** What an administrator does where the shim runs, for the end-to-end tests. */
import type { Lab } from '../../src/testbed/lab.ts';

/** What careful administrators have, and what conntrack's opinion decides. */
export function dropInvalid(lab: Lab): void {
  for (const program of ['iptables', 'ip6tables']) {
    for (const chain of ['INPUT', 'OUTPUT', 'FORWARD']) {
      const match = ['-m', 'conntrack', '--ctstate', 'INVALID', '-j', 'DROP'];
      lab.shimHost.call(program, ['-A', chain, ...match]);
    }
  }
}

export function flushFilter(lab: Lab): void {
  for (const program of ['iptables', 'ip6tables']) lab.shimHost.call(program, ['-F']);
}

export interface Entry {
  readonly state: string;
  /** Whole days until it would be forgotten. */
  readonly days: number;
}

/** TCP entries of its connection tracking. */
export function conntrackStates(lab: Lab): Entry[] {
  return lab.shimHost
    .tryCall('conntrack', ['-L', '-p', 'tcp'])
    .split('\n')
    .map((line) => /^tcp\s+6\s+(\d+)\s+(\w+)/.exec(line))
    .filter((match) => match !== null)
    .map((match) => ({ state: match[2] ?? '', days: Math.floor(Number(match[1]) / 86_400) }));
}

/** Other people's rules come and go while `work` runs, as docker and fail2ban do it. */
export async function amongBusyNeighbours<T>(lab: Lab, work: () => Promise<T>): Promise<T> {
  const script = [
    'for i in $(seq 2000); do',
    'nft add table inet neighbour; nft delete table inet neighbour',
    'iptables -t nat -F; iptables -t security -F 2>&-; ip6tables -t nat -F 2>&-',
    'sleep 0.05; done',
  ];
  const neighbour = lab.shimHost.start('sh', ['-c', script.join('\n')], { stdio: 'ignore' });
  try {
    return await work();
  } finally {
    neighbour.kill('SIGKILL');
  }
}

/** Every rule of ours that stands there. */
export function ownRules(lab: Lab): string[] {
  const text = [['iptables-save'], ['ip6tables-save'], ['nft', 'list', 'table', 'inet', 'seqshim']]
    .map(([program = '', ...args]) => lab.shimHost.tryCall(program, args))
    .join('');
  return text.split('\n').filter((line) => /seqshim/i.test(line));
}
