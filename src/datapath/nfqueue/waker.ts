/**
 * Wakes a thread that waits in `Queue.receive`, by sending its netlink socket an empty message.
 * Owns one netlink socket. An eventfd would cost the packet loop one more system call a batch.
 */
import * as c from './libc.ts';
import { openSocket } from './netlink.ts';

const NLMSG_NOOP = 1;

export class Waker {
  private readonly libc = c.loadLibc();
  private readonly fd: number;
  private readonly message = new Uint8Array(16);
  private readonly address = new Uint8Array(12);

  /** @param portId of the queue's socket (`Queue.portId`). */
  constructor(portId: number) {
    this.fd = openSocket(this.libc).fd;
    const message = new DataView(this.message.buffer);
    message.setUint32(0, 16, true);
    message.setUint16(4, NLMSG_NOOP, true);
    const address = new DataView(this.address.buffer);
    address.setUint16(0, c.AF_NETLINK, true);
    address.setInt32(4, portId, true);
  }

  /** A failure means that the socket is full, so its owner is awake, or gone. */
  wake(): void {
    const { message, address } = this;
    this.libc.sendto(this.fd, message, message.length, c.MSG_DONTWAIT, address, address.length);
  }

  close(): void {
    this.libc.close(this.fd);
  }
}
