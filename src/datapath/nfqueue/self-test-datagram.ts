/**
 * The packet that the self test injects: a UDP datagram from loopback to loopback, with complete
 * checksums (RFC 768, RFC 8200 §8.1). Owns nothing.
 */
import { put16 } from '../../engine/wire/bytes.ts';
import { sumShort } from '../../engine/wire/checksum.ts';

const PROTOCOL_UDP = 17;
const UDP_BYTES = 16;

export function datagram(family: 4 | 6, port: number): Uint8Array {
  const header = family === 4 ? 20 : 40;
  const packet = new Uint8Array(header + UDP_BYTES);
  if (family === 4) {
    packet.set([0x45, 0], 0);
    put16(packet, 2, packet.length);
    packet.set([64, PROTOCOL_UDP], 8);
    packet.set([127, 0, 0, 1, 127, 0, 0, 1], 12);
    put16(packet, 10, ~sumShort(packet, 0, header));
  } else {
    packet[0] = 0x60;
    put16(packet, 4, UDP_BYTES);
    packet.set([PROTOCOL_UDP, 64], 6);
    packet[23] = 1;
    packet[39] = 1;
  }
  put16(packet, header, port);
  put16(packet, header + 2, port);
  put16(packet, header + 4, UDP_BYTES);
  const addresses = family === 4 ? sumShort(packet, 12, 8) : sumShort(packet, 8, 32);
  const sum = addresses + sumShort(packet, header, UDP_BYTES) + PROTOCOL_UDP + UDP_BYTES;
  put16(packet, header + 6, ~((sum & 0xffff) + (sum >>> 16)));
  return packet;
}
