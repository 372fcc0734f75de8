/**
 * Injection through the C library: sendto on raw sockets, synchronous, no copy.
 * Owns one socket for each family and mark. raw(7), ipv6(7): IPPROTO_RAW implies that the header is
 * included.
 */

import * as c from './libc.ts';
import type { FailureHandler, Transmitter } from './transmitter.ts';

const SOCKADDR_IN_BYTES = 16;
const SOCKADDR_IN6_BYTES = 28;

export class KoffiTransmitter implements Transmitter {
  private readonly libc = c.loadLibc();
  private readonly fail: FailureHandler;
  private readonly fds = new Map<string, number>();
  private readonly address4 = new Uint8Array(SOCKADDR_IN_BYTES);
  private readonly address6 = new Uint8Array(SOCKADDR_IN6_BYTES);

  constructor(fail: FailureHandler) {
    this.fail = fail;
    this.address4[0] = c.AF_INET;
    this.address6[0] = c.AF_INET6;
  }

  send(family: 4 | 6, mark: number, packet: Uint8Array): boolean {
    const fd = this.socketFor(family, mark);
    if (fd < 0) return false;
    const address = family === 4 ? this.address4 : this.address6;
    if (family === 4) for (let i = 0; i < 4; i++) address[4 + i] = packet[16 + i] ?? 0;
    else for (let i = 0; i < 16; i++) address[8 + i] = packet[24 + i] ?? 0;
    const { libc } = this;
    const sent = libc.sendto(fd, packet, packet.length, c.MSG_DONTWAIT, address, address.length);
    if (sent >= 0) return true;
    this.fail(c.errnoName(libc.errno()));
    return false;
  }

  close(): void {
    for (const fd of this.fds.values()) this.libc.close(fd);
    this.fds.clear();
  }

  private socketFor(family: 4 | 6, mark: number): number {
    const key = `${family}/${mark}`;
    const known = this.fds.get(key);
    if (known !== undefined) return known;
    const { libc } = this;
    const domain = family === 4 ? c.AF_INET : c.AF_INET6;
    const fd = libc.socket(domain, c.SOCK_RAW | c.SOCK_CLOEXEC, c.IPPROTO_RAW);
    if (fd < 0) {
      this.fail(c.errnoName(libc.errno()));
      return -1;
    }
    const value = c.int32Bytes(mark);
    if (mark !== 0 && libc.setsockopt(fd, c.SOL_SOCKET, c.SO_MARK, value, 4) !== 0) {
      this.fail(c.errnoName(libc.errno()));
      libc.close(fd);
      return -1;
    }
    this.fds.set(key, fd);
    return fd;
  }
}
