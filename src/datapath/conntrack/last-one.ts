/**
 * Who takes the keep rule away when seqshim has stopped and a connection that the kernel translates
 * lives on: a shell that looks now and then, and ends with the last of them, or when another
 * instance runs, which looks after them then. Where it is killed (systemd ends a unit's whole
 * group) the rule stays until `down`, or the next `run`.
 *
 * Owns nothing. Times: s.
 */
import { spawn } from 'node:child_process';

const SECONDS_MAX = 60;

/** `$0` is Node, `$1` our program; exit code 1 says that some live. */
const SCRIPT = `s=1
while sleep $s && [ -e "$1" ]; do
  "$0" "$1" down --ended; [ $? -eq 1 ] || exit
  s=$((s * 2)); [ $s -gt ${SECONDS_MAX} ] && s=${SECONDS_MAX}
done`;

export function waitForLastOne(): void {
  const program = process.argv[1];
  if (program === undefined) return;
  const options = { detached: true, stdio: 'ignore', cwd: '/' } as const;
  const child = spawn('sh', ['-c', SCRIPT, process.execPath, program], options);
  child.on('error', () => {}); // `down` does it then
  child.unref();
}
