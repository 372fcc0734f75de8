/**
 * What every segment of a side that goes on as before has in common: its end points, where it comes
 * from, how its options lie. Owns these facts, as text and as octets, which the segments of a side
 * share, and knows its flow's row in SteadyRuns.
 */
import type { Frame } from '../datapath/pcap/capture.ts';
import { findSender } from '../datapath/pcap/link-layer.ts';
import { get16, get32 } from '../engine/wire/bytes.ts';
import type { Segment } from '../engine/wire/segment.ts';
import { type Direction, type Flow, NO_RUN } from './flow.ts';
import type { PacketRecord } from './packet-record.ts';
import { addressesOf } from './segment-addresses.ts';

const IP6_BYTES = 16;

export class SteadySide {
  readonly flow: Flow;
  run = NO_RUN;
  readonly dir: Direction;
  readonly src: string;
  readonly srcPort: string;
  readonly dst: string;
  readonly dstPort: string;
  readonly srcMac: string;
  readonly layout: string;
  readonly side: PacketRecord['side'];
  readonly ttl: number;
  readonly family: number;
  readonly headerBytes: number;
  private readonly addresses: Uint8Array | undefined;
  private readonly fromWord: number;
  private readonly toWord: number;
  private readonly ports: number;
  private readonly linkType: number;
  private readonly frameSide: number;
  private readonly macHigh: number;
  private readonly macLow: number;

  constructor(flow: Flow, dir: Direction, packet: PacketRecord, frame: Frame, seg: Segment) {
    this.flow = flow;
    this.dir = dir;
    this.src = packet.src;
    this.srcPort = packet.srcPort;
    this.dst = packet.dst;
    this.dstPort = packet.dstPort;
    this.srcMac = packet.srcMac;
    this.layout = packet.options.layout;
    this.side = packet.side;
    this.ttl = packet.ttl;
    const { bytes } = frame;
    const from = addressesOf(seg);
    this.family = seg.family;
    // The words say all of two IPv4 addresses.
    this.addresses = seg.family === 4 ? undefined : bytes.slice(from, from + 2 * IP6_BYTES);
    this.fromWord = get32(bytes, from);
    this.toWord = get32(bytes, from + (seg.family === 4 ? 4 : 2 * IP6_BYTES - 4));
    this.ports = get32(bytes, seg.tcpOff);
    this.linkType = frame.linkType;
    this.frameSide = frame.side;
    const mac = findSender(bytes, frame.linkOff, frame.linkType);
    this.macHigh = mac < 0 ? -1 : get16(bytes, mac);
    this.macLow = mac < 0 ? -1 : get32(bytes, mac + 2);
    this.headerBytes = seg.tcpHeaderBytes;
  }

  /** Whether the segment has all of it; the words are those that found it, `data` its bytes. */
  matches(
    frame: Frame,
    data: DataView,
    seg: Segment,
    ports: number,
    fromWord: number,
    toWord: number,
  ): boolean {
    if (this.ports !== ports || this.fromWord !== fromWord || this.toWord !== toWord) return false;
    if (this.ttl !== seg.ttl || this.headerBytes !== seg.tcpHeaderBytes) return false;
    if (this.linkType !== frame.linkType || this.frameSide !== frame.side) return false;
    const { bytes } = frame;
    if (this.family !== seg.family) return false;
    if (this.addresses !== undefined && !isAt(bytes, addressesOf(seg), this.addresses))
      return false;
    const mac = findSender(bytes, frame.linkOff, frame.linkType);
    if (mac < 0) return this.macHigh < 0;
    return this.macHigh === data.getUint16(mac) && this.macLow === data.getInt32(mac + 2);
  }
}

function isAt(bytes: Uint8Array, from: number, wanted: Uint8Array): boolean {
  for (let at = 0; at < wanted.length; at += 4) {
    if (get32(bytes, from + at) !== get32(wanted, at)) return false;
  }
  return true;
}
