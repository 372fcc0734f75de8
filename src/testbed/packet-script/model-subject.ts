/**
 * A script's near end as a model end point of the simulator, on a machine of its own, in virtual
 * time. Owns both, and what the application has not read yet.
 */
import type { EventQueue } from '../../datapath/sim/event-queue.ts';
import type {
  Application,
  EndpointConfig,
  EndReason,
  ModelEndpoint,
} from '../../datapath/sim/model-endpoint.ts';
import { ModelHost } from '../../datapath/sim/model-host.ts';
import { decodePacket, encodePacket, NO_BYTES, type Packet } from '../../datapath/sim/packet.ts';
import type { Sides } from './conversation.ts';
import { type Call, type End, octetsFrom } from './script.ts';
import type { Heard, Subject } from './subject.ts';

/** As the kernel of the lab offers it. */
const RCV_BUF_OCTETS = 64_240;
const WND_SCALE = 7;
const ISS = 0x7ffffff0;
const ENDS: Readonly<Record<EndReason, End | 'closed'>> = {
  open: 'closed',
  finished: 'eof',
  reset: 'reset',
  refused: 'refused',
  'timed-out': 'timeout',
  aborted: 'closed',
};

export class ModelSubject implements Subject, Application {
  private readonly sides: Sides;
  private readonly host: ModelHost;
  private endpoint: ModelEndpoint | null = null;
  private unread = NO_BYTES;
  private peerDone = false;
  private isListening = false;
  private isClosed = false;
  private reason: EndReason = 'open';
  private isEstablished = false;
  /** There is a descriptor. */
  private isOpened = false;
  private written = 0;
  private rcvBufOctets = 0;

  constructor(queue: EventQueue, sides: Sides, transmit: (packet: Packet) => void) {
    this.sides = sides;
    const take = () => (this.isListening ? { config: this.config(), app: this } : null);
    this.host = new ModelHost(queue, 64, take, (bytes) => {
      const packet = decodePacket(bytes);
      if (packet !== null) transmit(packet);
    });
  }

  inject(packet: Packet): void {
    this.host.receive(encodePacket(packet));
  }

  call(call: Call): boolean {
    switch (call.name) {
      case 'listen':
        this.isListening = true;
        return true;
      case 'connect':
        this.isOpened = true;
        this.host.connect(this.config(), this);
        return true;
      case 'accept':
        if (this.isEstablished) this.isOpened = true;
        return this.isEstablished;
      case 'close':
        this.isClosed = true;
        this.endpoint?.close();
        return true;
      case 'shutdown':
        this.endpoint?.close();
        return true;
      case 'abort':
        this.isClosed = true;
        this.endpoint?.abort();
        return true;
      case 'receive-buffer':
        this.rcvBufOctets = call.octets;
        return true;
      case 'write':
        this.endpoint?.send(octetsFrom(this.written, call.octets));
        this.written += call.octets;
        return true;
      default:
        throw new Error(`no call ${call.name}`);
    }
  }

  hear(octets: number): Heard {
    if (this.endpoint === null || this.isClosed || !this.isOpened) {
      return { kind: 'end', end: 'closed' };
    }
    if (this.unread.length > 0) {
      const bytes = this.unread.subarray(0, octets);
      this.unread = this.unread.slice(bytes.length);
      return { kind: 'octets', bytes };
    }
    if (this.peerDone) return { kind: 'end', end: 'eof' };
    if (this.reason === 'open') return { kind: 'waiting' };
    return { kind: 'end', end: ENDS[this.reason] };
  }

  state(): string {
    const state = this.endpoint?.state ?? 'closed';
    if (state !== 'closed') return state.toUpperCase();
    return this.isListening ? 'LISTEN' : 'CLOSED';
  }

  leave(): void {}

  attach(endpoint: ModelEndpoint): void {
    this.endpoint = endpoint;
    this.isEstablished = false;
  }

  established(): void {
    this.isEstablished = true;
  }

  received(bytes: Uint8Array): void {
    this.unread = Uint8Array.from([...this.unread, ...bytes]);
  }

  peerFinished(): void {
    this.peerDone = true;
  }

  ended(reason: EndReason): void {
    this.reason = reason;
  }

  private config(): EndpointConfig {
    const { family, nearAddr, farAddr, nearPort, farPort } = this.sides;
    return {
      family,
      localAddr: nearAddr,
      remoteAddr: farAddr,
      localPort: nearPort,
      remotePort: farPort,
      iss: ISS,
      mss: family === 4 ? 1460 : 1440,
      wndScale: this.rcvBufOctets > 0 ? 0 : WND_SCALE,
      timestamps: true,
      sack: true,
      dsack: true,
      rcvBufOctets: this.rcvBufOctets > 0 ? this.rcvBufOctets : RCV_BUF_OCTETS,
      readOctetsPerMs: Number.POSITIVE_INFINITY,
      rtoMinUs: 1_000_000,
      tsBase: 1000,
      ttl: 64,
    };
  }
}
