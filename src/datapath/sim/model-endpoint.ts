/**
 * A small but honest TCP end point: one connection, client or server role, real packet bytes.
 *
 * Owns the state variables of RFC 9293 §3.3.1 and the connection's life; arrivals are in
 * `endpoint-input.ts`, sending and timers in `endpoint-output.ts`. Times: virtual microseconds.
 * It does what Linux does where the RFCs leave a choice (challenge ACK rate limit, RST rules).
 */
import { arrive } from './endpoint-input.ts';
import { emit, flushOutput, onRto, startHandshake } from './endpoint-output.ts';
import { cancel, type EventQueue, type Timer } from './event-queue.ts';
import { ACK, NO_BYTES, type Packet, RST } from './packet.ts';
import type { Reassembly } from './reassembly.ts';
import { createReassembly } from './reassembly.ts';

export type EndpointState =
  | 'syn-sent'
  | 'syn-received'
  | 'established'
  | 'fin-wait-1'
  | 'fin-wait-2'
  | 'close-wait'
  | 'closing'
  | 'last-ack'
  | 'time-wait'
  | 'closed';

export type EndReason = 'open' | 'finished' | 'reset' | 'refused' | 'timed-out' | 'aborted';

export interface EndpointConfig {
  readonly family: 4 | 6;
  readonly localAddr: Uint8Array;
  readonly remoteAddr: Uint8Array;
  readonly localPort: number;
  readonly remotePort: number;
  readonly iss: number;
  readonly mss: number;
  /** Offered shift, -1: none. */
  readonly wndScale: number;
  readonly timestamps: boolean;
  readonly sack: boolean;
  /** Tells of duplicates (RFC 2883). */
  readonly dsack: boolean;
  readonly rcvBufOctets: number;
  /** How fast the application reads. */
  readonly readOctetsPerMs: number;
  readonly rtoMinUs: number;
  /** TSval at virtual time 0. */
  readonly tsBase: number;
  readonly ttl: number;
}

/** What the application hears. */
export interface Application {
  attach(endpoint: ModelEndpoint): void;
  established(): void;
  received(bytes: Uint8Array): void;
  peerFinished(): void;
  ended(reason: EndReason): void;
}

export class ModelEndpoint {
  readonly queue: EventQueue;
  readonly config: EndpointConfig;
  readonly app: Application;
  readonly transmit: (packet: Packet) => void;
  state: EndpointState = 'closed';
  reason: EndReason = 'open';
  readonly iss: number;
  irs = 0;
  sndUna: number;
  sndNxt: number;
  /** Octets. */
  sndWnd = 0;
  sndWndMax = 0;
  sndWl1 = 0;
  sndWl2 = 0;
  /** Shift of windows that we read, and of those that we write. */
  sndScale = 0;
  rcvScale = 0;
  rcvNxt = 0;
  /** Right edge of the window offered. */
  rcvEdge = 0;
  peerMss = 536;
  timestamps = false;
  sackOn = false;
  /** The duplicate to tell of with the next ACK: both edges, or nothing. */
  duplicate: readonly number[] = [];
  tsRecent = 0;
  lastAckSent = 0;
  /** Everything the application ever wrote; octet 0 has sequence number ISS+1. */
  tx: Uint8Array = NO_BYTES;
  txOctets = 0;
  finQueued = false;
  finSent = false;
  finReceived = false;
  /** Both ends sent a SYN (RFC 9293 §3.5, figure 7). */
  opensBoth = false;
  readonly reassembly: Reassembly = createReassembly();
  /** Octets in order that the application has not read yet. */
  unreadOctets = 0;
  cwndSegments = 10;
  dupAcks = 0;
  /** Losses up to here are being repaired; valid while `recovering`. */
  recover = 0;
  recovering = false;
  rtoUs = 1_000_000;
  srttUs = 0;
  rttvarUs = 0;
  timedSeq = 0;
  timedAtUs = -1;
  retries = 0;
  lastChallengeUs = -1e12;
  ipId = 1;
  rtoTimer: Timer | null = null;
  readonly onRto = () => onRto(this);
  readTimer: Timer | null = null;
  lifeTimer: Timer | null = null;
  /** SACK blocks received that lie outside (SND.UNA, SND.NXT] and are no D-SACK. */
  sackOutside = 0;
  challenges = 0;
  retransmissions = 0;
  /** Segments with data thrown away for an old TSval: reordered ones too (RFC 7323 §5.3). */
  oldDataSegments = 0;
  /** Segments with data that arrived, of use or not; when the last octet in order came. */
  dataSegments = 0;
  lastDataUs = 0;
  /** When anything at all came last. */
  lastSegmentUs = 0;
  /** With something in flight: since when now (-1: nothing is), and before that in all. */
  busySinceUs = -1;
  busyUs = 0;

  constructor(
    queue: EventQueue,
    config: EndpointConfig,
    app: Application,
    transmit: (packet: Packet) => void,
  ) {
    this.queue = queue;
    this.config = config;
    this.app = app;
    this.transmit = transmit;
    this.iss = config.iss | 0;
    this.sndUna = this.iss;
    this.sndNxt = this.iss;
  }

  /** Active open: sends the SYN. */
  connect(): void {
    this.state = 'syn-sent';
    startHandshake(this);
  }

  /** Passive open: takes the SYN and answers. */
  accept(syn: Packet): void {
    this.state = 'syn-received';
    this.irs = syn.seq;
    this.rcvNxt = (syn.seq + 1) | 0;
    this.negotiate(syn);
    startHandshake(this);
  }

  /** Options of the peer's SYN or SYN-ACK (RFC 7323 §2.2, §3.2; RFC 2018 §2). */
  negotiate(syn: Packet): void {
    const scaled = syn.wndScale >= 0 && this.config.wndScale >= 0;
    this.sndScale = scaled ? syn.wndScale : 0;
    this.rcvScale = scaled ? this.config.wndScale : 0;
    this.timestamps = syn.timestamps && this.config.timestamps;
    this.sackOn = syn.sackPermitted && this.config.sack;
    if (syn.mss >= 0) this.peerMss = Math.min(syn.mss, this.config.mss);
    if (this.timestamps) this.tsRecent = syn.tsVal;
    this.sndWnd = syn.wnd;
    this.sndWndMax = syn.wnd;
    this.sndWl1 = syn.seq;
    this.rcvEdge = this.rcvNxt + Math.min(65_535, this.config.rcvBufOctets);
  }

  receive(packet: Packet): void {
    if (packet.payload.length > 0) this.dataSegments++;
    this.lastSegmentUs = this.queue.nowUs;
    arrive(this, packet);
    if (this.sndUna !== this.sndNxt || this.busySinceUs < 0) return;
    this.busyUs += this.queue.nowUs - this.busySinceUs;
    this.busySinceUs = -1;
  }

  /** Keeps `bytes`, which nobody may change any more. */
  send(bytes: Uint8Array): void {
    if (this.txOctets === 0) this.tx = bytes;
    else this.append(bytes);
    this.txOctets += bytes.length;
    flushOutput(this);
  }

  private append(bytes: Uint8Array): void {
    const octets = this.txOctets + bytes.length;
    if (octets > this.tx.length) {
      const grown = new Uint8Array(Math.max(1024, 2 * octets));
      grown.set(this.tx.subarray(0, this.txOctets));
      this.tx = grown;
    }
    this.tx.set(bytes, this.txOctets);
  }

  close(): void {
    this.finQueued = true;
    flushOutput(this);
  }

  /** The process dies, or SO_LINGER 0: a reset at SND.NXT. */
  abort(): void {
    if (this.state === 'closed') return;
    if (this.state !== 'syn-sent' && this.state !== 'time-wait') {
      emit(this, RST | ACK, this.sndNxt, NO_BYTES);
    }
    this.end('aborted');
  }

  end(reason: EndReason): void {
    if (this.state === 'closed') return;
    this.state = 'closed';
    const first = this.reason === 'open';
    if (first) this.reason = reason;
    this.rtoTimer = cancel(this.rtoTimer);
    this.readTimer = cancel(this.readTimer);
    this.lifeTimer = cancel(this.lifeTimer);
    if (first) this.app.ended(reason);
  }

  /** Both FINs are through: the application's part is over. */
  enterTimeWait(timeWaitUs: number): void {
    this.state = 'time-wait';
    this.rtoTimer = cancel(this.rtoTimer);
    if (this.reason === 'open') {
      this.reason = 'finished';
      this.app.ended('finished');
    }
    this.lifeTimer = cancel(this.lifeTimer);
    this.lifeTimer = this.queue.after(timeWaitUs, () => {
      this.state = 'closed';
    });
  }
}
