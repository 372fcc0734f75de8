/**
 * The C library, as far as the datapath needs it. The only module that loads koffi, and only when
 * `loadLibc()` is called first, so that commands without packets load no native code.
 *
 * Owns the function signatures and the constants of Linux. Struct layouts (msghdr, mmsghdr, iovec,
 * timeval, sockaddr) are written by the callers as 64-bit little-endian words: they are the same on
 * x64 and arm64, in glibc and musl (musl splits msg_iovlen and msg_controllen into an int and
 * padding, which reads the same as one little-endian word).
 */
import { createRequire } from 'node:module';
import { endianness } from 'node:os';
import { getSystemErrorName } from 'node:util';

export const AF_UNIX = 1;
export const AF_INET = 2;
export const AF_INET6 = 10;
export const AF_NETLINK = 16;
export const AF_PACKET = 17;
export const SOCK_STREAM = 1;
export const SOCK_DGRAM = 2;
export const SOCK_RAW = 3;
export const SOCK_NONBLOCK = 0o4000;
export const SOCK_CLOEXEC = 0o2000000;
export const NETLINK_NETFILTER = 12;
export const IPPROTO_IP = 0;
export const IPPROTO_IPV6 = 41;
export const IPPROTO_RAW = 255;
export const IP_HDRINCL = 3;
export const SOL_SOCKET = 1;
export const SO_REUSEADDR = 2;
export const SO_SNDBUF = 7;
export const SO_RCVBUF = 8;
export const SO_KEEPALIVE = 9;
export const SO_RCVTIMEO = 20;
export const SO_ATTACH_FILTER = 26;
export const SO_SNDBUFFORCE = 32;
export const SO_RCVBUFFORCE = 33;
export const SO_TIMESTAMPNS = 35;
export const SO_MARK = 36;
export const SOL_PACKET = 263;
export const SOL_NETLINK = 270;
export const NETLINK_NO_ENOBUFS = 5;
export const NETLINK_CAP_ACK = 10;
export const CLONE_NEWNET = 0x40000000;
export const CLOCK_MONOTONIC = 1;
export const MSG_PEEK = 0x2;
export const MSG_DONTWAIT = 0x40;
export const MSG_NOSIGNAL = 0x4000;
export const MSG_WAITFORONE = 0x10000;

/** A pointer is a bigint; an array is passed by reference. */
export type Pointer = bigint | Uint8Array | null;

export interface Libc {
  socket(domain: number, type: number, protocol: number): number;
  bind(fd: number, address: Uint8Array, bytes: number): number;
  connect(fd: number, address: Uint8Array, bytes: number): number;
  listen(fd: number, backlog: number): number;
  accept4(fd: number, address: null, bytes: null, flags: number): number;
  shutdown(fd: number, how: number): number;
  getsockname(fd: number, address: Uint8Array, bytes: Uint8Array): number;
  setsockopt(fd: number, level: number, name: number, value: Uint8Array, bytes: number): number;
  getsockopt(fd: number, level: number, name: number, value: Uint8Array, bytes: Uint8Array): number;
  send(fd: number, data: Pointer, bytes: number, flags: number): number;
  recv(fd: number, data: Pointer, bytes: number, flags: number): number;
  sendto(
    fd: number,
    data: Uint8Array,
    bytes: number,
    flags: number,
    address: Uint8Array,
    addressBytes: number,
  ): number;
  sendmsg(fd: number, header: Pointer, flags: number): number;
  recvmmsg(fd: number, headers: Pointer, count: number, flags: number, timeout: null): number;
  clock_gettime(clock: number, timespec: Pointer): number;
  sched_yield(): number;
  close(fd: number): number;
  /** Moves the calling thread. */
  setns(fd: number, kind: number): number;
  /** Of the call just made. */
  errno(): number;
  /** Zeroed private pages, page-aligned, for the life of the process. */
  pages(bytes: number): { address: bigint; buffer: ArrayBuffer };
  /** `bytes` of an open file from its start, shared with it, for the life of the process. */
  mapFile(fd: number, bytes: number): bigint;
  /** Memory of this process that is mapped already. */
  view(address: bigint, bytes: number): ArrayBuffer;
  flock(fd: number, operation: number): number;
  /** The error's number, 0: the blocks are there. */
  fallocate(fd: number, from: number, bytes: number): number;
  /** Where an array stands, for memory that is never moved: WebAssembly's. */
  addressOf(bytes: Uint8Array): bigint;
}

export const LOCK_EX = 2;
export const LOCK_NB = 4;
const PROT_READ_WRITE = 3;
const MAP_SHARED = 1;
const MAP_PRIVATE_ANONYMOUS = 0x22;
const MAP_FAILED = 0xffff_ffff_ffff_ffffn;

let loaded: Libc | undefined;

export function loadLibc(): Libc {
  loaded ??= bindLibc();
  return loaded;
}

function bindLibc(): Libc {
  if (endianness() !== 'LE') throw new Error('Cannot run here: only little-endian CPUs are known');
  const require = createRequire(import.meta.url);
  const koffi = require('koffi') as typeof import('koffi');
  // null is the process itself: Node is linked with the right C library, glibc or musl.
  const c = koffi.load(null);
  const mmap = c.func('void *mmap(void *, size_t, int, int, int, int64_t)');
  const memmove = c.func('void *memmove(void *, void *, size_t)');
  return {
    socket: c.func('int socket(int, int, int)'),
    bind: c.func('int bind(int, void *, uint)'),
    connect: c.func('int connect(int, void *, uint)'),
    listen: c.func('int listen(int, int)'),
    accept4: c.func('int accept4(int, void *, void *, int)'),
    shutdown: c.func('int shutdown(int, int)'),
    getsockname: c.func('int getsockname(int, void *, void *)'),
    setsockopt: c.func('int setsockopt(int, int, int, void *, uint)'),
    getsockopt: c.func('int getsockopt(int, int, int, void *, void *)'),
    send: c.func('int64_t send(int, void *, size_t, int)'),
    recv: c.func('int64_t recv(int, void *, size_t, int)'),
    sendto: c.func('int64_t sendto(int, void *, size_t, int, void *, uint)'),
    sendmsg: c.func('int64_t sendmsg(int, void *, int)'),
    recvmmsg: c.func('int recvmmsg(int, void *, uint, int, void *)'),
    clock_gettime: c.func('int clock_gettime(int, void *)'),
    sched_yield: c.func('int sched_yield()'),
    close: c.func('int close(int)'),
    setns: c.func('int setns(int, int)'),
    errno: () => koffi.errno(),
    pages: (bytes) => {
      const address = mmap(null, bytes, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS, -1, 0) as bigint;
      if (BigInt.asUintN(64, address) === MAP_FAILED) throw new SystemError('mmap', koffi.errno());
      return { address, buffer: koffi.view(address, bytes) };
    },
    mapFile: (fd, bytes) => {
      const address = mmap(null, bytes, PROT_READ_WRITE, MAP_SHARED, fd, 0) as bigint;
      if (BigInt.asUintN(64, address) === MAP_FAILED) throw new SystemError('mmap', koffi.errno());
      return address;
    },
    view: (address, bytes) => koffi.view(address, bytes),
    flock: c.func('int flock(int, int)'),
    fallocate: c.func('int posix_fallocate(int, int64_t, int64_t)'),
    // It returns where it was asked to copy nothing to.
    addressOf: (bytes) => BigInt.asUintN(64, memmove(bytes, bytes, 0) as bigint),
  };
}

/** A failed call, for those who can say more about it; `message` names the call and the errno. */
export class SystemError extends Error {
  readonly call: string;
  readonly errno: number;
  constructor(call: string, errno: number) {
    super(`${call}: ${errnoName(errno)}`);
    this.name = 'SystemError';
    this.call = call;
    this.errno = errno;
  }
}

/** `EPERM`, or the number where Node knows no name. */
export function errnoName(errno: number): string {
  try {
    return getSystemErrorName(-errno);
  } catch {
    return `errno ${errno}`;
  }
}

/** An int as setsockopt wants it. */
export function int32Bytes(value: number): Uint8Array {
  return new Uint8Array(new Int32Array([value]).buffer);
}

/** Reads an int option, or 0. */
export function getIntOption(libc: Libc, fd: number, level: number, name: number): number {
  const value = new Int32Array(1);
  const bytes = new Uint8Array(value.buffer);
  return libc.getsockopt(fd, level, name, bytes, int32Bytes(4)) === 0 ? (value[0] ?? 0) : 0;
}

/** `seconds`/`microseconds` of a socket time-out. */
export function timevalBytes(ms: number): Uint8Array {
  const value = new BigInt64Array([BigInt(Math.floor(ms / 1000)), BigInt((ms % 1000) * 1000)]);
  return new Uint8Array(value.buffer);
}
