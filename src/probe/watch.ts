/**
 * The packets of the probe's own connections, from the wire into the analysis of `diagnose`. Owns
 * the socket that sees them and the flows that they make.
 */

import { packetFilter, type Watched } from '../datapath/probe/packet-filter.ts';
import { type Caught, PacketSocket } from '../datapath/probe/packet-socket.ts';
import { analyse } from '../diagnose/analyse.ts';
import { CapturePackets } from '../diagnose/capture-packets.ts';
import { type Flow, SERVER } from '../diagnose/flow.ts';
import { FlowBook } from '../diagnose/flow-book.ts';
import { LOST, type Report } from '../diagnose/report.ts';
import type { Wording } from '../diagnose/wording.ts';

/** A flood of forged packets goes through the analysis, and no further. */
const KEPT_BYTES_MAX = 16 << 20;

export class Watch {
  private readonly socket: PacketSocket;
  private readonly book = new FlowBook();
  private readonly packets = new CapturePackets(this.book);
  private readonly listeners = new Set<(packet: Caught) => void>();
  private readonly records: Uint8Array[] = [];
  private keptBytes = 0;

  constructor(watched: Watched) {
    this.socket = new PacketSocket(packetFilter(watched));
    this.take(this.socket.start);
  }

  /** Takes what has come. */
  look(): void {
    this.take(this.socket.drain((packet) => this.tell(packet)));
  }

  /** `listen` borrows every packet from now on. Returns what ends that. */
  listen(listener: (packet: Caught) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  get flows(): readonly Flow[] {
    return this.book.flows;
  }

  /** Of one of our ports: the newest. */
  flowOf(localPort: number): Flow | undefined {
    return this.book.flows.findLast((flow) => flow.clientPort === String(localPort));
  }

  /** By the SYN-ACK of a connection from this port; undefined: none has come. */
  sackOffered(localPort: number): boolean | undefined {
    const [offer] = this.flowOf(localPort)?.halves[SERVER].offers ?? [];
    return offer?.first.options.layout.includes('sackOK');
  }

  /** All packets so far, as a file; up to a limit. */
  capture(): Uint8Array {
    return Buffer.concat(this.records);
  }

  close(): void {
    this.look();
    this.socket.close();
    this.packets.end();
  }

  /** In the words and numbers of `diagnose`. */
  report(name: string): Report {
    const { counts } = this.packets;
    const { lost } = this.socket;
    const { flows } = this.book;
    const tolerated: Record<string, number> = lost === 0 ? {} : { [LOST]: lost };
    const { packets, frames } = counts;
    const wording: Wording = { frame: 'packet', captureInterface: this.socket.deviceName };
    return {
      ...analyse(flows, wording),
      input: { name, kind: 'probe', packets, lines: frames, tolerated },
      flows,
      wording,
    };
  }

  private take(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.packets.feed(bytes);
    if (this.keptBytes + bytes.length > KEPT_BYTES_MAX) return;
    this.keptBytes += bytes.length;
    this.records.push(bytes);
  }

  private tell(packet: Caught): void {
    for (const listener of this.listeners) listener(packet);
  }
}
