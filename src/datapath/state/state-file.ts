/**
 * One packet thread's tables as a file that is mapped into memory: what a killed program leaves is
 * what the next one begins with. A file that is damaged, or of another boot, namespace, version or
 * size, is set aside, at most one, and never believed.
 *
 * Owns the file and its lock: a file that another process has mapped is left alone. Blocks are
 * allocated before they are mapped, so that a full file system is an error here, no signal later.
 */
import {
  closeSync,
  constants,
  fchownSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { createLastingMemory, type LastingMemory, lastingParts } from '../../engine/memory.ts';
import { errnoName, type Libc, LOCK_EX, LOCK_NB } from '../nfqueue/libc.ts';
import { secondsSinceBoot } from '../nfqueue/monotonic.ts';
import { HEADER_BYTES, type Identity, noteAlive, whyForeign, writeHeader } from './header.ts';
import { layoutChecksum } from './layout-checksum.ts';

/** Whatever was held off for so long is dead, and times of the engine's clock begin to be wrong. */
const AGE_MAX_S = 7500;
/** Parts begin on their own cache lines. */
const ALIGN_BYTES = 64;

export interface StateFile {
  /** Where the mapping stands in this process. */
  readonly address: bigint;
  readonly lasting: LastingMemory;
  /** It was there, and is believed. */
  readonly isLeft: boolean;
  /** Why another file was set aside; empty: none was. */
  readonly asideBecause: string;
  noteAlive(): void;
  /** What it holds is over. */
  remove(): void;
}

export interface StateFileOptions {
  readonly path: string;
  readonly flowCountMax: number;
  readonly queue: number;
  readonly queueCount: number;
  /** Of the layout; another one in tests. */
  readonly layout?: number;
}

/** Where each part begins, behind the header, and the size of all. */
export function lastingOffsets(flowCountMax: number): { bytes: number; at: readonly number[] } {
  let bytes = HEADER_BYTES;
  const at = lastingParts(flowCountMax).map(([, size]) => {
    const from = bytes;
    bytes += Math.ceil(size / ALIGN_BYTES) * ALIGN_BYTES;
    return from;
  });
  return { bytes: Math.ceil(bytes / HEADER_BYTES) * HEADER_BYTES, at };
}

/** The parts of a mapping that stands in this process already. */
export function lastingAt(libc: Libc, address: bigint, flowCountMax: number): LastingMemory {
  const { at } = lastingOffsets(flowCountMax);
  let part = 0;
  return createLastingMemory(flowCountMax, (bytes) => {
    const from = at[part++] ?? 0;
    return libc.view(address + BigInt(from), bytes);
  });
}

export function openStateFile(libc: Libc, options: StateFileOptions): StateFile {
  const { path, flowCountMax, queue, queueCount } = options;
  const { bytes } = lastingOffsets(flowCountMax);
  const layout = options.layout ?? layoutChecksum();
  const identity = { ...whereWeAre(), layout, flowCountMax, queue, queueCount, bytes };
  let fd = openLocked(libc, path);
  let asideBecause = whyNot(fd, identity);
  const isLeft = asideBecause === '';
  if (!isLeft) {
    if (fstatSync(fd).size > 0) {
      renameSync(path, `${path}.aside`);
      closeSync(fd);
      fd = openLocked(libc, path);
    } else asideBecause = '';
    reserve(libc, fd, path, bytes);
  }
  const address = libc.mapFile(fd, bytes);
  const page = new Uint8Array(libc.view(address, HEADER_BYTES));
  if (!isLeft) writeHeader(page, identity, secondsSinceBoot());
  return {
    address,
    lasting: lastingAt(libc, address, flowCountMax),
    isLeft,
    asideBecause,
    noteAlive: () => noteAlive(page, secondsSinceBoot()),
    remove: () => rmSync(path, { force: true }),
  };
}

/**
 * The descriptor stays open, and with it the lock, until the process ends. The file belongs to whom
 * the directory belongs, which root's `down` may read, and leaves to be read.
 */
function openLocked(libc: Libc, path: string): number {
  const { O_RDWR, O_CREAT, O_NOFOLLOW } = constants;
  const fd = openSync(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0o600);
  const euid = process.geteuid?.();
  const { uid, gid } = statSync(dirname(path));
  if (euid === 0 && uid !== 0 && fstatSync(fd).uid === 0) fchownSync(fd, uid, gid);
  const about = fstatSync(fd);
  const isOwned = about.uid === uid && (euid === uid || euid === 0);
  const isOurs = about.isFile() && isOwned && (about.mode & 0o077) === 0;
  const isFree = isOurs && libc.flock(fd, LOCK_EX | LOCK_NB) === 0;
  if (isFree) return fd;
  closeSync(fd);
  throw new Error(isOurs ? 'another process uses it' : 'others may write to it');
}

function whyNot(fd: number, identity: Identity): string {
  const page = new Uint8Array(HEADER_BYTES);
  const read = readSync(fd, page, 0, HEADER_BYTES, 0);
  const { size } = fstatSync(fd);
  return whyForeign(page.subarray(0, read), size, identity, secondsSinceBoot(), AGE_MAX_S);
}

function reserve(libc: Libc, fd: number, path: string, bytes: number): void {
  ftruncateSync(fd, 0);
  const errno = libc.fallocate(fd, 0, bytes);
  if (errno === 0) return;
  rmSync(path, { force: true });
  closeSync(fd);
  throw new Error(`no room for ${bytes} bytes (${errnoName(errno)})`);
}

export function whereWeAre(): Pick<Identity, 'bootId' | 'netns'> {
  return {
    bootId: readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim(),
    netns: statSync('/proc/self/ns/net', { bigint: true }).ino,
  };
}
