/**
 * One NFQUEUE: batches of packets in, verdicts out. Knows nothing of the engine.
 *
 * Owns the netlink socket, the arena that packets are received into (one slot a packet) and one
 * column per fact about the packets of the current batch. Sizes in bytes. Blocking: for a thread of
 * its own. Allocates nothing after construction. The arena lives as long as the process.
 *
 *   const count = queue.receive();
 *   for (let i = 0; i < count; i++) queue.setVerdict(i, VERDICT_DROP);
 *   queue.flush();                       // not set: VERDICT_ACCEPT
 */
import { constants } from 'node:os';
import {
  INFO_BRIDGED,
  INFO_TRUNCATED,
  VERDICT_ACCEPT,
  VERDICT_REWRITTEN,
} from '../../engine/verdict.ts';
import type { SimdSum } from '../../engine/wire/checksum.ts';
import { openArena } from './arena.ts';
import { BusyPoll } from './busy-poll.ts';
import * as c from './libc.ts';
import { MicrosecondClock } from './microsecond-clock.ts';
import * as nl from './netlink.ts';
import {
  VERDICT_REPEAT_MARKED,
  VERDICT_REPEAT_REWRITTEN,
  VerdictSender,
} from './verdict-sender.ts';

export interface QueueOptions {
  readonly queueNum: number;
  readonly lengthMax: number;
  readonly batchCount?: number;
  readonly gso?: boolean;
}

/** A message of 65,531 octets of packet with its attributes, on a cache line. */
const SLOT_BYTES = 66_560;
const BATCH_COUNT_DEFAULT = 64;
/** 1024 iovecs (UIO_MAXIOV), two a packet. */
const BATCH_COUNT_MAX = 500;
const RECEIVE_BUFFER_BYTES = 64 << 20;
const MMSGHDR_WORDS = 16;

export class Queue {
  readonly portId: number;
  /** The arena: packet i of the batch is bytes [off[i], off[i] + len[i]). */
  readonly bytes: Uint8Array;
  /** Sums the arena with wide instructions, where they are to be had. */
  readonly simdSum: SimdSum | undefined;
  readonly off: Int32Array;
  readonly len: Int32Array;
  /** HOOK_*. */
  readonly hook: Int32Array;
  /** INFO_* bits. */
  readonly info: Int32Array;
  /** Of the sender's hardware address; 0: not known. */
  readonly macHash: Int32Array;
  readonly mark: Int32Array;
  /** Errors the kernel reported, most often a verdict for a packet flushed meanwhile. */
  errorCount = 0;

  private readonly libc: c.Libc;
  private readonly fd: number;
  private readonly batchCount: number;
  private readonly words: Int32Array;
  private readonly headers: bigint;
  private readonly headerWords: Uint32Array;
  private readonly id: Int32Array;
  private readonly verdict: Int32Array;
  private readonly newMark: Int32Array;
  private readonly sender: VerdictSender;
  private readonly timeout = new Int32Array(4);
  private readonly timeoutBytes = new Uint8Array(this.timeout.buffer);
  private readonly peeked = new Uint8Array(16);
  private readonly poll = new BusyPoll();
  private readonly clock: MicrosecondClock;
  private timeoutMs = 0;
  private count = 0;
  private answered = 0;
  private closed = false;

  constructor(options: QueueOptions) {
    const batchCount = Math.min(options.batchCount ?? BATCH_COUNT_DEFAULT, BATCH_COUNT_MAX);
    const libc = c.loadLibc();
    this.clock = new MicrosecondClock(libc);
    const { fd, portId } = nl.openSocket(libc);
    this.libc = libc;
    this.fd = fd;
    this.portId = portId;
    this.batchCount = batchCount;
    const column = () => new Int32Array(batchCount);
    this.off = column();
    this.len = column();
    this.hook = column();
    this.info = column();
    this.macHash = column();
    this.mark = column();
    this.id = column();
    this.verdict = column();
    this.newMark = column();
    try {
      const arena = openArena(libc, batchCount * SLOT_BYTES);
      this.simdSum = arena.simdSum;
      this.bytes = new Uint8Array(arena.buffer);
      this.words = new Int32Array(arena.buffer);
      const { address, words } = receiveHeaders(libc, arena.address, batchCount);
      this.headers = address;
      this.headerWords = words;
      const queueNum = options.queueNum;
      const { off, len, id, verdict, newMark } = this;
      const batch = { off, len, id, verdict, newMark };
      this.sender = new VerdictSender(libc, fd, queueNum, arena.address, batch, batchCount);
      setSocketOptions(libc, fd);
      this.setTimeoutMs(100);
      nl.claimQueue(libc, fd, { queueNum, lengthMax: options.lengthMax, gso: options.gso ?? true });
    } catch (error) {
      libc.close(fd);
      throw error;
    }
  }

  /** Waits for packets, up to the time-out, and returns how many came. */
  receive(): number {
    this.count = 0;
    this.answered = 0;
    const polls = this.poll.windowUs > 0;
    let received = polls ? this.pollFor() : -1;
    if (received < 0) received = this.receiveBatch(c.MSG_WAITFORONE);
    const errno = received < 0 ? this.libc.errno() : 0;
    if (polls) this.poll.end(this.clock.nowUs());
    if (received < 0) {
      const { EAGAIN, EINTR, ENOBUFS } = constants.errno;
      if (errno === EAGAIN || errno === EINTR || errno === ENOBUFS) return 0;
      throw new c.SystemError('recvmmsg', errno);
    }
    for (let slot = 0; slot < received; slot++) this.parse(slot);
    return this.count;
  }

  /** What came before the thread has to sleep; negative: nothing. */
  private pollFor(): number {
    const { poll, clock } = this;
    for (let goesOn = poll.begin(clock.nowUs()); goesOn; goesOn = poll.goesOn(clock.nowUs())) {
      const received = this.receiveBatch(c.MSG_DONTWAIT);
      if (received >= 0) return received;
      // Who sends the next packet may wait for this processor, with a lower priority.
      this.libc.sched_yield();
    }
    return -1;
  }

  private receiveBatch(flags: number): number {
    return this.libc.recvmmsg(this.fd, this.headers, this.batchCount, flags, null);
  }

  /** How long `receive` polls before it sleeps, while packets come that fast; 0: never. */
  set busyPollUs(us: number) {
    this.poll.windowUs = us;
  }

  /** Does nothing wait to be received? A system call. */
  isEmpty(): boolean {
    const { libc } = this;
    const flags = c.MSG_PEEK | c.MSG_DONTWAIT;
    return libc.recv(this.fd, this.peeked, this.peeked.length, flags) < 0;
  }

  /** VERDICT_* for packet i of the batch. What was not copied whole is never sent back. */
  setVerdict(i: number, verdict: number): void {
    const truncated = verdict === VERDICT_REWRITTEN && (this.info[i]! & INFO_TRUNCATED) !== 0;
    this.verdict[i] = truncated ? VERDICT_ACCEPT : verdict;
  }

  /** The packet starts again at its hook's first rule, with this mark (NF_REPEAT). */
  setVerdictMark(i: number, mark: number): void {
    this.verdict[i] = VERDICT_REPEAT_MARKED;
    this.newMark[i] = mark;
  }

  /** Like `setVerdict` for ACCEPT and REWRITTEN, and then NF_REPEAT with this mark. */
  setVerdictRepeat(i: number, verdict: number, mark: number): void {
    this.setVerdict(i, verdict);
    this.newMark[i] = mark;
    if (this.verdict[i] === VERDICT_ACCEPT) this.verdict[i] = VERDICT_REPEAT_MARKED;
    else if (this.verdict[i] === VERDICT_REWRITTEN) this.verdict[i] = VERDICT_REPEAT_REWRITTEN;
  }

  /** Sends the verdicts of the packets before `end` that were not sent yet. */
  flush(end: number = this.count): void {
    if (end <= this.answered) return;
    this.sender.send(this.answered, end);
    this.answered = end;
  }

  /** How long `receive` waits, at least 1. A system call when it changes. */
  setTimeoutMs(ms: number): void {
    if (ms === this.timeoutMs) return;
    this.timeoutMs = ms;
    this.timeout[0] = Math.floor(ms / 1000);
    this.timeout[2] = (ms % 1000) * 1000;
    this.libc.setsockopt(this.fd, c.SOL_SOCKET, c.SO_RCVTIMEO, this.timeoutBytes, 16);
  }

  /** Sends that the kernel refused at first. */
  get sendFailures(): number {
    return this.sender.failures;
  }

  /** Gives the queue back. Packets still in it are dropped: remove the rules and drain first. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.libc.close(this.fd);
  }

  /** Fills the columns from a message, unless it is an error or a wake-up. */
  private parse(slot: number): void {
    const { words } = this;
    const base = (slot * SLOT_BYTES) >> 2;
    const type = words[base + 1]! & 0xffff;
    if (type !== nl.MSG_PACKET) {
      if (type === nl.NLMSG_ERROR) this.errorCount++;
      return;
    }
    const i = this.count;
    // The received length bounds what is parsed, whatever the message says of itself.
    const bytes = Math.min(words[base]!, this.headerWords[slot * MMSGHDR_WORDS + 14]!);
    const end = base + (bytes >> 2);
    let id = 0;
    let idSeen = false;
    let capLen = 0;
    this.len[i] = 0;
    this.info[i] = 0;
    this.macHash[i] = 0;
    this.mark[i] = 0;
    let at = base + (nl.HEADER_BYTES >> 2);
    while (at < end) {
      const size = words[at]! & 0xffff;
      if (size < 4) break;
      switch ((words[at]! >>> 16) & 0x3fff) {
        case nl.NFQA_PACKET_HDR:
          id = words[at + 1]!;
          idSeen = true;
          this.hook[i] = (words[at + 2]! >>> 16) & 0xff;
          break;
        case nl.NFQA_PAYLOAD:
          this.off[i] = (at + 1) << 2;
          this.len[i] = size - 4;
          break;
        case nl.NFQA_MARK:
          this.mark[i] = swap32(words[at + 1]!);
          break;
        case nl.NFQA_HWADDR:
          this.macHash[i] = hashAddress(words[at + 2]!, words[at + 3]! & 0xffff);
          break;
        case nl.NFQA_CAP_LEN:
          capLen = swap32(words[at + 1]!);
          break;
        case nl.NFQA_SKB_INFO:
          this.info[i] = this.info[i]! | swap32(words[at + 1]!);
          break;
        case nl.NFQA_IFINDEX_PHYSOUTDEV:
          this.info[i] = this.info[i]! | INFO_BRIDGED;
          break;
      }
      at += (size + 3) >> 2;
    }
    if (!idSeen) return;
    if (capLen > this.len[i]!) this.info[i] = this.info[i]! | INFO_TRUNCATED;
    this.id[i] = id;
    this.verdict[i] = VERDICT_ACCEPT;
    this.count = i + 1;
  }
}

function swap32(value: number): number {
  return (value << 24) | ((value & 0xff00) << 8) | ((value >>> 8) & 0xff00) | (value >>> 24);
}

/** Six octets to one non-zero word: only ever compared with itself. */
function hashAddress(head: number, tail: number): number {
  let hash = Math.imul(head ^ (head >>> 16), 0x45d9f3b) ^ Math.imul(tail + 1, 0x27d4eb2d);
  hash ^= hash >>> 15;
  return hash === 0 ? 1 : hash;
}

/** One mmsghdr and one iovec per slot, prepared once. */
function receiveHeaders(
  libc: c.Libc,
  arena: bigint,
  count: number,
): { address: bigint; words: Uint32Array } {
  const headerBytes = count * MMSGHDR_WORDS * 4;
  const memory = libc.pages(headerBytes + count * 16);
  const quads = new BigUint64Array(memory.buffer);
  for (let slot = 0; slot < count; slot++) {
    const iov = headerBytes / 8 + slot * 2;
    quads[iov] = arena + BigInt(slot * SLOT_BYTES);
    quads[iov + 1] = BigInt(SLOT_BYTES);
    quads[slot * 8 + 2] = memory.address + BigInt(iov * 8);
    quads[slot * 8 + 3] = 1n;
  }
  return { address: memory.address, words: new Uint32Array(memory.buffer) };
}

function setSocketOptions(libc: c.Libc, fd: number): void {
  const one = c.int32Bytes(1);
  libc.setsockopt(fd, c.SOL_NETLINK, c.NETLINK_NO_ENOBUFS, one, 4);
  // Errors without the packet that they are about.
  libc.setsockopt(fd, c.SOL_NETLINK, c.NETLINK_CAP_ACK, one, 4);
  const bytes = c.int32Bytes(RECEIVE_BUFFER_BYTES);
  if (libc.setsockopt(fd, c.SOL_SOCKET, c.SO_RCVBUFFORCE, bytes, 4) !== 0) {
    libc.setsockopt(fd, c.SOL_SOCKET, c.SO_RCVBUF, bytes, 4);
  }
}
