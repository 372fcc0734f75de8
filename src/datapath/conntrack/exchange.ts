/**
 * Exchanges one conntrack entry for one that shifts its numbers, and makes sure of it: bounded
 * tries, then read back. What cannot be verified is put back as it was, so that a flow is shifted
 * either by conntrack or by us, never by both, and never by nobody.
 *
 * Mark, labels and timeout are carried over; counters begin anew. The timeout does not move while
 * packets pass (IPS_FIXED_TIMEOUT), so it is never less than TIMEOUT_S_MIN and has to be renewed.
 */
import { constants } from 'node:os';
import type { FlowAddress } from '../../telemetry/flow-address.ts';
import type { Ctnetlink } from './ctnetlink.ts';
import {
  type Entry,
  isOurs,
  isReplaced,
  REFUSED_CREATE,
  REFUSED_NO_ENTRY,
  REFUSED_UNVERIFIED,
  readEntry,
  refusal,
  replacement,
} from './entry.ts';

const TRIES = 8;
/** The kernel's default for established connections: five days. */
export const TIMEOUT_S_MIN = 432_000;
const { EEXIST, ENOENT } = constants.errno;

export interface Exchanged {
  /** REFUSED_*, 0: the kernel translates the flow. */
  readonly refused: number;
  /** How often a packet came between. */
  readonly retries: number;
}

/** `offset` is what conntrack is to add to the numbers of replies: A - B. */
export function exchange(conntrack: Ctnetlink, flow: FlowAddress, offset: number): Exchanged {
  const old = conntrack.get(flow);
  const refused = old === undefined ? REFUSED_NO_ENTRY : refusal(old, flow);
  if (old === undefined || refused !== 0) return { refused, retries: 0 };
  return install(conntrack, flow, old, offset);
}

/** The same for an entry of ours that grows old; `entry` is what stands. */
export function renew(conntrack: Ctnetlink, flow: FlowAddress, entry: Entry): Exchanged {
  return install(conntrack, flow, entry, entry.replyOffset);
}

function install(conntrack: Ctnetlink, flow: FlowAddress, old: Entry, offset: number): Exchanged {
  const timeoutS = Math.max(old.timeoutS, TIMEOUT_S_MIN);
  const attributes = replacement(old, flow, offset, timeoutS);
  let standing: Entry | undefined = old;
  let refused = REFUSED_CREATE;
  let retries = 0;
  for (; retries < TRIES; retries++) {
    const errno = conntrack.exchange(flow, standing, attributes);
    standing = conntrack.get(flow);
    if (errno === 0) {
      if (standing !== undefined && isReplaced(standing, old, offset)) {
        return { refused: 0, retries };
      }
      refused = REFUSED_UNVERIFIED;
    } else if (errno !== EEXIST && errno !== ENOENT) {
      break;
    }
  }
  restore(conntrack, flow, old, standing);
  return { refused, retries };
}

/** As it was before, as far as conntrack lets itself be told: nothing is shifted. */
function restore(
  conntrack: Ctnetlink,
  flow: FlowAddress,
  old: Entry,
  standing: Entry | undefined,
): void {
  const plain = replacement(old, flow, 0, old.timeoutS);
  let now = standing;
  for (let i = 0; i < TRIES; i++) {
    if (now !== undefined && !isOurs(now)) return; // one that a packet has made
    conntrack.exchange(flow, now, plain);
    now = conntrack.get(flow);
  }
}

/** Can this kernel do it at all? Tries on a connection that cannot be (RFC 5737). */
export function canExchange(conntrack: Ctnetlink): boolean {
  const flow: FlowAddress = {
    family: 4,
    nearAddr: '192.0.2.1',
    nearPort: 9,
    farAddr: '192.0.2.2',
    farPort: 9,
  };
  const offset = -123_456;
  const nothing = readEntry(4, new Map());
  const errno = conntrack.exchange(flow, undefined, replacement(nothing, flow, offset, 60));
  const made = conntrack.get(flow);
  if (made !== undefined) conntrack.delete(flow, made);
  return errno === 0 && made !== undefined && isReplaced(made, nothing, offset);
}
