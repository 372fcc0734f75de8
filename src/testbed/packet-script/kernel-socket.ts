/**
 * The near end of a script as a real socket of this kernel, and as many listeners. Nothing blocks.
 * Owns the descriptors. tcp(7).
 */
import { constants } from 'node:os';
import * as c from '../../datapath/nfqueue/libc.ts';
import { socketAddress } from '../../datapath/probe/socket-address.ts';
import type { End } from './script.ts';
import type { Heard } from './subject.ts';

const SO_LINGER = 13;
const TCP_NODELAY = 1;
const IPPROTO_TCP = 6;
const IPPROTO_IPV6 = 41;
const IPV6_V6ONLY = 26;
const SHUT_WR = 1;
const BACKLOG = 8;
const KIND = c.SOCK_STREAM | c.SOCK_CLOEXEC | c.SOCK_NONBLOCK;
const NONE = -1;
const ENDS: Readonly<Record<string, End>> = {
  ECONNRESET: 'reset',
  ECONNREFUSED: 'refused',
  ETIMEDOUT: 'timeout',
  EPIPE: 'broken-pipe',
};

export interface Near {
  readonly family: 4 | 6;
  readonly address: string;
  readonly port: number;
}

export class KernelSocket {
  private readonly libc = c.loadLibc();
  private readonly near: Near;
  private listener = NONE;
  private fd = NONE;
  private receiveBuffer = 0;

  constructor(near: Near) {
    this.near = near;
  }

  listen(): void {
    this.listener = this.open();
    this.check('listen', this.libc.listen(this.listener, BACKLOG));
  }

  connect(address: string, port: number): void {
    this.fd = this.open();
    const to = socketAddress(this.near.family, address, port);
    if (this.libc.connect(this.fd, to, to.length) === 0) return;
    const errno = this.libc.errno();
    if (errno !== constants.errno.EINPROGRESS) throw new c.SystemError('connect', errno);
  }

  accept(): boolean {
    const fd = this.libc.accept4(this.listener, null, null, c.SOCK_CLOEXEC | c.SOCK_NONBLOCK);
    if (fd < 0) return false;
    this.fd = fd;
    return true;
  }

  write(bytes: Uint8Array): void {
    const flags = c.MSG_DONTWAIT | c.MSG_NOSIGNAL;
    const sent = Number(this.libc.send(this.fd, bytes, bytes.length, flags));
    if (sent < 0) throw new c.SystemError('send', this.libc.errno());
    if (sent < bytes.length) throw new Error(`only ${sent} octets fit`);
  }

  hear(octets: number): Heard {
    if (this.fd === NONE) return { kind: 'end', end: 'closed' };
    const room = new Uint8Array(octets);
    const bytes = Number(this.libc.recv(this.fd, room, octets, c.MSG_DONTWAIT));
    if (bytes > 0) return { kind: 'octets', bytes: room.subarray(0, bytes) };
    if (bytes === 0) return { kind: 'end', end: 'eof' };
    const name = c.errnoName(this.libc.errno());
    if (name === 'EAGAIN' || name === 'ENOTCONN') return { kind: 'waiting' };
    const end = ENDS[name];
    if (end === undefined) throw new Error(`recv: ${name}`);
    return { kind: 'end', end };
  }

  shutdown(): void {
    this.check('shutdown', this.libc.shutdown(this.fd, SHUT_WR));
  }

  close(): void {
    if (this.fd !== NONE) this.libc.close(this.fd);
    this.fd = NONE;
  }

  /** SO_LINGER 0: a reset. */
  abort(): void {
    if (this.fd === NONE) return;
    const linger = new Uint8Array(new Int32Array([1, 0]).buffer);
    this.libc.setsockopt(this.fd, c.SOL_SOCKET, SO_LINGER, linger, linger.length);
    this.close();
  }

  /** For the sockets that are opened from now on. */
  limitReceiveBuffer(octets: number): void {
    this.receiveBuffer = octets;
  }

  leave(): void {
    this.abort();
    if (this.listener !== NONE) this.libc.close(this.listener);
    this.listener = NONE;
  }

  private open(): number {
    const { family, address, port } = this.near;
    const { libc } = this;
    const fd = libc.socket(family === 4 ? c.AF_INET : c.AF_INET6, KIND, 0);
    if (fd < 0) throw new c.SystemError('socket', libc.errno());
    const set = (level: number, name: number, value: number) =>
      libc.setsockopt(fd, level, name, c.int32Bytes(value), 4);
    set(c.SOL_SOCKET, c.SO_REUSEADDR, 1);
    set(IPPROTO_TCP, TCP_NODELAY, 1);
    if (family === 6) set(IPPROTO_IPV6, IPV6_V6ONLY, 1);
    if (this.receiveBuffer > 0) set(c.SOL_SOCKET, c.SO_RCVBUF, this.receiveBuffer);
    const bound = socketAddress(family, address, port);
    this.check('bind', libc.bind(fd, bound, bound.length));
    return fd;
  }

  private check(call: string, result: number): void {
    if (result !== 0) throw new c.SystemError(call, this.libc.errno());
  }
}
