/** The least packets that a filter can be tried on: headers without options or payload. */
import { socketAddress } from '../../../src/datapath/probe/socket-address.ts';

export function ip4Tcp(
  src: string,
  srcPort: number,
  dst: string,
  dstPort: number,
  flags: number,
): Uint8Array {
  const packet = new Uint8Array(40);
  packet[0] = 0x45;
  packet[3] = 40;
  packet[8] = 64;
  packet[9] = 6;
  packet.set(socketAddress(4, src, 0).subarray(4, 8), 12);
  packet.set(socketAddress(4, dst, 0).subarray(4, 8), 16);
  putTcp(packet, 20, srcPort, dstPort, flags);
  return packet;
}

export function ip6Tcp(
  src: string,
  srcPort: number,
  dst: string,
  dstPort: number,
  flags: number,
): Uint8Array {
  const packet = new Uint8Array(60);
  packet[0] = 0x60;
  packet[5] = 20;
  packet[6] = 6;
  packet[7] = 64;
  packet.set(socketAddress(6, src, 0).subarray(8, 24), 8);
  packet.set(socketAddress(6, dst, 0).subarray(8, 24), 24);
  putTcp(packet, 40, srcPort, dstPort, flags);
  return packet;
}

function putTcp(packet: Uint8Array, at: number, from: number, to: number, flags: number): void {
  const view = new DataView(packet.buffer);
  view.setUint16(at, from);
  view.setUint16(at + 2, to);
  packet[at + 12] = 0x50;
  packet[at + 13] = flags;
}
