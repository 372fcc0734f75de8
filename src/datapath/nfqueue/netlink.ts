/**
 * Messages of nfnetlink_queue (linux/netfilter/nfnetlink_queue.h): how a queue is claimed and
 * configured, and what it means when that fails.
 *
 * Owns the socket set-up; reads /proc/net/netfilter/nfnetlink_queue to name who holds a queue.
 * Netlink headers are host order (little-endian, see libc.ts), queue attributes network order.
 */
import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import * as c from './libc.ts';

export const NLMSG_ERROR = 2;
const NFNL_SUBSYS_QUEUE = 3;
export const MSG_PACKET = (NFNL_SUBSYS_QUEUE << 8) | 0;
export const MSG_VERDICT = (NFNL_SUBSYS_QUEUE << 8) | 1;
const MSG_CONFIG = (NFNL_SUBSYS_QUEUE << 8) | 2;
export const MSG_VERDICT_BATCH = (NFNL_SUBSYS_QUEUE << 8) | 3;
export const NLM_F_REQUEST = 1;
const NLM_F_ACK = 4;
/** nlmsghdr and nfgenmsg. */
export const HEADER_BYTES = 20;

export const NFQA_PACKET_HDR = 1;
export const NFQA_VERDICT_HDR = 2;
export const NFQA_MARK = 3;
export const NFQA_IFINDEX_PHYSOUTDEV = 8;
export const NFQA_HWADDR = 9;
export const NFQA_PAYLOAD = 10;
export const NFQA_CAP_LEN = 13;
export const NFQA_SKB_INFO = 14;

export const NF_DROP = 0;
export const NF_ACCEPT = 1;
export const NF_REPEAT = 4;

const NFQA_CFG_CMD = 1;
const NFQA_CFG_PARAMS = 2;
const NFQA_CFG_QUEUE_MAXLEN = 3;
const NFQA_CFG_MASK = 4;
const NFQA_CFG_FLAGS = 5;
const CMD_BIND = 1;
const COPY_PACKET = 2;
const FLAG_FAIL_OPEN = 1;
const FLAG_GSO = 4;
/** The most a message can carry: an attribute's length has 16 bits and counts its header. */
export const COPY_BYTES_MAX = 65_531;

const CONFIG_REPLY_BYTES = 1 << 17;
const CONFIG_SEQUENCE = 1;

const { EPERM, EBUSY, EACCES, EPROTONOSUPPORT, EOPNOTSUPP, EAFNOSUPPORT, EINVAL } = constants.errno;

export interface QueueSettings {
  readonly queueNum: number;
  /** Packets the kernel may hold for us. */
  readonly lengthMax: number;
  readonly gso: boolean;
}

/** A queue that cannot be had, in one line that says what to do. */
export class QueueError extends Error {
  readonly errno: number;
  constructor(message: string, errno: number) {
    super(message);
    this.name = 'QueueError';
    this.errno = errno;
  }
}

/** Opens a netfilter socket: its descriptor, and the port id that others reach it by. */
export function openSocket(libc: c.Libc): { fd: number; portId: number } {
  const fd = libc.socket(c.AF_NETLINK, c.SOCK_RAW | c.SOCK_CLOEXEC, c.NETLINK_NETFILTER);
  if (fd < 0) throw describe(new c.SystemError('socket', libc.errno()), -1);
  const address = new Uint8Array(12);
  address[0] = c.AF_NETLINK;
  if (libc.bind(fd, address, 12) !== 0) {
    const failure = new c.SystemError('bind', libc.errno());
    libc.close(fd);
    throw describe(failure, -1);
  }
  libc.getsockname(fd, address, c.int32Bytes(12));
  return { fd, portId: new DataView(address.buffer).getInt32(4, true) };
}

/** Claims the queue and configures it in one message, so that no packet meets a half-made one. */
export function claimQueue(libc: c.Libc, fd: number, settings: QueueSettings): void {
  const flags = FLAG_FAIL_OPEN | (settings.gso ? FLAG_GSO : 0);
  const message = configMessage(settings.queueNum, [
    [NFQA_CFG_CMD, [CMD_BIND, 0, 0, 0]],
    [NFQA_CFG_PARAMS, [...be32(COPY_BYTES_MAX), COPY_PACKET]],
    [NFQA_CFG_QUEUE_MAXLEN, be32(settings.lengthMax)],
    [NFQA_CFG_MASK, be32(flags)],
    [NFQA_CFG_FLAGS, be32(flags)],
  ]);
  if (libc.send(fd, message, message.length, 0) < 0) {
    throw describe(new c.SystemError('send', libc.errno()), settings.queueNum);
  }
  const errno = readConfigReply(libc, fd, settings.queueNum);
  if (errno !== 0) throw describe(new c.SystemError('nfqueue', errno), settings.queueNum);
}

/** Packets that arrive before the reply are let go: nobody else will answer for them. */
function readConfigReply(libc: c.Libc, fd: number, queueNum: number): number {
  const reply = new Uint8Array(CONFIG_REPLY_BYTES);
  const words = new DataView(reply.buffer);
  for (;;) {
    const bytes = libc.recv(fd, reply, reply.length, 0);
    if (bytes < 0) return libc.errno();
    const type = words.getUint16(4, true);
    if (type === NLMSG_ERROR && words.getUint32(8, true) === CONFIG_SEQUENCE) {
      return -words.getInt32(16, true);
    }
    if (type !== MSG_PACKET) continue;
    // NFQA_PACKET_HDR is always the first attribute (nfqnl_build_packet_message).
    const verdict = verdictMessage(queueNum);
    verdict.set(reply.subarray(24, 28), 28);
    libc.send(fd, verdict, verdict.length, 0);
  }
}

/** An accepting verdict without a packet id: bytes 28 to 31 are to be filled. */
export function verdictMessage(queueNum: number): Uint8Array {
  const message = new Uint8Array(32);
  const view = new DataView(message.buffer);
  view.setUint32(0, 32, true);
  view.setUint16(4, MSG_VERDICT, true);
  view.setUint16(6, NLM_F_REQUEST, true);
  view.setUint16(18, queueNum, false);
  view.setUint16(20, 12, true);
  view.setUint16(22, NFQA_VERDICT_HDR, true);
  view.setUint32(24, NF_ACCEPT, false);
  return message;
}

function configMessage(
  queueNum: number,
  attributes: readonly (readonly [type: number, value: readonly number[]])[],
): Uint8Array {
  const bytes = attributes.reduce((sum, [, value]) => sum + ((value.length + 7) & ~3), 0);
  const message = new Uint8Array(HEADER_BYTES + bytes);
  const view = new DataView(message.buffer);
  view.setUint32(0, message.length, true);
  view.setUint16(4, MSG_CONFIG, true);
  view.setUint16(6, NLM_F_REQUEST | NLM_F_ACK, true);
  view.setUint32(8, CONFIG_SEQUENCE, true);
  view.setUint16(18, queueNum, false);
  let off = HEADER_BYTES;
  for (const [type, value] of attributes) {
    view.setUint16(off, value.length + 4, true);
    view.setUint16(off + 2, type, true);
    message.set(value, off + 4);
    off += (value.length + 7) & ~3;
  }
  return message;
}

function be32(value: number): number[] {
  return [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];
}

function describe(failure: c.SystemError, queueNum: number): QueueError {
  const { errno } = failure;
  const holder = queueNum >= 0 ? queueHolder(queueNum) : undefined;
  if (holder !== undefined && (errno === EPERM || errno === EBUSY)) {
    return new QueueError(
      `Cannot use queue ${queueNum}: it is taken by another program (netlink port ${holder}, ` +
        'usually its pid). Stop that program, or choose another --queue-num',
      EBUSY,
    );
  }
  if (errno === EPERM || errno === EACCES) {
    return new QueueError('Cannot open the queue: run as root, or with CAP_NET_ADMIN', errno);
  }
  if (errno === EPROTONOSUPPORT || errno === EAFNOSUPPORT || errno === EINVAL) {
    return new QueueError(
      'Cannot open the queue: the kernel has no nfnetlink_queue. Run: modprobe nfnetlink_queue',
      errno,
    );
  }
  if (errno === EOPNOTSUPP) {
    return new QueueError('Cannot use the queue: Linux 3.10 or newer is needed', errno);
  }
  return new QueueError(`Cannot open queue ${queueNum}: ${failure.message}`, errno);
}

/** The port id that holds a queue in this network namespace. */
export function queueHolder(queueNum: number): number | undefined {
  let text: string;
  try {
    // Not /proc/net, which is the main thread's: namespaces belong to threads.
    text = readFileSync('/proc/thread-self/net/netfilter/nfnetlink_queue', 'utf8');
  } catch {
    return undefined;
  }
  for (const line of text.split('\n')) {
    const [number, portId] = line.trim().split(/\s+/);
    if (number === String(queueNum)) return Number(portId);
  }
  return undefined;
}
