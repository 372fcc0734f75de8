/** Who may run here: whoever has the capabilities, and one instance per network namespace. */
import { claimInstance, type InstanceLock } from './instance-lock.ts';
import { demandCapabilities } from './privileges.ts';

/** Owns nothing: the lock is the caller's. */
export function claim(): Promise<InstanceLock> {
  demandCapabilities('start');
  return claimInstance();
}
