/** A trace that somebody pasted, made into a capture again: Ethernet, checksums filled. */

import { LINKTYPE_ETHERNET } from '../../src/datapath/pcap/link-layer.ts';
import { writePcap } from '../../src/datapath/pcap/write-pcap.ts';
import type { PacketRecord } from '../../src/diagnose/packet-record.ts';
import { TcpdumpText } from '../../src/diagnose/tcpdump-text.ts';
import { type SegmentSpec, seg } from './segment-builder.ts';

const NEAR_MAC = [2, 0, 0, 0, 0, 1];
const ROUTER_MAC = [2, 0, 0, 0, 0, 2];
export const ETHERNET_BYTES = 14;

export interface TimedPacket {
  readonly timeUs: number;
  readonly packet: Uint8Array;
  readonly fromNear: boolean;
}

/** Named hosts get these addresses. */
const ADDRESSES: Readonly<Record<string, string>> = { jumbox: '10.0.0.1', server: '10.0.0.2' };

export function traceCapture(text: string): Uint8Array {
  const records: PacketRecord[] = [];
  const reader = new TcpdumpText((packet) => records.push(packet));
  for (const line of text.split('\n')) reader.feed(line);
  reader.end();
  const near = records[0]?.src;
  return ethernetCapture(
    records.map((record) => ({
      timeUs: record.timeUs,
      packet: seg(specOf(record)),
      fromNear: record.src === near,
    })),
  );
}

function specOf(record: PacketRecord): SegmentSpec {
  const { options } = record;
  return {
    src: ADDRESSES[record.src] ?? record.src,
    dst: ADDRESSES[record.dst] ?? record.dst,
    srcPort: Number(record.srcPort),
    dstPort: Number(record.dstPort),
    seq: record.segSeq ?? 0,
    ack: record.segAck ?? 0,
    flags: record.flags,
    wnd: record.segWnd,
    payload: new Uint8Array(record.payloadOctets).fill(0x2e),
    ...(options.mss < 0 ? {} : { mss: options.mss }),
    ...(options.wndScale < 0 ? {} : { wndScale: options.wndScale }),
    ...(options.layout.includes('sackOK') ? { sackPermitted: true } : {}),
    ...(options.tsVal === null
      ? {}
      : { ts: [options.tsVal, options.tsEcr ?? 0] as [number, number] }),
  };
}

/** Classic pcap of packets as they come by the near end's card. */
export function ethernetCapture(packets: readonly TimedPacket[]): Uint8Array {
  const frames = packets.map(({ timeUs, packet, fromNear }) => {
    const macs = fromNear ? [...ROUTER_MAC, ...NEAR_MAC] : [...NEAR_MAC, ...ROUTER_MAC];
    const type = (packet[0] ?? 0) >> 4 === 6 ? [0x86, 0xdd] : [8, 0];
    const bytes = Uint8Array.from([...macs, ...type, ...packet]);
    return { timeUs, bytes, off: 0, len: bytes.length };
  });
  return writePcap(frames, LINKTYPE_ETHERNET);
}
