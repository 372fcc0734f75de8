/**
 * What the kernel says of a simulated client's socket (tcp_info): its numbers, as octets, and
 * whether it gets anywhere, in jiffies of four milliseconds as on many machines. Owns nothing.
 */
import type { ModelEndpoint } from './model-endpoint.ts';

const JIFFY_US = 4000;

export interface SocketTold {
  readonly acked: number;
  readonly sent: number;
  readonly received: number;
  readonly retransmits: number;
  readonly dataSegments: number;
  readonly busyMs: number;
  readonly dataMs: number;
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
    acked: ((sent - acked) | 0) < 0 ? sent : acked,
    sent,
    received: (end.rcvNxt - end.irs - 1 - (end.finReceived ? 1 : 0)) | 0,
    retransmits: end.sndUna === end.sndNxt ? 0 : end.retries,
    dataSegments: end.dataSegments,
    busyMs: Math.floor((jiffies(end.busyUs) + busyNowUs) / 1000),
    dataMs: Math.floor((jiffies(nowUs) - jiffies(end.lastDataUs)) / 1000),
  };
}

function jiffies(us: number): number {
  return Math.floor(us / JIFFY_US) * JIFFY_US;
}
