/**
 * One real TCP connection of the kernel's, with what Node's sockets cannot have: a mark from before
 * its SYN, a port that was chosen before, keep-alives of its own pace. Nothing here blocks: whoever
 * uses it looks again. Owns the descriptor.
 */
import { constants } from 'node:os';
import * as c from '../nfqueue/libc.ts';
import { readSocketAddress, SOCKADDR_BYTES, socketAddress } from './socket-address.ts';

const IPPROTO_TCP = 6;
const TCP_KEEPIDLE = 4;
const TCP_KEEPINTVL = 5;
const TCP_KEEPCNT = 6;
const TCP_INFO = 11;
const TCP_ESTABLISHED = 1;
const SHUT_WR = 1;
const READ_BYTES = 4096;
const BINDV6ONLY = 26;

export interface Bound {
  readonly family: 4 | 6;
  readonly address: string;
  /** 0: any. */
  readonly port: number;
  /** 0: none. */
  readonly mark: number;
  /** A port that a connection of ours has just left. */
  readonly again?: boolean;
}

/** `data`: octets came; `waiting`: nothing yet; `end`: the far end has closed; else the errno. */
export type Heard =
  | { readonly kind: 'data'; readonly bytes: Uint8Array }
  | { readonly kind: 'waiting' | 'end' }
  | { readonly kind: 'error'; readonly code: string };

export class TcpSocket {
  readonly family: 4 | 6;
  readonly port: number;
  private readonly libc = c.loadLibc();
  private fd: number;
  private readonly room = new Uint8Array(READ_BYTES);

  /** Undefined: the port is taken. */
  static bind(bound: Bound): TcpSocket | undefined {
    const libc = c.loadLibc();
    const domain = bound.family === 4 ? c.AF_INET : c.AF_INET6;
    const kind = c.SOCK_STREAM | c.SOCK_CLOEXEC | c.SOCK_NONBLOCK;
    const fd = libc.socket(domain, kind, 0);
    if (fd < 0) throw new c.SystemError('socket', libc.errno());
    const set = (level: number, name: number, value: number) =>
      libc.setsockopt(fd, level, name, c.int32Bytes(value), 4) === 0;
    if (bound.mark !== 0 && !set(c.SOL_SOCKET, c.SO_MARK, bound.mark)) {
      const errno = libc.errno();
      libc.close(fd);
      throw new c.SystemError('setsockopt(SO_MARK)', errno);
    }
    if (bound.again === true) set(c.SOL_SOCKET, c.SO_REUSEADDR, 1);
    if (bound.family === 6) set(c.IPPROTO_IPV6, BINDV6ONLY, 1);
    const address = socketAddress(bound.family, bound.address, bound.port);
    if (libc.bind(fd, address, address.length) === 0) {
      // Behind bind: it must not share the port now, and may be followed on it later.
      set(c.SOL_SOCKET, c.SO_REUSEADDR, 1);
      return new TcpSocket(bound.family, fd);
    }
    const errno = libc.errno();
    libc.close(fd);
    if (errno === constants.errno.EADDRINUSE) return undefined;
    throw new c.SystemError(`bind(${bound.address})`, errno);
  }

  private constructor(family: 4 | 6, fd: number) {
    this.family = family;
    this.fd = fd;
    const name = new Uint8Array(SOCKADDR_BYTES);
    this.libc.getsockname(fd, name, c.int32Bytes(SOCKADDR_BYTES));
    this.port = readSocketAddress(name).port;
  }

  /** Sends the SYN. An error that the kernel knows at once, or none. */
  connect(address: string, port: number): string | undefined {
    const to = socketAddress(this.family, address, port);
    if (this.libc.connect(this.fd, to, to.length) === 0) return undefined;
    const errno = this.libc.errno();
    return errno === constants.errno.EINPROGRESS ? undefined : c.errnoName(errno);
  }

  /** The kernel asks by itself after `idleS` of silence, then every second, `count` times. */
  keepAlive(idleS: number, count: number): void {
    const set = (level: number, name: number, value: number) =>
      this.libc.setsockopt(this.fd, level, name, c.int32Bytes(value), 4);
    set(c.SOL_SOCKET, c.SO_KEEPALIVE, 1);
    set(IPPROTO_TCP, TCP_KEEPIDLE, idleS);
    set(IPPROTO_TCP, TCP_KEEPINTVL, 1);
    set(IPPROTO_TCP, TCP_KEEPCNT, count);
  }

  isEstablished(): boolean {
    const info = new Uint8Array(8);
    const got = this.libc.getsockopt(this.fd, IPPROTO_TCP, TCP_INFO, info, c.int32Bytes(8));
    return got === 0 && info[0] === TCP_ESTABLISHED;
  }

  hear(): Heard {
    const bytes = this.libc.recv(this.fd, this.room, READ_BYTES, c.MSG_DONTWAIT);
    if (bytes > 0) return { kind: 'data', bytes: this.room.slice(0, Number(bytes)) };
    if (Number(bytes) === 0) return { kind: 'end' };
    const errno = this.libc.errno();
    if (errno === constants.errno.EAGAIN || errno === constants.errno.EINTR) {
      return { kind: 'waiting' };
    }
    return { kind: 'error', code: c.errnoName(errno) };
  }

  /** False: it cannot be sent now. */
  say(text: string): boolean {
    const bytes = new TextEncoder().encode(text);
    const flags = c.MSG_DONTWAIT | c.MSG_NOSIGNAL;
    return Number(this.libc.send(this.fd, bytes, bytes.length, flags)) === bytes.length;
  }

  /** We say no more; what the far end still says is read. */
  finish(): void {
    this.libc.shutdown(this.fd, SHUT_WR);
  }

  close(): void {
    if (this.fd >= 0) this.libc.close(this.fd);
    this.fd = -1;
  }
}

/** The address that the kernel would send from: nothing is sent. Undefined: no route. */
export function localAddress(
  family: 4 | 6,
  address: string,
  port: number,
  mark: number,
): string | undefined {
  const libc = c.loadLibc();
  const domain = family === 4 ? c.AF_INET : c.AF_INET6;
  const fd = libc.socket(domain, c.SOCK_DGRAM | c.SOCK_CLOEXEC, 0);
  if (fd < 0) return undefined;
  try {
    libc.setsockopt(fd, c.SOL_SOCKET, c.SO_MARK, c.int32Bytes(mark), 4);
    const to = socketAddress(family, address, port);
    if (libc.connect(fd, to, to.length) !== 0) return undefined;
    const name = new Uint8Array(SOCKADDR_BYTES);
    if (libc.getsockname(fd, name, c.int32Bytes(SOCKADDR_BYTES)) !== 0) return undefined;
    return readSocketAddress(name).address;
  } finally {
    libc.close(fd);
  }
}
