/** Small captures to begin with: one connection that fails, in each of the formats. */
import { LINKTYPE_ETHERNET, LINKTYPE_RAW } from '../../src/datapath/pcap/link-layer.ts';
import { type PacketBytes, writePcap } from '../../src/datapath/pcap/write-pcap.ts';
import { BlockWriter, NAMES } from '../helpers/pcapng-blocks.ts';
import { type SegmentSpec, seg } from '../helpers/segment-builder.ts';

const SYN = 2;
const RST = 4;
const ACK = 16;
const BACK = { src: '10.0.0.2', dst: '10.0.0.1', srcPort: 22, dstPort: 40_000 };
const MACS = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];

/** The trace: two answers, a reset of the first in the numbers of the first, data behind it. */
export const TRACE: readonly SegmentSpec[] = [
  { flags: SYN, seq: 1000, mss: 1460, ts: [1, 0] },
  { ...BACK, flags: SYN | ACK, seq: 5000, ack: 1001, ts: [7, 1] },
  { flags: ACK, seq: 1001, ack: 5001, ts: [2, 7] },
  { ...BACK, flags: SYN | ACK, seq: 90_000, ack: 1001, ts: [70, 1] },
  { ...BACK, flags: RST, seq: 5001 },
  { ...BACK, flags: ACK, seq: 5001, ack: 1001, payload: 'SSH-2.0-x\r\n', ts: [8, 2] },
  { flags: RST, seq: 1001 },
];

const packets = TRACE.map((spec) => seg(spec));

function timed(frames: readonly Uint8Array[]): PacketBytes[] {
  return frames.map((bytes, n) => ({ timeUs: 1e9 + n * 700, bytes, off: 0, len: bytes.length }));
}

function onEthernet(packet: Uint8Array): Uint8Array {
  return Uint8Array.from([...MACS, 8, 0, ...packet]);
}

function pcapng(little: boolean): Uint8Array {
  const write = new BlockWriter(little);
  const blocks = [
    write.section([[1, [...Buffer.from('seqshim')]]]),
    write.interface(LINKTYPE_RAW, 0, [[9, [9]]]),
    ...packets.map((packet, n) => {
      const about = [...Buffer.from(n === 3 ? 'seqshim: synack-dropped' : 'x')];
      return write.enhanced(0, BigInt(1e15 + n * 1000), [...packet], [[1, about]]);
    }),
    write.statistics(0, [write.count(5, 3)]),
    write.block(NAMES, [1, 2, 3, 4]),
    write.simple([...(packets[0] ?? [])]),
  ];
  return Uint8Array.from(blocks.flat());
}

export function sampleCaptures(): Uint8Array[] {
  return [
    writePcap(timed(packets), LINKTYPE_RAW),
    writePcap(timed(packets.map(onEthernet)), LINKTYPE_ETHERNET),
    pcapng(true),
    pcapng(false),
  ];
}
