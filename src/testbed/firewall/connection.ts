/**
 * One connection as the faulty firewall keeps it: the client's and the server's first packets as
 * templates for what it makes up, its offsets, and what is due when. Numbers are those that the
 * client sees, canonical int32. Times: ms.
 */
import type { Fault } from './fault.ts';

export class Connection {
  /** Packets for addressing: the client's SYN, and the SYN-ACK that the client got. */
  clientSyn: Uint8Array;
  synAck: Uint8Array | undefined;
  readonly iss: number;
  /** A and B. */
  isn = 0;
  otherIsn: number;
  synAckAtMs = 0;
  /** Added to SEQ on the way: client to server, server to client. */
  clientOffset: number;
  serverOffset: number;
  /** The server's numbers are those that were asked for. */
  isAhead = false;
  /** The burst of the second SYN-ACK has gone out. */
  burst = false;
  /** Server packets kept until the burst. */
  readonly held: Uint8Array[] = [];
  holding = false;
  /** Among what is kept is data, not only acknowledgements. */
  dataHeld = false;
  probesLost = 0;
  /** The server has timestamps on, whatever became of its option on the way. */
  serverStamps = false;
  /** Client packets on their slow way to the server; undefined when it is over. */
  late: Uint8Array[] | undefined;
  /** What was asked for with the server's next data. */
  pending: 'overtake' | 'last-words' | undefined;
  /** Nothing of the server arrives any more. */
  mute = false;
  hit = false;
  /** Resets forged in mid-session. */
  forged = 0;
  /** When a packet of it last came; and it is no longer known. */
  private lastMs = -1;
  private forgotten = false;
  /** The client's newest SEG.ACK: what an exact forgery needs. */
  clientAck = 0;

  constructor(clientSyn: Uint8Array, iss: number, offsets: boolean) {
    this.clientSyn = clientSyn;
    this.iss = iss;
    this.otherIsn = randomSeq();
    this.clientOffset = offsets ? randomSeq() : 0;
    this.serverOffset = offsets ? randomSeq() : 0;
  }

  isRenumbered(): boolean {
    return (this.clientOffset | this.serverOffset) !== 0;
  }

  /** A packet of it comes: was nobody heard for so long that it has been forgotten? */
  isForgotten({ forgetsMs }: Fault): boolean {
    const nowMs = performance.now();
    const silent = this.lastMs >= 0 && nowMs - this.lastMs >= forgetsMs;
    if (forgetsMs > 0 && silent) this.forgotten = true;
    this.lastMs = nowMs;
    return this.forgotten;
  }

  /** The server's first SYN-ACK: from then on its numbers are as far ahead as was asked for. */
  comesAhead({ serverAhead }: Fault, seq: number): void {
    if (serverAhead === 0 || this.isAhead) return;
    this.isAhead = true;
    this.serverOffset = (this.isn + serverAhead - seq) | 0;
  }

  /** The firewall makes its translation anew; far enough to be outside every window. */
  jump(which: 'client' | 'server' | 'both'): void {
    if (which !== 'server') this.clientOffset = (this.clientOffset + farSeq()) | 0;
    if (which !== 'client') this.serverOffset = (this.serverOffset + farSeq()) | 0;
  }
}

export function randomSeq(): number {
  return (Math.random() * 2 ** 32) | 0;
}

function farSeq(): number {
  return ((Math.random() * 0.98 + 0.01) * 2 ** 32) | 0;
}
