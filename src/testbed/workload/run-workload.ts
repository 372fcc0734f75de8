/** Runs a workload of a scenario: its attempts, so many at a time. Owns their order. */
import type { Lab } from '../lab.ts';
import { pingHosts } from './ansible.ts';
import type { Attempted } from './attempt.ts';
import { connectMany, measureOnce, refuseOnce, talkOnce } from './peer.ts';
import { copyOnce, loginOnce, muxOnce } from './ssh.ts';
import type { Workload } from './workload.ts';

export async function runWorkload(
  lab: Lab,
  family: 4 | 6,
  workload: Workload,
): Promise<readonly Attempted[]> {
  if (workload.kind === 'connections') return connectMany(lab, family, workload);
  if (workload.kind === 'ansible') return pingHosts(lab, family, workload);
  const made: Attempted[] = [];
  const width = 'atOnce' in workload ? workload.atOnce : 1;
  for (let left = workload.attempts; left > 0; left -= width) {
    const count = Math.min(left, width);
    const batch = Array.from({ length: count }, () => attemptOnce(lab, family, workload));
    made.push(...(await Promise.all(batch)));
  }
  return made;
}

function attemptOnce(
  lab: Lab,
  family: 4 | 6,
  workload: Exclude<Workload, { kind: 'connections' | 'ansible' }>,
): Promise<Attempted> {
  switch (workload.kind) {
    case 'ssh':
      return loginOnce(lab, family, workload);
    case 'ssh-mux':
      return muxOnce(lab, family, workload);
    case 'scp':
      return copyOnce(lab, family, workload);
    case 'iperf3':
      return measureOnce(lab, family, workload);
    case 'echo':
      return talkOnce(lab, family, workload);
    case 'refused':
      return refuseOnce(lab, family, workload);
  }
}
