/**
 * Sends the verdicts of a batch in as few messages and system calls as the kernel allows.
 *
 * Owns the outgoing netlink messages and their iovecs. Reads the batch's columns, and rewritten
 * packets right from the arena (no copy). Sizes in bytes. Allocates nothing after construction.
 */
import { constants } from 'node:os';
import { VERDICT_ACCEPT, VERDICT_DROP, VERDICT_REWRITTEN } from '../../engine/verdict.ts';
import * as c from './libc.ts';
import * as nl from './netlink.ts';

/** Datapath only: let the packet start again at its hook's first rule, with the mark given. */
export const VERDICT_REPEAT_MARKED = 3;
/** The same, with the packet's bytes as they stand in the arena now. */
export const VERDICT_REPEAT_REWRITTEN = 4;

const PLAIN_BYTES = 32;
const MARKED_BYTES = 40;
/** nfgenmsg, verdict header, mark and the payload's header. */
const MESSAGE_BYTES_MAX = 44;
const IOVEC_BYTES = 16;
const MSGHDR_BYTES = 56;
/** The kernel copies a send into one buffer: small ones stay in the cache (4 GSO packets). */
const SEND_BYTES_TARGET = 262_144;

/** The columns of a batch, index = packet. */
export interface BatchColumns {
  readonly off: Int32Array;
  readonly len: Int32Array;
  /** Packet id, as it stood in the message (network order). */
  readonly id: Int32Array;
  readonly verdict: Int32Array;
  /** For VERDICT_REPEAT_MARKED. */
  readonly newMark: Int32Array;
}

export class VerdictSender {
  /** Sends that failed and were tried again packet by packet. */
  failures = 0;
  private readonly libc: c.Libc;
  private readonly fd: number;
  private readonly queueNum: number;
  private readonly sendBytesMax: number;
  private readonly batch: BatchColumns;
  private readonly arenaLow: number;
  private readonly arenaHigh: number;
  private readonly outLow: number;
  private readonly outHigh: number;
  private readonly out: Uint32Array;
  private readonly outBytes: Uint8Array;
  private readonly iov: Uint32Array;
  private readonly header: Uint32Array;
  private readonly headerAddress: bigint;
  private iovCount = 0;
  /** Written to `out`, and how much of that already stands in an iovec. */
  private outUsed = 0;
  private outListed = 0;
  private sendBytes = 0;

  constructor(
    libc: c.Libc,
    fd: number,
    queueNum: number,
    arenaAddress: bigint,
    batch: BatchColumns,
    countMax: number,
  ) {
    this.libc = libc;
    this.fd = fd;
    this.queueNum = queueNum;
    this.batch = batch;
    this.sendBytesMax = raiseSendBuffer(libc, fd);
    const outSize = countMax * 48;
    const iovSize = (countMax * 2 + 2) * IOVEC_BYTES;
    const memory = libc.pages(outSize + iovSize + 64);
    this.out = new Uint32Array(memory.buffer, 0, outSize >> 2);
    this.outBytes = new Uint8Array(memory.buffer, 0, outSize);
    this.iov = new Uint32Array(memory.buffer, outSize, iovSize >> 2);
    this.header = new Uint32Array(memory.buffer, outSize + iovSize, MSGHDR_BYTES >> 2);
    this.headerAddress = memory.address + BigInt(outSize + iovSize);
    new BigUint64Array(memory.buffer, outSize + iovSize, 3)[2] = memory.address + BigInt(outSize);
    this.arenaLow = Number(arenaAddress & 0xffff_ffffn);
    this.arenaHigh = Number(arenaAddress >> 32n);
    this.outLow = Number(memory.address & 0xffff_ffffn);
    this.outHigh = Number(memory.address >> 32n);
  }

  /**
   * Answers for packets [from, end) of the batch. All before `from` must have been answered: a run
   * of equal plain verdicts becomes one batch message, which covers every older packet id.
   */
  send(from: number, end: number): void {
    const { verdict, len, newMark } = this.batch;
    let sentTo = from;
    for (let i = from; i < end; i++) {
      const kind = verdict[i]!;
      const grown = this.sendBytes + MESSAGE_BYTES_MAX + (returnsBytes(kind) ? len[i]! : 0);
      if (this.sendBytes > 0 && grown > this.sendBytesMax) {
        this.submitOrRetry(sentTo, i);
        sentTo = i;
      }
      let last = i;
      if (kind === VERDICT_ACCEPT || kind === VERDICT_DROP) {
        while (last + 1 < end && verdict[last + 1] === kind) last++;
      } else if (kind === VERDICT_REPEAT_MARKED) {
        const mark = newMark[i];
        while (last + 1 < end && verdict[last + 1] === kind && newMark[last + 1] === mark) last++;
      }
      this.append(last, kind, last > i);
      i = last;
    }
    if (this.sendBytes > 0) this.submitOrRetry(sentTo, end);
  }

  private append(i: number, kind: number, isRun: boolean): void {
    const { id, len, off, newMark } = this.batch;
    const repeat = kind === VERDICT_REPEAT_MARKED || kind === VERDICT_REPEAT_REWRITTEN;
    const payload = returnsBytes(kind) ? len[i]! : -1;
    const word = this.outUsed >> 2;
    const at = this.outUsed;
    const { out, outBytes } = this;
    let headerBytes = repeat ? MARKED_BYTES : PLAIN_BYTES;
    const padded = payload < 0 ? 0 : (payload + 3) & ~3;
    const type = isRun ? nl.MSG_VERDICT_BATCH : nl.MSG_VERDICT;
    out[word + 1] = type | (nl.NLM_F_REQUEST << 16);
    out[word + 2] = 0;
    out[word + 3] = 0;
    outBytes[at + 16] = 0;
    outBytes[at + 17] = 0;
    outBytes[at + 18] = this.queueNum >> 8;
    outBytes[at + 19] = this.queueNum;
    out[word + 5] = 12 | (nl.NFQA_VERDICT_HDR << 16);
    const code = kind === VERDICT_DROP ? nl.NF_DROP : repeat ? nl.NF_REPEAT : nl.NF_ACCEPT;
    out[word + 6] = code << 24;
    out[word + 7] = id[i]!;
    if (repeat) {
      out[word + 8] = 8 | (nl.NFQA_MARK << 16);
      const mark = newMark[i]!;
      outBytes[at + 36] = mark >>> 24;
      outBytes[at + 37] = mark >>> 16;
      outBytes[at + 38] = mark >>> 8;
      outBytes[at + 39] = mark;
    }
    if (payload >= 0) {
      out[word + (headerBytes >> 2)] = (payload + 4) | (nl.NFQA_PAYLOAD << 16);
      headerBytes += 4;
    }
    out[word] = headerBytes + padded;
    this.outUsed += headerBytes;
    this.sendBytes += headerBytes + padded;
    if (payload >= 0) {
      this.listOut();
      this.list(this.arenaLow, this.arenaHigh, off[i]!, padded);
    }
  }

  private listOut(): void {
    if (this.outUsed === this.outListed) return;
    this.list(this.outLow, this.outHigh, this.outListed, this.outUsed - this.outListed);
    this.outListed = this.outUsed;
  }

  /** Appends an iovec; the base is two halves because a bigint a packet would be an allocation. */
  private list(low: number, high: number, off: number, bytes: number): void {
    const word = this.iovCount * 4;
    const sum = low + off;
    this.iov[word] = sum;
    this.iov[word + 1] = sum >= 0x1_0000_0000 ? high + 1 : high;
    this.iov[word + 2] = bytes;
    this.iov[word + 3] = 0;
    this.iovCount++;
  }

  private submit(): boolean {
    this.listOut();
    this.header[6] = this.iovCount;
    const sent = this.libc.sendmsg(this.fd, this.headerAddress, 0);
    this.iovCount = 0;
    this.outUsed = 0;
    this.outListed = 0;
    this.sendBytes = 0;
    return sent >= 0;
  }

  /** A refused send (ENOBUFS: no memory in one piece) must not leave packets in the queue. */
  private submitOrRetry(from: number, end: number): void {
    if (this.submit()) return;
    this.failures++;
    const { verdict } = this.batch;
    for (let i = from; i < end; i++) {
      this.append(i, verdict[i]!, false);
      if (this.submit()) continue;
      // Not as it was, and not rewritten: its sender will retransmit it.
      this.append(i, returnsBytes(verdict[i]!) ? VERDICT_DROP : verdict[i]!, false);
      this.submit();
    }
  }
}

function returnsBytes(kind: number): boolean {
  return kind === VERDICT_REWRITTEN || kind === VERDICT_REPEAT_REWRITTEN;
}

/** Raises the send buffer and returns how much one send may carry. */
function raiseSendBuffer(libc: c.Libc, fd: number): number {
  const wanted = c.int32Bytes(4 << 20);
  if (libc.setsockopt(fd, c.SOL_SOCKET, c.SO_SNDBUFFORCE, wanted, 4) !== 0) {
    // EPERM in containers without CAP_NET_ADMIN in the first user namespace: as far as allowed.
    libc.setsockopt(fd, c.SOL_SOCKET, c.SO_SNDBUF, wanted, 4);
  }
  const granted = c.getIntOption(libc, fd, c.SOL_SOCKET, c.SO_SNDBUF);
  // netlink_sendmsg refuses more than sk_sndbuf - 32.
  const usable = granted - 32;
  if (usable < nl.COPY_BYTES_MAX + MESSAGE_BYTES_MAX) {
    throw new nl.QueueError(
      `Cannot return whole packets: the send buffer is ${granted} bytes. ` +
        'Run: sysctl -w net.core.wmem_max=212992',
      constants.errno.ENOBUFS,
    );
  }
  return Math.min(usable, SEND_BYTES_TARGET);
}
