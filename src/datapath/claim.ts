/** Who may run here: root, and one instance per network namespace. Owns nothing. */
import { OperatorError } from '../config/errors.ts';
import { EXIT_IMPOSSIBLE, EXIT_NO } from '../config/exit-codes.ts';
import { type InstanceLock, takeLock } from './instance-lock.ts';

export async function claim(): Promise<InstanceLock> {
  if (process.getuid?.() !== 0) {
    throw new OperatorError('Cannot start: run this as root (sudo seqshim run …)', EXIT_IMPOSSIBLE);
  }
  const lock = await takeLock();
  if ('release' in lock) return lock;
  const who = lock.heldBy === 0 ? 'another process' : `pid ${lock.heldBy}`;
  throw new OperatorError(
    `Cannot start: seqshim already runs here (${who}). Stop it first, or look: seqshim status`,
    EXIT_NO,
  );
}
