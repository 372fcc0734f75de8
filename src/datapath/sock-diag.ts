/**
 * Asks the kernel for the numbers of one TCP socket of this machine (sock_diag(7), TCP_INFO): how
 * many octets were acknowledged, sent and received. With the initial sequence numbers these are
 * SND.UNA, SND.NXT and RCV.NXT. And whether it gets anywhere.
 *
 * Owns one netlink socket, opened at the first question. A question and its answer are one
 * synchronous round in the kernel, tens of microseconds. Needs no privilege. Counts are octets
 * modulo 2^32, as int32.
 */
import { constants } from 'node:os';
import * as out from '../engine/outbox.ts';
import * as c from './nfqueue/libc.ts';

const NETLINK_SOCK_DIAG = 4;
const SOCK_DIAG_BY_FAMILY = 20;
const NLM_F_REQUEST = 1;
const NLMSG_ERROR = 2;
const IPPROTO_TCP = 6;
const INET_DIAG_INFO = 2;
/** nlmsghdr 16, inet_diag_req_v2 56. */
const REQUEST_BYTES = 72;
/** nlmsghdr 16, inet_diag_msg 72. */
const ATTRIBUTES_AT = 88;
/** idiag_state; TIME-WAIT (net/tcp_states.h). */
const STATE_AT = 17;
const TCP_TIME_WAIT = 6;
const REPLY_BYTES = 4096;
const RECEIVE_MS = 200;
/** Byte offsets in struct tcp_info (linux/tcp.h). */
const RETRANSMITS = 2;
const OPTIONS = 5;
const LAST_DATA_SENT = 44;
const LAST_DATA_RECV = 52;
const LAST_ACK_RECV = 56;
const BYTES_ACKED = 120;
const BYTES_RECEIVED = 128;
const DATA_SEGS_IN = 152;
const BUSY_TIME = 168;
const BYTES_SENT = 200;
const BYTES_RETRANS = 208;
const TCP_INFO_BYTES_MIN = 216;
/** Of OPTIONS: TSvals count microseconds. */
const TCPI_OPT_USEC_TS = 64;

export interface SocketNumbers {
  /** SOCKET_* */
  readonly state: number;
  readonly acked: number;
  readonly sent: number;
  readonly received: number;
  /** In a row; and segments with data that arrived, of use or not. */
  readonly retransmits: number;
  readonly dataSegments: number;
  /** ms with something in flight, in all; -1: its TSvals do not count milliseconds. */
  readonly busyMs: number;
  /** ms since data was received. */
  readonly dataMs: number;
  /** ms since data was sent, or anything received. */
  readonly quietMs: number;
}

const UNKNOWN: SocketNumbers = {
  state: out.SOCKET_UNKNOWN,
  acked: 0,
  sent: 0,
  received: 0,
  retransmits: 0,
  dataSegments: 0,
  busyMs: -1,
  dataMs: 0,
  quietMs: 0,
};
const GONE: SocketNumbers = { ...UNKNOWN, state: out.SOCKET_GONE };

export class SockDiag {
  private fd = -1;
  private sequence = 0;
  private readonly request = new Uint8Array(REQUEST_BYTES);
  private readonly reply = new Uint8Array(REPLY_BYTES);

  /** The near end's socket of the flow in an outbox slot at word `at`. */
  ask(words: Int32Array, at: number): SocketNumbers {
    const libc = c.loadLibc();
    if (!this.open(libc)) return UNKNOWN;
    this.write(words, at);
    if (libc.send(this.fd, this.request, REQUEST_BYTES, 0) < 0) return UNKNOWN;
    for (;;) {
      const bytes = libc.recv(this.fd, this.reply, REPLY_BYTES, 0);
      if (bytes < 16) return UNKNOWN;
      const view = new DataView(this.reply.buffer, 0, bytes);
      if (view.getUint32(8, true) !== this.sequence) continue; // of a question given up
      return read(view, words[at + out.OUT_PATH] === out.NEAR_INITIATES);
    }
  }

  /** Does the kernel answer at all? Asks for a socket that cannot be. */
  works(): boolean {
    const words = new Int32Array(out.OUT_PORTS + 1);
    words[out.OUT_FAMILY] = 4;
    words[out.OUT_NEAR_ADDR] = words[out.OUT_FAR_ADDR] = 0x7f000001;
    words[out.OUT_PORTS] = (9 << 16) | 9;
    return this.ask(words, 0).state === out.SOCKET_GONE;
  }

  close(): void {
    if (this.fd >= 0) c.loadLibc().close(this.fd);
    this.fd = -1;
  }

  private open(libc: c.Libc): boolean {
    if (this.fd >= 0) return true;
    const fd = libc.socket(c.AF_NETLINK, c.SOCK_RAW | c.SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    if (fd < 0) return false;
    libc.setsockopt(fd, c.SOL_SOCKET, c.SO_RCVTIMEO, c.timevalBytes(RECEIVE_MS), 16);
    this.fd = fd;
    return true;
  }

  private write(words: Int32Array, at: number): void {
    const view = new DataView(this.request.buffer);
    const isIpv6 = words[at + out.OUT_FAMILY] === 6;
    this.sequence = (this.sequence + 1) >>> 0;
    view.setUint32(0, REQUEST_BYTES, true);
    view.setUint16(4, SOCK_DIAG_BY_FAMILY, true);
    view.setUint16(6, NLM_F_REQUEST, true);
    view.setUint32(8, this.sequence, true);
    view.setUint8(16, isIpv6 ? c.AF_INET6 : c.AF_INET);
    view.setUint8(17, IPPROTO_TCP);
    view.setUint8(18, 1 << (INET_DIAG_INFO - 1));
    view.setUint32(20, 0xffffffff, true); // any state
    view.setUint32(24, words[at + out.OUT_PORTS] ?? 0, false); // local port, then remote port
    for (let i = 0; i < 4; i++) {
      view.setUint32(28 + 4 * i, words[at + out.OUT_NEAR_ADDR + i] ?? 0, false);
      view.setUint32(44 + 4 * i, words[at + out.OUT_FAR_ADDR + i] ?? 0, false);
    }
    view.setUint32(64, 0xffffffff, true); // INET_DIAG_NOCOOKIE
    view.setUint32(68, 0xffffffff, true);
  }
}

function read(view: DataView, nearInitiates: boolean): SocketNumbers {
  if (view.getUint16(4, true) === NLMSG_ERROR) {
    return view.getInt32(16, true) === -constants.errno.ENOENT ? GONE : UNKNOWN;
  }
  if (view.getUint8(STATE_AT) === TCP_TIME_WAIT) return GONE; // it has no tcp_info
  const bytes = Math.min(view.getUint32(0, true), view.byteLength);
  let at = ATTRIBUTES_AT;
  while (at + 4 <= bytes) {
    const size = view.getUint16(at, true);
    const isInfo = view.getUint16(at + 2, true) === INET_DIAG_INFO;
    if (isInfo && size >= 4 + TCP_INFO_BYTES_MIN) return numbersOf(view, at + 4, nearInitiates);
    if (size < 4) break;
    at += (size + 3) & ~3;
  }
  return UNKNOWN;
}

function numbersOf(view: DataView, info: number, nearInitiates: boolean): SocketNumbers {
  const low = (at: number) => view.getInt32(info + at, true);
  // The initiator's SYN counts as one acknowledged octet (tcp_snd_una_update).
  const syn = nearInitiates ? 1 : 0;
  const busyMs = Number(view.getBigUint64(info + BUSY_TIME, true) / 1000n);
  return {
    state: out.SOCKET_LIVES,
    acked: (low(BYTES_ACKED) - syn) | 0,
    sent: (low(BYTES_SENT) - low(BYTES_RETRANS)) | 0,
    received: low(BYTES_RECEIVED),
    retransmits: view.getUint8(info + RETRANSMITS),
    dataSegments: low(DATA_SEGS_IN),
    busyMs: (view.getUint8(info + OPTIONS) & TCPI_OPT_USEC_TS) !== 0 ? -1 : busyMs & 0x7fffffff,
    dataMs: low(LAST_DATA_RECV) & 0x3fffffff,
    quietMs:
      Math.min(...[LAST_DATA_SENT, LAST_DATA_RECV, LAST_ACK_RECV].map((at) => low(at) >>> 0)) &
      0x3fffffff,
  };
}
