/**
 * What an end point does with a segment: RFC 9293 §3.10.7, RFC 5961, RFC 7323 §5, in the order in
 * which Linux checks (tcp_input.c, tcp_minisocks.c). Reads and writes ModelEndpoint.
 */
import { seqDiff, seqLeq, seqLt } from '../../engine/wire/seq.ts';
import {
  emit,
  flushOutput,
  hastenHandshake,
  onAdvance,
  retransmitHead,
  sendAck,
  sendHandshake,
} from './endpoint-output.ts';
import { cancel } from './event-queue.ts';
import type { ModelEndpoint } from './model-endpoint.ts';
import { ACK, FIN, NO_BYTES, type Packet, RST, SYN, segLenOf, strayReset } from './packet.ts';
import { holdsPiece, keepPiece, rightmostEdge, takePiece } from './reassembly.ts';

/** Linux: tcp_invalid_ratelimit, per socket. */
const CHALLENGE_INTERVAL_US = 500_000;
const TIME_WAIT_US = 60_000_000;

export function arrive(end: ModelEndpoint, packet: Packet): void {
  if (end.state === 'syn-sent') arriveSynSent(end, packet);
  else if (end.state === 'syn-received') arriveSynReceived(end, packet);
  else if (end.state !== 'closed') arriveSynchronized(end, packet);
}

/** RFC 9293 §3.10.7.3. */
function arriveSynSent(end: ModelEndpoint, packet: Packet): void {
  const acked = (packet.flags & ACK) !== 0;
  const acceptable = acked && packet.ack === end.sndNxt;
  if (acked && !acceptable) {
    if ((packet.flags & RST) === 0) emit(end, RST, packet.ack, NO_BYTES);
    if (end.retries === 0) hastenHandshake(end);
    return;
  }
  if ((packet.flags & RST) !== 0) {
    if (acceptable) end.end('refused');
    return;
  }
  if ((packet.flags & SYN) === 0) return;
  end.irs = packet.seq;
  end.rcvNxt = (packet.seq + 1) | 0;
  end.negotiate(packet);
  if (!acked) {
    end.state = 'syn-received'; // simultaneous open
    end.opensBoth = true;
    sendHandshake(end);
    return;
  }
  end.sndUna = packet.ack;
  end.sndWl2 = packet.ack;
  establish(end);
  sendAck(end);
  flushOutput(end);
}

function establish(end: ModelEndpoint): void {
  end.state = 'established';
  end.lastChallengeUs = -1e12; // the request's rate limit is not the socket's
  end.retries = 0;
  end.rtoUs = 1_000_000;
  end.rtoTimer = cancel(end.rtoTimer);
  end.app.established();
}

/** tcp_check_req: the order of its checks decides who is answered with a reset. */
function arriveSynReceived(end: ModelEndpoint, packet: Packet): void {
  const flags = packet.flags;
  if ((flags & (SYN | ACK | RST)) === SYN && packet.seq === end.irs) {
    if (allowed(end)) sendHandshake(end);
    return;
  }
  if ((flags & ACK) !== 0 && packet.ack !== ((end.iss + 1) | 0)) {
    // The listener answers an ACK that it cannot accept: SEQ = SEG.ACK (RFC 9293 §3.10.7.2).
    if ((flags & RST) === 0) emit(end, RST, packet.ack, NO_BYTES);
    return;
  }
  const crossed = end.opensBoth && (flags & SYN) !== 0 && packet.seq === end.irs;
  if (!crossed && !inRequestWindow(end, packet)) {
    if ((flags & RST) === 0) challenge(end, packet);
    return;
  }
  if ((flags & RST) !== 0) {
    if (packet.seq === end.rcvNxt) end.end('reset');
    else challenge(end, packet);
    return;
  }
  if (!crossed && (flags & SYN) !== 0) {
    end.transmit(strayReset(packet, end.config.ttl));
    end.end('reset');
    return;
  }
  if ((flags & ACK) === 0) return;
  end.sndUna = packet.ack;
  establish(end);
  arriveSynchronized(end, packet);
}

/** tcp_in_window, which is stricter at both ends than tcp_sequence. */
function inRequestWindow(end: ModelEndpoint, packet: Packet): boolean {
  const last = (packet.seq + segLenOf(packet)) | 0;
  const edge = end.rcvEdge | 0;
  if (packet.seq === end.rcvNxt) return true;
  if (seqLt(end.rcvNxt, last) && seqLt(packet.seq, edge)) return true;
  return packet.seq === edge && last === edge;
}

/** tcp_validate_incoming, then ACK, data and FIN. */
function arriveSynchronized(end: ModelEndpoint, packet: Packet): void {
  const flags = packet.flags;
  const reset = (flags & RST) !== 0;
  const old = end.timestamps && packet.timestamps && seqLt(packet.tsVal, end.tsRecent);
  if (!reset && (old || !inWindow(end, packet))) {
    if (old && packet.payload.length > 0) end.oldDataSegments++;
    challenge(end, packet);
    return;
  }
  if (reset) {
    arriveReset(end, packet);
    return;
  }
  if ((flags & SYN) !== 0) {
    challenge(end, packet);
    return;
  }
  if ((flags & ACK) === 0) return;
  if (packet.timestamps && end.timestamps && seqLeq(packet.seq, end.lastAckSent)) {
    end.tsRecent = packet.tsVal;
  }
  const ahead = seqDiff(packet.ack, end.sndNxt) > 0;
  const ancient = seqDiff(end.sndUna, packet.ack) > Math.max(end.sndWndMax, 65_535);
  if (ahead || ancient) {
    challenge(end, packet);
    return;
  }
  arriveAck(end, packet);
  if (end.state === 'closed') return;
  arriveText(end, packet);
}

/** RFC 5961 §3.2 and Linux's right-most edge; an inexact one is challenged. */
function arriveReset(end: ModelEndpoint, packet: Packet): void {
  if (end.state === 'time-wait') {
    // tcp_timewait_state_process: exact, or nothing at all.
    if (packet.seq === end.rcvNxt) end.end('reset');
    return;
  }
  const exact =
    packet.seq === end.rcvNxt ||
    packet.seq === rightmostEdge(end.reassembly, end.rcvNxt) ||
    (end.finReceived && packet.seq === ((end.rcvNxt - 1) | 0));
  if (exact) end.end('reset');
  else if (inWindow(end, packet)) challenge(end, packet);
}

function inWindow(end: ModelEndpoint, packet: Packet): boolean {
  const last = (packet.seq + segLenOf(packet)) | 0;
  const edge = end.rcvEdge | 0;
  return (
    !seqLt(last, end.rcvNxt) && seqLeq(packet.seq, seqLt(edge, end.rcvNxt) ? end.rcvNxt : edge)
  );
}

/** An ACK for what cannot be accepted; only data is always answered (tcp_oow_rate_limited). */
function challenge(end: ModelEndpoint, packet: Packet): void {
  const data = segLenOf(packet) > 0 && (packet.flags & SYN) === 0;
  if (!data && !allowed(end)) return;
  end.challenges++;
  noteDuplicate(end, packet);
  if (end.state === 'syn-received') emit(end, ACK, (end.iss + 1) | 0, NO_BYTES);
  else sendAck(end);
}

function allowed(end: ModelEndpoint): boolean {
  if (end.queue.nowUs - end.lastChallengeUs < CHALLENGE_INTERVAL_US) return false;
  end.lastChallengeUs = end.queue.nowUs;
  return true;
}

function arriveAck(end: ModelEndpoint, packet: Packet): void {
  noteSack(end, packet);
  const before = end.sndUna;
  const newer = seqLt(end.sndWl1, packet.seq);
  const same = packet.seq === end.sndWl1 && seqLeq(end.sndWl2, packet.ack);
  const wnd = packet.wnd << end.sndScale;
  const grown = wnd !== end.sndWnd;
  if (seqLeq(before, packet.ack) && (newer || same || wnd > end.sndWnd)) {
    end.sndWnd = wnd;
    end.sndWndMax = Math.max(end.sndWndMax, wnd);
    end.sndWl1 = packet.seq;
    end.sndWl2 = packet.ack;
  }
  if (seqLt(before, packet.ack)) {
    end.sndUna = packet.ack;
    onAdvance(end, before);
  } else if (packet.ack === before && before !== end.sndNxt && segLenOf(packet) === 0 && !grown) {
    end.dupAcks++;
    if (end.dupAcks === 3 && !end.recovering) {
      end.recovering = true;
      end.recover = end.sndNxt;
      end.cwndSegments = Math.max(2, end.cwndSegments >> 1);
      retransmitHead(end);
    }
  }
  if (end.sndWnd > 0 && end.sndUna === end.sndNxt) end.retries = 0;
  if (end.finSent && end.sndUna === end.sndNxt) finAcked(end);
  if (end.state !== 'closed') flushOutput(end);
}

function finAcked(end: ModelEndpoint): void {
  if (end.state === 'fin-wait-1') end.state = 'fin-wait-2';
  else if (end.state === 'closing') end.enterTimeWait(TIME_WAIT_US);
  else if (end.state === 'last-ack') end.end('finished');
}

/** Counts blocks that make no sense: a translator forgot them, or got them wrong. */
function noteSack(end: ModelEndpoint, packet: Packet): void {
  for (let i = 0; i + 1 < packet.sack.length; i += 2) {
    const left = packet.sack[i] as number;
    const right = packet.sack[i + 1] as number;
    const sensible = seqLt(left, right) && seqLeq(end.sndUna, left) && seqLeq(right, end.sndNxt);
    const past = seqLeq(right, packet.ack);
    if (!sensible && !past && seqLeq(end.sndUna, packet.ack)) end.sackOutside++;
  }
}

/** What the peer sends again of what has been received, in order or not (RFC 2883 §4). */
function noteDuplicate(end: ModelEndpoint, packet: Packet): void {
  if (!end.sackOn || !end.config.dsack || packet.payload.length === 0) return;
  const last = (packet.seq + packet.payload.length) | 0;
  if (seqLt(packet.seq, end.rcvNxt)) {
    end.duplicate = [packet.seq, seqLt(end.rcvNxt, last) ? end.rcvNxt : last];
  } else if (holdsPiece(end.reassembly, packet.seq, last)) {
    end.duplicate = [packet.seq, last];
  }
}

function arriveText(end: ModelEndpoint, packet: Packet): void {
  const open =
    end.state === 'established' || end.state === 'fin-wait-1' || end.state === 'fin-wait-2';
  const segLen = segLenOf(packet);
  if (segLen === 0) return;
  if (!open) {
    sendAck(end); // the peer repeats its FIN: ours was lost (RFC 9293 §3.10.7.4, TIME-WAIT)
    return;
  }
  if ((packet.flags & FIN) !== 0) {
    end.reassembly.fin = true;
    end.reassembly.finSeq = (packet.seq + packet.payload.length) | 0;
  }
  noteDuplicate(end, packet);
  if (packet.payload.length > 0) keepPiece(end.reassembly, packet.seq, packet.payload);
  for (;;) {
    const bytes = takePiece(end.reassembly, end.rcvNxt);
    if (bytes === null) break;
    end.rcvNxt = (end.rcvNxt + bytes.length) | 0;
    end.lastDataUs = end.queue.nowUs;
    read(end, bytes.length);
    end.app.received(bytes);
  }
  const finished = end.reassembly.fin && end.reassembly.finSeq === end.rcvNxt && !end.finReceived;
  if (finished) end.rcvNxt = (end.rcvNxt + 1) | 0;
  if (end.reason === 'open' && (end.state as string) !== 'closed') sendAck(end);
  if (finished) arriveFin(end);
}

function arriveFin(end: ModelEndpoint): void {
  end.finReceived = true;
  if (end.state === 'established') end.state = 'close-wait';
  else if (end.state === 'fin-wait-1') end.state = 'closing';
  else if (end.state === 'fin-wait-2') end.enterTimeWait(TIME_WAIT_US);
  end.app.peerFinished();
}

/** The application reads at its own pace and tells the peer when room comes back. */
function read(end: ModelEndpoint, octets: number): void {
  if (!Number.isFinite(end.config.readOctetsPerMs)) return;
  end.unreadOctets += octets;
  if (end.readTimer !== null) return;
  const chunk = () => {
    const free = end.config.rcvBufOctets - end.unreadOctets;
    end.unreadOctets = Math.max(0, end.unreadOctets - end.config.readOctetsPerMs * 10);
    const freed = end.config.rcvBufOctets - end.unreadOctets - free;
    const offered = Math.max(0, seqDiff(end.rcvEdge | 0, end.rcvNxt));
    const small = offered < 2 * end.config.mss;
    if (freed > 0 && small && end.reason === 'open') sendAck(end);
    end.readTimer = end.unreadOctets > 0 ? end.queue.after(10_000, chunk) : null;
  };
  end.readTimer = end.queue.after(10_000, chunk);
}
