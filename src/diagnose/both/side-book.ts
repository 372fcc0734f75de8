/**
 * Every packet of every connection of one capture, up to limits: what is beyond them is counted.
 * Connections begin as in flow-book.ts. Owns the packets.
 */
import { ACK, SYN } from '../../engine/wire/segment.ts';
import { seqDiff } from '../../engine/wire/seq.ts';
import { CLIENT, SERVER } from '../flow.ts';
import { hasFlags, UNKNOWN } from '../packet-record.ts';
import type { SideFlow, SidePacket } from './side-packet.ts';

export const PACKETS_PER_FLOW_MAX = 20_000;
export const PACKETS_MAX = 300_000;
export const FLOW_COUNT_MAX = 4096;
/** So far behind its SYN a connection may be before the SYN arrives. */
const SYN_LATE_OCTETS = 1 << 16;

export interface Ends {
  readonly src: string;
  readonly srcPort: string;
  readonly dst: string;
  readonly dstPort: string;
}

export class SideBook {
  readonly flows: SideFlow[] = [];
  packets = 0;
  notKept = 0;
  firstUs = UNKNOWN;
  lastUs = UNKNOWN;
  private kept = 0;
  private readonly current = new Map<string, SideFlow>();

  add(ends: Ends, packet: SidePacket, section: number): void {
    this.packets += 1;
    this.noteTime(packet.timeUs);
    const flow = this.flowOf(ends, packet, section);
    if (flow === undefined) {
      this.notKept += 1;
      return;
    }
    const fromClient = ends.src === flow.client && ends.srcPort === flow.clientPort;
    packet.dir = fromClient ? CLIENT : SERVER;
    if (flow.packets.length >= PACKETS_PER_FLOW_MAX || this.kept >= PACKETS_MAX) {
      flow.notKept += 1;
      this.notKept += 1;
      return;
    }
    this.kept += 1;
    flow.packets.push(packet);
  }

  private noteTime(timeUs: number): void {
    if (timeUs === UNKNOWN) return;
    if (this.firstUs === UNKNOWN || timeUs < this.firstUs) this.firstUs = timeUs;
    if (this.lastUs === UNKNOWN || timeUs > this.lastUs) this.lastUs = timeUs;
  }

  private flowOf(ends: Ends, packet: SidePacket, section: number): SideFlow | undefined {
    const from = `${ends.src} ${ends.srcPort}`;
    const to = `${ends.dst} ${ends.dstPort}`;
    const key = from < to ? `${section} ${from} ${to}` : `${section} ${to} ${from}`;
    const known = this.current.get(key);
    if (known !== undefined && !beginsAnother(known, ends, packet)) return known;
    if (this.flows.length >= FLOW_COUNT_MAX) return undefined;
    const fromClient = isClient(ends, packet);
    const flow: SideFlow = {
      id: this.flows.length + 1,
      client: fromClient ? ends.src : ends.dst,
      clientPort: fromClient ? ends.srcPort : ends.dstPort,
      server: fromClient ? ends.dst : ends.src,
      serverPort: fromClient ? ends.dstPort : ends.srcPort,
      firstFrame: packet.frame,
      packets: [],
      notKept: 0,
    };
    this.flows.push(flow);
    this.current.set(key, flow);
    return flow;
  }
}

/** A SYN of the client with another number than the SYNs before it. */
function beginsAnother(flow: SideFlow, ends: Ends, packet: SidePacket): boolean {
  if (!isFirstSyn(packet) || packet.segSeq === null) return false;
  if (ends.src !== flow.client || ends.srcPort !== flow.clientPort) return false;
  const { segSeq } = packet;
  const before = flow.packets.find(isFirstSyn);
  if (before !== undefined) return before.segSeq !== segSeq;
  // A firewall that answers by itself can keep the SYN back: what follows it may come first.
  return !flow.packets.some((other) => {
    if (other.dir !== CLIENT || other.segSeq === null) return false;
    const behind = seqDiff(other.segSeq, segSeq);
    return behind > 0 && behind < SYN_LATE_OCTETS;
  });
}

function isFirstSyn(packet: SidePacket): boolean {
  return hasFlags(packet, SYN) && !hasFlags(packet, ACK);
}

/** Without a SYN the side with the lower port is taken for the server. */
function isClient(ends: Ends, packet: SidePacket): boolean {
  if (hasFlags(packet, SYN)) return !hasFlags(packet, ACK);
  const src = Number(ends.srcPort);
  const dst = Number(ends.dstPort);
  if (Number.isInteger(src) && Number.isInteger(dst) && src !== dst) return src > dst;
  return ends.src !== 'server';
}
