/**
 * One connection that says nothing for a while, and is then asked by the kernel's own keep-alive
 * whether it still exists. Owns its socket and what was seen of it. Times: ms.
 */
import type { Caught } from '../datapath/probe/packet-socket.ts';
import type { TcpSocket } from '../datapath/probe/tcp-socket.ts';
import { FIN, RST, SYN } from '../engine/wire/segment.ts';
import { type Seq, seqLt } from '../engine/wire/seq.ts';
import type { Fate } from './idle-plan.ts';
import { SeenPacket } from './seen-packet.ts';

/** Keep-alives a second apart: two lost ones are loss. */
export const ASK_COUNT = 3;
/** Until the kernel gives up: the last one has a second too. */
export const ANSWER_MS = (ASK_COUNT + 1) * 1000;

export class IdleConnection {
  readonly silenceS: number;
  /** Undefined: it is still silent, or asked and not yet answered. */
  fate: Fate | undefined;
  private readonly socket: TcpSocket;
  private readonly packet = new SeenPacket();
  /** Of our side: whatever leaves below it is a keep-alive (RFC 9293 §3.8.4). */
  private readonly sndNxt: Seq;
  private isAsked = false;

  /** The connection is open, and what the server says first has been read. */
  constructor(socket: TcpSocket, silenceS: number, sndNxt: Seq) {
    this.socket = socket;
    this.silenceS = silenceS;
    this.sndNxt = sndNxt;
    socket.keepAlive(silenceS, ASK_COUNT);
  }

  note(caught: Caught): void {
    if (this.fate !== undefined || !this.packet.read(caught)) return;
    const { seg } = this.packet;
    if (seg.srcPort === this.socket.port) {
      if (seqLt(seg.segSeq, this.sndNxt)) this.isAsked = true;
      return;
    }
    if (seg.dstPort !== this.socket.port) return;
    if ((seg.flags & RST) !== 0) this.fate = this.isAsked ? 'refused' : 'spoiled';
    else if (this.isAsked) this.fate = 'alive';
    else if (seg.payloadBytes > 0 || (seg.flags & (FIN | SYN)) !== 0) this.fate = 'spoiled';
  }

  /** What the socket knows and the wire does not tell: the kernel has given up. */
  look(): void {
    const word = this.socket.hear();
    if (this.fate !== undefined || word.kind === 'waiting') return;
    if (word.kind === 'error' && word.code === 'ETIMEDOUT') this.fate = 'forgotten';
    else if (word.kind === 'error' && this.isAsked) this.fate = 'refused';
    else this.fate = 'spoiled';
  }

  close(): void {
    this.socket.finish();
    this.socket.close();
  }
}
