/**
 * What every segment of a side that goes on as before has in common: its end points, where it comes
 * from, how its options lie. Owns these facts, as text and as octets; never changed, so that the
 * segments of a side share one.
 */
import type { Frame } from '../datapath/pcap/capture.ts';
import { findSender } from '../datapath/pcap/link-layer.ts';
import { get16, get32 } from '../engine/wire/bytes.ts';
import type { Segment } from '../engine/wire/segment.ts';
import type { Direction, Flow } from './flow.ts';
import type { PacketRecord } from './packet-record.ts';
import { addressesOf } from './segment-addresses.ts';

const IP6_BYTES = 16;

export class SteadySide {
  readonly flow: Flow;
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
  private readonly addresses: Uint8Array;
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
    this.addresses = bytes.slice(from, from + 2 * (seg.family === 4 ? 4 : IP6_BYTES));
    this.fromWord = get32(bytes, from);
    this.toWord = get32(bytes, from + this.addresses.length - 4);
    this.ports = get32(bytes, seg.tcpOff);
    this.linkType = frame.linkType;
    this.frameSide = frame.side;
    const mac = findSender(bytes, frame.linkOff, frame.linkType);
    this.macHigh = mac < 0 ? -1 : get16(bytes, mac);
    this.macLow = mac < 0 ? -1 : get32(bytes, mac + 2);
    this.headerBytes = seg.tcpHeaderBytes;
  }

  /** Whether the segment has all of it; the words are those that found it. */
  matches(frame: Frame, seg: Segment, ports: number, fromWord: number, toWord: number): boolean {
    if (this.ports !== ports || this.fromWord !== fromWord || this.toWord !== toWord) return false;
    if (this.ttl !== seg.ttl || this.headerBytes !== seg.tcpHeaderBytes) return false;
    if (this.linkType !== frame.linkType || this.frameSide !== frame.side) return false;
    const { bytes } = frame;
    if (this.family !== seg.family) return false;
    if (this.family === 6 && !this.hasAddresses(bytes, addressesOf(seg))) return false;
    const mac = findSender(bytes, frame.linkOff, frame.linkType);
    if (mac < 0) return this.macHigh < 0;
    return this.macHigh === get16(bytes, mac) && this.macLow === get32(bytes, mac + 2);
  }

  private hasAddresses(bytes: Uint8Array, from: number): boolean {
    for (let at = 0; at < this.addresses.length; at += 4) {
      if (get32(bytes, from + at) !== get32(this.addresses, at)) return false;
    }
    return true;
  }
}
