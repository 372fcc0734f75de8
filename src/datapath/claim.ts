/** Who may run here: root, and one instance per network namespace. Owns nothing. */
import { OperatorError } from '../config/errors.ts';
import { EXIT_IMPOSSIBLE } from '../config/exit-codes.ts';
import { claimInstance, type InstanceLock } from './instance-lock.ts';

export function claim(): Promise<InstanceLock> {
  if (process.getuid?.() !== 0) {
    throw new OperatorError('Cannot start: run this as root (sudo seqshim run …)', EXIT_IMPOSSIBLE);
  }
  return claimInstance();
}
