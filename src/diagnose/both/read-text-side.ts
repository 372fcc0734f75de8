/**
 * From what tcpdump printed to the packets that a comparison needs. A text has no payload, no
 * DSCP and no unknown options: what it does not have is not compared. Owns nothing.
 */
import { CLIENT } from '../flow.ts';
import { type PacketRecord, UNKNOWN } from '../packet-record.ts';
import { TcpdumpText } from '../tcpdump-text.ts';
import type { SideBook } from './side-book.ts';
import type { SidePacket } from './side-packet.ts';

const KINDS: Readonly<Record<string, number>> = {
  eol: 0,
  nop: 1,
  mss: 2,
  wscale: 3,
  sackOK: 4,
  sack: 5,
  TS: 8,
};

export function readTextSide(text: string, book: SideBook): void {
  const reader = new TcpdumpText((packet, section) => {
    book.add(packet, sidePacketOf(packet), section);
  });
  for (const line of text.split('\n')) reader.feed(line);
  reader.end();
}

function sidePacketOf(packet: PacketRecord): SidePacket {
  const { options } = packet;
  const names = options.layout === '' ? [] : options.layout.split(',');
  return {
    frame: packet.frame,
    timeUs: packet.timeUs,
    dir: CLIENT,
    flags: packet.flags,
    segSeq: packet.segSeq,
    segAck: packet.segAck,
    payloadOctets: packet.payloadOctets,
    segWnd: packet.segWnd,
    ttl: packet.ttl,
    tos: UNKNOWN,
    ipId: packet.ipId,
    layout: names
      .filter((name) => Object.hasOwn(KINDS, name))
      .map((name) => KINDS[name])
      .join(','),
    mss: options.mss,
    wndScale: options.wndScale,
    tsVal: options.tsVal,
    tsEcr: options.tsEcr,
    sack: options.sack,
    others: '',
    payloadHash: UNKNOWN,
    headHash: UNKNOWN,
  };
}
