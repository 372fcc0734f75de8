/**
 * How long a flow may be silent before its row is given back, by state (RFC 5382 REQ-5). Owns
 * nothing. Times: ms.
 */
import {
  IDLE_ASK_SOON_MS,
  IDLE_CLOSED_MS,
  IDLE_ENDED_TRANSLATED_MS,
  IDLE_ESTABLISHED_MS,
  IDLE_SETTLED_MS,
  IDLE_TRANSITORY_MS,
} from '../limits.ts';
import { FLOW_FORWARDED, FLOW_KERNEL, FLOW_OVER, FLOW_SETTLED, FLOW_TRANSLATED } from './layout.ts';

/** `passed`: a reset of one of its ends was let through. */
export function lifetimeMs(flags: number, established: boolean, passed: boolean): number {
  if ((flags & FLOW_OVER) !== 0) {
    const translated = (flags & (FLOW_TRANSLATED | FLOW_KERNEL)) !== 0;
    return translated ? IDLE_ENDED_TRANSLATED_MS : IDLE_CLOSED_MS;
  }
  if ((flags & FLOW_FORWARDED) !== 0) {
    if (passed) return IDLE_TRANSITORY_MS; // nobody tells whether it lives
  } else if ((flags & FLOW_SETTLED) !== 0) {
    return passed ? IDLE_ASK_SOON_MS : IDLE_SETTLED_MS;
  }
  return established ? IDLE_ESTABLISHED_MS : IDLE_TRANSITORY_MS;
}
