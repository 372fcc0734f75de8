/** What a lab needs of this machine. Asked before anything is made. Owns nothing. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { OperatorError } from '../config/errors.ts';
import { EXIT_IMPOSSIBLE } from '../config/exit-codes.ts';
import { demandLabCapabilities } from '../datapath/privileges.ts';

/** Programs, and the Debian package that has each. */
const PROGRAMS = [
  ['ip', 'iproute2'],
  ['iptables', 'iptables'],
  ['sysctl', 'procps'],
  ['ssh', 'openssh-client'],
  ['sshd', 'openssh-server'],
  ['iperf3', 'iperf3'],
  ['tcpdump', 'tcpdump'],
] as const;
/** What only some scenarios start. */
const ALSO = { ansible: 'ansible-core' } as const;
const BESIDE_PATH = ['/usr/sbin', '/sbin'];

/**
 * @param what cannot be done without: "build a testbed".
 * @param also programs that what is going to be played starts besides.
 */
export function demandLab(what: string, also: ReadonlySet<keyof typeof ALSO> = new Set()): void {
  demandLabCapabilities(what);
  const wanted = [...PROGRAMS, ...[...also].map((program) => [program, ALSO[program]] as const)];
  const missing = wanted.filter(([program]) => !isThere(program));
  if (missing.length === 0) return;
  const names = missing.map(([program]) => program).join(', ');
  const packages = missing.map(([, name]) => name).join(' ');
  throw new OperatorError(
    `Cannot ${what}: ${names} not found. Install them: apt install ${packages}`,
    EXIT_IMPOSSIBLE,
  );
}

function isThere(program: string): boolean {
  const dirs = [...(process.env['PATH'] ?? '').split(':'), ...BESIDE_PATH];
  return dirs.some((dir) => existsSync(join(dir, program)));
}
