/**
 * What an end point sends, and when: handshake, data within the window, FIN, acknowledgments,
 * retransmissions with a doubling timer, zero-window probes.
 *
 * Reads and writes the send side of ModelEndpoint. RFC 9293 §3.7, §3.8; RFC 6298; RFC 6582 in
 * outline. Times: microseconds; RTO starts at 1 s.
 */
import { seqDiff, seqLt } from '../../engine/wire/seq.ts';
import { cancel } from './event-queue.ts';
import type { ModelEndpoint } from './model-endpoint.ts';
import { ACK, FIN, NO_BYTES, type Packet, PSH, RST, SYN } from './packet.ts';
import { sackEdges } from './reassembly.ts';

const RTO_MAX_US = 60_000_000;
/** Two jiffies of four milliseconds. */
const RTO_LEAST_US = 8000;
const SYN_RETRIES = 6;
const SYN_ACK_RETRIES = 5;
const DATA_RETRIES = 9;
const CWND_MAX_SEGMENTS = 128;

/** The SYN or SYN-ACK, repeated at 1, 2, 4, 8, 16 s. */
export function startHandshake(end: ModelEndpoint): void {
  end.sndNxt = (end.iss + 1) | 0;
  end.rtoUs = 1_000_000;
  sendHandshake(end);
  armRto(end);
}

/**
 * An older connection stood in the way and is gone now: Linux does not wait for the first second
 * (tcp_rcv_synsent_state_process, TCP_TIMEOUT_MIN).
 */
export function hastenHandshake(end: ModelEndpoint): void {
  const rtoUs = end.rtoUs;
  end.rtoUs = RTO_LEAST_US;
  armRto(end);
  end.rtoUs = rtoUs;
}

export function sendHandshake(end: ModelEndpoint): void {
  emit(end, end.state === 'syn-sent' ? SYN : SYN | ACK, end.iss, NO_BYTES);
}

/** One segment. The SYN's options follow the state. */
export function emit(end: ModelEndpoint, flags: number, seq: number, payload: Uint8Array): void {
  const config = end.config;
  const syn = (flags & SYN) !== 0;
  const answer = syn && (flags & ACK) !== 0;
  const stamped = syn && !answer ? config.timestamps : end.timestamps;
  const withAck = (flags & ACK) !== 0;
  const tells = !syn && end.sackOn && withAck && (flags & RST) === 0;
  const blockCount = stamped ? 3 : 4;
  const packet: Packet = {
    family: config.family,
    src: config.localAddr,
    dst: config.remoteAddr,
    srcPort: config.localPort,
    dstPort: config.remotePort,
    seq,
    ack: withAck ? end.rcvNxt : 0,
    flags,
    wnd: syn ? Math.min(65_535, config.rcvBufOctets) : offerWindow(end),
    ttl: config.ttl,
    ipId: end.ipId,
    mss: syn ? config.mss : -1,
    wndScale: scaleOffered(end, syn, answer),
    sackPermitted: syn && (answer ? end.sackOn : config.sack),
    timestamps: stamped,
    tsVal: stamped ? (config.tsBase + Math.floor(end.queue.nowUs / 1000)) | 0 : 0,
    tsEcr: stamped && withAck ? end.tsRecent : 0,
    sack: tells ? blocksOf(end, blockCount) : [],
    payload,
  };
  end.ipId = (end.ipId + 1) & 0xffff;
  if (withAck) end.lastAckSent = end.rcvNxt;
  end.transmit(packet);
}

/** The duplicate first (RFC 2883 §4), then what is kept. */
function blocksOf(end: ModelEndpoint, blockCount: number): readonly number[] {
  const { duplicate, reassembly } = end;
  end.duplicate = [];
  if (duplicate.length === 0 && reassembly.pieces.length === 0) return duplicate;
  return [...duplicate, ...sackEdges(reassembly, blockCount - duplicate.length / 2)];
}

function scaleOffered(end: ModelEndpoint, syn: boolean, answer: boolean): number {
  if (!syn) return -1;
  if (!answer) return end.config.wndScale;
  return end.rcvScale === 0 && end.sndScale === 0 ? -1 : end.rcvScale;
}

/** The raw window; the right edge never moves back (RFC 9293 §3.8.6). */
function offerWindow(end: ModelEndpoint): number {
  const unit = 2 ** end.rcvScale;
  const free = Math.max(0, end.config.rcvBufOctets - end.unreadOctets);
  const offered = Math.max(0, seqDiff(end.rcvEdge | 0, end.rcvNxt));
  const raw = Math.min(
    65_535,
    free < offered ? Math.ceil(offered / unit) : Math.floor(free / unit),
  );
  const edge = (end.rcvNxt + raw * unit) | 0;
  if (seqLt(end.rcvEdge | 0, edge)) end.rcvEdge = edge;
  return raw;
}

export function sendAck(end: ModelEndpoint): void {
  emit(end, ACK, end.sndNxt, NO_BYTES);
}

/** Sends what the windows allow, then the FIN. */
export function flushOutput(end: ModelEndpoint): void {
  if (end.state !== 'established' && end.state !== 'close-wait') {
    if (!canRepeat(end)) return;
  }
  for (;;) {
    const sent = seqDiff(end.sndNxt, (end.iss + 1) | 0);
    const unsent = end.txOctets - sent;
    const inFlight = seqDiff(end.sndNxt, end.sndUna);
    const room = Math.min(end.sndWnd, end.cwndSegments * end.peerMss) - inFlight;
    const size = Math.min(end.peerMss, unsent, room);
    if (end.finSent || size <= 0 || (size < Math.min(end.peerMss, unsent) && inFlight > 0)) break;
    const push = size === unsent ? PSH : 0;
    timeSegment(end, end.sndNxt);
    if (end.busySinceUs < 0) end.busySinceUs = end.queue.nowUs;
    const payload = end.tx.subarray(sent, sent + size);
    end.sndNxt = (end.sndNxt + size) | 0;
    emit(end, ACK | push, (end.sndNxt - size) | 0, payload);
    if (end.rtoTimer === null) armRto(end);
  }
  sendFin(end);
  const waiting = end.txOctets > seqDiff(end.sndNxt, (end.iss + 1) | 0) && !end.finSent;
  if (waiting && end.rtoTimer === null) armRto(end); // a closed window: the timer asks
}

function canRepeat(end: ModelEndpoint): boolean {
  return end.state === 'fin-wait-1' || end.state === 'closing' || end.state === 'last-ack';
}

function sendFin(end: ModelEndpoint): void {
  if (!end.finQueued || end.finSent) return;
  if (seqDiff(end.sndNxt, (end.iss + 1) | 0) < end.txOctets) return;
  if (end.state === 'established') end.state = 'fin-wait-1';
  else if (end.state === 'close-wait') end.state = 'last-ack';
  else return;
  end.finSent = true;
  end.sndNxt = (end.sndNxt + 1) | 0;
  emit(end, ACK | FIN, (end.sndNxt - 1) | 0, NO_BYTES);
  if (end.rtoTimer === null) armRto(end);
}

function timeSegment(end: ModelEndpoint, seq: number): void {
  if (end.timedAtUs >= 0) return;
  end.timedSeq = seq;
  end.timedAtUs = end.queue.nowUs;
}

/** Sends the oldest unacknowledged segment again. */
export function retransmitHead(end: ModelEndpoint): void {
  end.timedAtUs = -1; // Karn: an answer to this proves no time
  end.retransmissions++;
  const from = seqDiff(end.sndUna, (end.iss + 1) | 0);
  const sent = seqDiff(end.sndNxt, (end.iss + 1) | 0) - (end.finSent ? 1 : 0);
  const size = Math.min(end.peerMss, sent - from, Math.max(end.sndWnd, 1));
  if (size > 0) {
    const push = from + size === end.txOctets ? PSH : 0;
    emit(end, ACK | push, end.sndUna, end.tx.subarray(from, from + size));
  } else if (end.finSent) {
    emit(end, ACK | FIN, end.sndUna, NO_BYTES);
  }
}

export function armRto(end: ModelEndpoint): void {
  end.rtoTimer = end.queue.again(end.rtoTimer, end.rtoUs, end.onRto);
}

export function onRto(end: ModelEndpoint): void {
  end.rtoTimer = null;
  const opening = end.state === 'syn-sent' || end.state === 'syn-received';
  const probing = !opening && end.sndUna === end.sndNxt;
  end.retries++;
  const most =
    end.state === 'syn-sent'
      ? SYN_RETRIES
      : end.state === 'syn-received'
        ? SYN_ACK_RETRIES
        : DATA_RETRIES;
  if (end.retries > most) {
    end.end('timed-out');
    return;
  }
  if (opening) {
    sendHandshake(end);
  } else if (probing) {
    if (end.sndWnd > 0) flushOutput(end);
    else emit(end, ACK, (end.sndUna - 1) | 0, NO_BYTES); // RFC 9293 §3.8.6.1, as Linux does it
  } else {
    end.cwndSegments = 2;
    end.recovering = true;
    end.recover = end.sndNxt;
    retransmitHead(end);
  }
  end.rtoUs = Math.min(RTO_MAX_US, end.rtoUs * 2);
  if (end.rtoTimer === null) armRto(end);
}

/** The peer acknowledged something new. */
export function onAdvance(end: ModelEndpoint, before: number): void {
  end.retries = 0;
  end.dupAcks = 0;
  if (end.timedAtUs >= 0 && seqLt(end.timedSeq, end.sndUna)) {
    measure(end, end.queue.nowUs - end.timedAtUs);
    end.timedAtUs = -1;
  } else if (end.srttUs > 0) {
    end.rtoUs = Math.max(end.config.rtoMinUs, end.srttUs + 4 * end.rttvarUs);
  }
  const segments = Math.ceil(seqDiff(end.sndUna, before) / end.peerMss);
  end.cwndSegments = Math.min(CWND_MAX_SEGMENTS, end.cwndSegments + segments);
  if (end.recovering) {
    if (seqLt(end.sndUna, end.recover)) retransmitHead(end);
    else end.recovering = false;
  }
  if (end.sndUna === end.sndNxt) end.rtoTimer = cancel(end.rtoTimer);
  else armRto(end);
}

function measure(end: ModelEndpoint, rttUs: number): void {
  if (end.srttUs === 0) {
    end.srttUs = rttUs;
    end.rttvarUs = rttUs / 2;
  } else {
    end.rttvarUs = 0.75 * end.rttvarUs + 0.25 * Math.abs(end.srttUs - rttUs);
    end.srttUs = 0.875 * end.srttUs + 0.125 * rttUs;
  }
  end.rtoUs = Math.max(end.config.rtoMinUs, end.srttUs + 4 * end.rttvarUs);
}
