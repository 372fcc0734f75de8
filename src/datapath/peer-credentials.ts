/**
 * Who is at the other end of a Unix socket, asked of the kernel (unix(7) SO_PEERCRED, and
 * SO_PEERGROUPS since Linux 4.13), because Node has no call for it. Owns nothing.
 */
import { execFileSync } from 'node:child_process';
import type { Socket } from 'node:net';
import type { Peer } from '../telemetry/audit.ts';
import { int32Bytes, loadLibc, SOL_SOCKET } from './nfqueue/libc.ts';

const SO_PEERCRED = 17;
const SO_PEERGROUPS = 59;
/** struct ucred: pid, uid, gid. */
const UCRED_BYTES = 12;
/** As many as Linux allows (NGROUPS_MAX). */
const GROUP_COUNT_MAX = 65_536;
const LOOK_UP_MS = 2000;

/** Undefined: the kernel does not say. Call it when the connection is accepted. */
export function peerOf(socket: Socket): Peer | undefined {
  const fd = (socket as { _handle?: { fd?: number } })._handle?.fd;
  if (fd === undefined || fd < 0) return undefined;
  const credentials = readOption(fd, SO_PEERCRED, UCRED_BYTES);
  if (credentials.length !== 3) return undefined;
  const [pid = 0, uid = 0, gid = 0] = credentials;
  return { pid, uid, gid, groups: [...readOption(fd, SO_PEERGROUPS, GROUP_COUNT_MAX * 4)] };
}

/** Words of the option's value; none where it is refused. */
function readOption(fd: number, name: number, bytesMax: number): Uint32Array {
  const libc = loadLibc();
  const value = new Uint8Array(bytesMax);
  const length = int32Bytes(bytesMax);
  if (libc.getsockopt(fd, SOL_SOCKET, name, value, length) !== 0) return new Uint32Array(0);
  const bytes = new Int32Array(length.buffer)[0] ?? 0;
  return new Uint32Array(value.buffer, 0, bytes >> 2);
}

/** The number of a group, wherever this machine keeps its groups; undefined: there is none. */
export function groupId(name: string): number | undefined {
  try {
    const stdio: ('ignore' | 'pipe')[] = ['ignore', 'pipe', 'ignore'];
    const entry = execFileSync('getent', ['group', name], { timeout: LOOK_UP_MS, stdio });
    const gid = Number(entry.toString('utf8').split(':')[2] ?? 'none');
    return Number.isInteger(gid) ? gid : undefined;
  } catch {
    return undefined;
  }
}
