/**
 * Who may do what over the control socket, and one log line for everything that was to change
 * something, also for what was refused: who, what, and the value before and behind it. These lines
 * are written at every log level, and no limit applies to them. Owns nothing.
 */
import type { Logger } from 'pino';

export const READING_GROUP = 'seqshim';
export const CHANGING_GROUP = 'seqshim-admin';

/** The process at the other end, as the kernel names it. */
export interface Peer {
  readonly uid: number;
  readonly gid: number;
  readonly pid: number;
  /** Of the process when it connected. */
  readonly groups: readonly number[];
}

/** `adminGid` is that of CHANGING_GROUP; undefined where there is no such group. */
export function mayChange(peer: Peer | undefined, adminGid: number | undefined): boolean {
  if (peer === undefined) return false;
  if (peer.uid === 0) return true;
  return adminGid !== undefined && (peer.gid === adminGid || peer.groups.includes(adminGid));
}

export interface Change {
  readonly command: string;
  /** What it is about, as it was written; only where there is a choice. */
  readonly about?: string | undefined;
  readonly old: unknown;
  /** What it is now, or was asked to be. */
  readonly new: unknown;
}

export function audit(log: Logger, peer: Peer | undefined, allowed: boolean, change: Change): void {
  const { uid = null, gid = null, pid = null } = peer ?? {};
  const { command, about, old = null, new: now = null } = change;
  const what = about === undefined ? { command } : { command, about };
  const line = { uid, gid, pid, ...what, allowed, old, new: now };
  const always = log.child({}, { level: 'info' });
  if (allowed) always.info(line, 'audit');
  else always.warn(line, 'audit');
}
