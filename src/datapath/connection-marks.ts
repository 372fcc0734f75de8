/**
 * Takes our bit away from the connections of this network namespace that still carry it: those of a
 * run that was killed, and all when we stop. Through ctnetlink; the dump is filtered by the kernel,
 * and each entry is addressed by its own tuple and zone, as the kernel wrote them.
 *
 * Owns one netlink socket for the time of the call. Where the kernel has no ctnetlink nothing is
 * done: a mark that nobody reads does nothing, and a SYN, FIN or RST takes it when somebody does.
 */
import * as c from './nfqueue/libc.ts';

const NLM_F_REQUEST = 1;
const NLM_F_ACK = 4;
const NLM_F_DUMP = 0x300;
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const CT_NEW = 0x100;
const CT_GET = 0x101;
const CTA_TUPLE_ORIG = 1;
const CTA_MARK = 8;
const CTA_ZONE = 18;
const CTA_MARK_MASK = 21;
const TYPE_MASK = 0x3fff;
const HEADER_BYTES = 20;
const BUFFER_BYTES = 1 << 16;
const RECEIVE_MS = 1000;

type Attribute = readonly [type: number, value: Uint8Array];

/** How many connections lost the bit. */
export function clearConnectionMarks(bit: number): number {
  const libc = c.loadLibc();
  const fd = libc.socket(c.AF_NETLINK, c.SOCK_RAW | c.SOCK_CLOEXEC, c.NETLINK_NETFILTER);
  if (fd < 0) return 0;
  try {
    libc.setsockopt(fd, c.SOL_SOCKET, c.SO_RCVTIMEO, c.timevalBytes(RECEIVE_MS), 16);
    const marked: Uint8Array[] = [];
    for (const family of [c.AF_INET, c.AF_INET6]) marked.push(...dump(libc, fd, family, bit));
    let cleared = 0;
    for (const message of marked) if (change(libc, fd, message)) cleared++;
    return cleared;
  } finally {
    libc.close(fd);
  }
}

/** One message that clears the bit for each entry that has it. */
function dump(libc: c.Libc, fd: number, family: number, bit: number): Uint8Array[] {
  const filter: Attribute[] = [
    [CTA_MARK, be32(bit)],
    [CTA_MARK_MASK, be32(bit)],
  ];
  const request = messageOf(CT_GET, NLM_F_REQUEST | NLM_F_DUMP, family, filter);
  const messages: Uint8Array[] = [];
  if (libc.send(fd, request, request.length, 0) < 0) return messages;
  const buffer = new Uint8Array(BUFFER_BYTES);
  for (;;) {
    const bytes = libc.recv(fd, buffer, BUFFER_BYTES, 0);
    if (bytes <= 0) return messages;
    const view = new DataView(buffer.buffer, 0, bytes);
    for (let at = 0; at + HEADER_BYTES <= bytes; at += (view.getUint32(at, true) + 3) & ~3) {
      const type = view.getUint16(at + 4, true);
      if (type === NLMSG_DONE || type === NLMSG_ERROR || view.getUint32(at, true) < 16) {
        return messages;
      }
      const entry = readEntry(buffer, view, at, bit);
      if (entry.length === 0) continue;
      entry.push([CTA_MARK, be32(0)], [CTA_MARK_MASK, be32(bit)]);
      messages.push(messageOf(CT_NEW, NLM_F_REQUEST | NLM_F_ACK, family, entry));
    }
  }
}

/** What names the entry at `at`; empty when it has not got the bit (old kernels do not filter). */
function readEntry(buffer: Uint8Array, view: DataView, at: number, bit: number): Attribute[] {
  const end = at + view.getUint32(at, true);
  const names: Attribute[] = [];
  let mark = 0;
  for (let i = at + HEADER_BYTES; i + 4 <= end; i += (view.getUint16(i, true) + 3) & ~3) {
    const size = view.getUint16(i, true);
    const type = view.getUint16(i + 2, true) & TYPE_MASK;
    if (size < 4) break;
    if (type === CTA_MARK) mark = view.getUint32(i + 4, false);
    if (type !== CTA_TUPLE_ORIG && type !== CTA_ZONE) continue;
    names.push([view.getUint16(i + 2, true), buffer.slice(i + 4, i + size)]);
  }
  return (mark & bit) === 0 ? [] : names;
}

function change(libc: c.Libc, fd: number, message: Uint8Array): boolean {
  if (libc.send(fd, message, message.length, 0) < 0) return false;
  const reply = new Uint8Array(4096);
  if (libc.recv(fd, reply, reply.length, 0) < HEADER_BYTES) return false;
  return new DataView(reply.buffer).getInt32(16, true) === 0;
}

function messageOf(
  type: number,
  flags: number,
  family: number,
  attributes: readonly Attribute[],
): Uint8Array {
  const bytes = attributes.reduce((sum, [, value]) => sum + ((value.length + 7) & ~3), 0);
  const message = new Uint8Array(HEADER_BYTES + bytes);
  const view = new DataView(message.buffer);
  view.setUint32(0, message.length, true);
  view.setUint16(4, type, true);
  view.setUint16(6, flags, true);
  view.setUint32(8, 1, true);
  message[16] = family;
  let at = HEADER_BYTES;
  for (const [name, value] of attributes) {
    view.setUint16(at, value.length + 4, true);
    view.setUint16(at + 2, name, true);
    message.set(value, at + 4);
    at += (value.length + 7) & ~3;
  }
  return message;
}

function be32(value: number): Uint8Array {
  return new Uint8Array([value >>> 24, value >>> 16, value >>> 8, value]);
}
