/**
 * Questions to ctnetlink about single TCP entries, and their exchange. Owns one netlink socket,
 * opened at the first question. Each call is one synchronous round in the kernel, tens of
 * microseconds.
 *
 * Delete and create are two messages of one send: the kernel does them one behind the other, and a
 * packet can still come between and make an entry of its own. The create then fails (EEXIST), and
 * the caller tries again.
 */
import { constants } from 'node:os';
import type { FlowAddress } from '../../telemetry/flow-address.ts';
import * as c from '../nfqueue/libc.ts';
import * as a from './attributes.ts';
import { type Entry, familyNumber, readEntry, tuple } from './entry.ts';

const BUFFER_BYTES = 1 << 16;
const RECEIVE_MS = 500;
/** Our own number: the kernel did not answer. */
const SILENT = constants.errno.ETIMEDOUT;

export class Ctnetlink {
  private fd = -1;
  private sequence = 0;
  private readonly buffer = new Uint8Array(BUFFER_BYTES);

  close(): void {
    if (this.fd >= 0) c.loadLibc().close(this.fd);
    this.fd = -1;
  }

  /** The flow's entry; undefined: there is none, or the kernel does not say. */
  get(flow: FlowAddress): Entry | undefined {
    const name = [tuple(a.CTA_TUPLE_ORIG, flow, true)];
    const family = familyNumber(flow.family);
    let found: Entry | undefined;
    const request = a.message(a.CT_GET, a.NLM_F_ACK, family, ++this.sequence, name);
    this.round([request], (body) => {
      found = readEntry(flow.family, body);
    });
    return found;
  }

  /** Takes `old` away and puts an entry in its place: errno of the create, 0 when it stands. */
  exchange(flow: FlowAddress, old: Entry | undefined, attributes: readonly Uint8Array[]): number {
    const family = familyNumber(flow.family);
    const messages: Uint8Array[] = [];
    if (old !== undefined) messages.push(this.deletion(flow, old));
    const flags = a.NLM_F_ACK | a.NLM_F_CREATE | a.NLM_F_EXCL;
    messages.push(a.message(a.CT_NEW, flags, family, ++this.sequence, attributes));
    return this.round(messages, () => {}).at(-1) ?? SILENT;
  }

  /** Takes exactly this entry away; false: it was gone. */
  delete(flow: FlowAddress, entry: Entry): boolean {
    return this.round([this.deletion(flow, entry)], () => {})[0] === 0;
  }

  /** By its id as well: what another connection made of the tuple meanwhile stays. */
  private deletion(flow: FlowAddress, entry: Entry): Uint8Array {
    const id = entry.attributes.get(a.CTA_ID);
    const names = [tuple(a.CTA_TUPLE_ORIG, flow, true)];
    if (id !== undefined) names.push(a.attribute(a.CTA_ID, id));
    const family = familyNumber(flow.family);
    return a.message(a.CT_DELETE, a.NLM_F_ACK, family, ++this.sequence, names);
  }

  /** All entries of a family that have all bits of `status` (old kernels tell the others too). */
  dump(family: 4 | 6, status: number): Entry[] {
    const filter = [
      a.attribute(a.CTA_STATUS, a.be32(status)),
      a.attribute(a.CTA_STATUS_MASK, a.be32(status)),
    ];
    const found: Entry[] = [];
    const number = familyNumber(family);
    const request = a.message(a.CT_GET, a.NLM_F_DUMP, number, ++this.sequence, filter);
    this.round([request], (body) => {
      const entry = readEntry(family, body);
      if ((entry.status & status) === status) found.push(entry);
    });
    return found;
  }

  /** Sends messages in one piece and reads until each is answered: their errnos, in order. */
  private round(messages: readonly Uint8Array[], take: (body: a.Attributes) => void): number[] {
    const libc = c.loadLibc();
    if (!this.open(libc)) return messages.map(() => SILENT);
    const all = a.joined(messages);
    if (libc.send(this.fd, all, all.length, 0) < 0) return messages.map(() => SILENT);
    const first = this.sequence - messages.length + 1;
    const answers: number[] = [];
    while (answers.length < messages.length) {
      const bytes = libc.recv(this.fd, this.buffer, BUFFER_BYTES, 0);
      if (bytes <= 0) break;
      this.read(bytes, first, answers, take);
    }
    while (answers.length < messages.length) answers.push(SILENT);
    return answers;
  }

  private read(
    bytes: number,
    first: number,
    answers: number[],
    take: (body: a.Attributes) => void,
  ): void {
    const view = new DataView(this.buffer.buffer, 0, bytes);
    for (let at = 0; at + a.HEADER_BYTES <= bytes; ) {
      const size = view.getUint32(at, true);
      if (size < 16) return;
      const type = view.getUint16(at + 4, true);
      const mine = view.getUint32(at + 8, true) >= first; // not of a question given up
      if (mine && type === a.NLMSG_ERROR) answers.push(-view.getInt32(at + 16, true));
      else if (mine && type === a.NLMSG_DONE) answers.push(0);
      else if (mine) take(a.readAttributes(this.buffer, at + a.HEADER_BYTES, at + size));
      at += (size + 3) & ~3;
    }
  }

  private open(libc: c.Libc): boolean {
    if (this.fd >= 0) return true;
    const fd = libc.socket(c.AF_NETLINK, c.SOCK_RAW | c.SOCK_CLOEXEC, c.NETLINK_NETFILTER);
    if (fd < 0) return false;
    libc.setsockopt(fd, c.SOL_SOCKET, c.SO_RCVTIMEO, c.timevalBytes(RECEIVE_MS), 16);
    this.fd = fd;
    return true;
  }
}
