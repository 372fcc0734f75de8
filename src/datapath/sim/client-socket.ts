/**
 * What the kernel says of a simulated client's socket (tcp_info): its numbers, as octets, and
 * whether it gets anywhere, in jiffies of four milliseconds as on many machines; and what its
 * connection tracking makes of a packet. Owns nothing.
 */
import * as box from '../../engine/outbox.ts';
import { seqDiff } from '../../engine/wire/seq.ts';
import type { ModelEndpoint } from './model-endpoint.ts';
import type { Packet } from './packet.ts';

const JIFFY_US = 4000;
/** Nothing that is of use lies so far ahead. */
const AHEAD_OCTETS = 1 << 21;

export interface SocketTold {
  /** What conntrack knows as well: RCV.NXT and SND.NXT. */
  readonly rcvNxt: number;
  readonly sndNxt: number;
  readonly acked: number;
  readonly sent: number;
  readonly received: number;
  readonly retransmits: number;
  readonly dataSegments: number;
  readonly busyMs: number;
  readonly dataMs: number;
  readonly quietMs: number;
}

/** Null: there is no such socket any more, or it says nothing of use. */
export function tellSocket(end: ModelEndpoint): SocketTold | null {
  if (end.state === 'closed' || end.state === 'time-wait') return null;
  const nowUs = end.queue.nowUs;
  const fin = end.finSent ? 1 : 0;
  const sent = (end.sndNxt - end.iss - 1 - fin) | 0;
  const acked = (end.sndUna - end.iss - 1) | 0;
  const busyNowUs = end.busySinceUs < 0 ? 0 : jiffies(nowUs) - jiffies(end.busySinceUs);
  return {
    rcvNxt: end.rcvNxt,
    sndNxt: end.sndNxt,
    acked: ((sent - acked) | 0) < 0 ? sent : acked,
    sent,
    received: (end.rcvNxt - end.irs - 1 - (end.finReceived ? 1 : 0)) | 0,
    retransmits: end.sndUna === end.sndNxt ? 0 : end.retries,
    dataSegments: end.dataSegments,
    busyMs: Math.floor((jiffies(end.busyUs) + busyNowUs) / 1000),
    dataMs: Math.floor((jiffies(nowUs) - jiffies(end.lastDataUs)) / 1000),
    quietMs: Math.floor((jiffies(nowUs) - jiffies(end.lastSegmentUs)) / 1000),
  };
}

function jiffies(us: number): number {
  return Math.floor(us / JIFFY_US) * JIFFY_US;
}

/**
 * Would conntrack call it INVALID? Beyond its windows only: what lies below them is part of the
 * connection, since Linux 6.1.
 */
export function isInvalid(told: SocketTold | null, packet: Packet | null): boolean {
  if (told === null || packet === null) return false;
  const beyond = seqDiff(packet.seq, told.rcvNxt) > AHEAD_OCTETS;
  return beyond || seqDiff(packet.ack, told.sndNxt) > 0;
}

/** The answer to a question about it, into an inbox slot that has the question's words. */
export function writeTold(words: Int32Array, at: number, told: SocketTold | null): void {
  words[at + box.IN_OK] = told === null ? box.SOCKET_GONE : box.SOCKET_LIVES;
  words[at + box.IN_ACKED] = told?.acked ?? 0;
  words[at + box.IN_SENT] = told?.sent ?? 0;
  words[at + box.IN_RECEIVED] = told?.received ?? 0;
  words[at + box.IN_RETRANSMITS] = told?.retransmits ?? 0;
  words[at + box.IN_DATA_SEGMENTS] = told?.dataSegments ?? 0;
  words[at + box.IN_BUSY_MS] = told?.busyMs ?? -1;
  words[at + box.IN_DATA_MS] = told?.dataMs ?? 0;
  words[at + box.IN_QUIET_MS] = told?.quietMs ?? 0;
}
