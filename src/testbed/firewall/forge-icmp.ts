/**
 * The ICMP error with which a router says that a packet was too big: RFC 792 and RFC 1191 §4, RFC
 * 4443 §3.2. It comes in the name of the host that the packet was for. Returns a whole IP packet.
 */
import { put16, put32 } from '../../engine/wire/bytes.ts';
import { sumShort } from '../../engine/wire/checksum.ts';

/** IP header and 28 octets of TCP: more than RFC 792 asks for, less than anybody minds. */
const QUOTED_BYTES = 68;
const ICMP_BYTES = 8;
const HOP_LIMIT = 64;

export function forgeTooBig(packet: Uint8Array, mtu: number): Uint8Array {
  const quoted = packet.subarray(0, QUOTED_BYTES);
  return (packet[0] ?? 0) >> 4 === 6 ? tooBig6(packet, quoted, mtu) : tooBig4(packet, quoted, mtu);
}

function tooBig4(packet: Uint8Array, quoted: Uint8Array, mtu: number): Uint8Array {
  const out = new Uint8Array(20 + ICMP_BYTES + quoted.length);
  put16(out, 0, 0x4500);
  put16(out, 2, out.length);
  out[8] = HOP_LIMIT;
  out[9] = 1;
  out.set(packet.subarray(16, 20), 12);
  out.set(packet.subarray(12, 16), 16);
  put16(out, 10, ~sumShort(out, 0, 20) & 0xffff);
  out[20] = 3; // destination unreachable
  out[21] = 4; // fragmentation needed
  put16(out, 26, mtu);
  out.set(quoted, 28);
  put16(out, 22, ~sumShort(out, 20, out.length - 20) & 0xffff);
  return out;
}

function tooBig6(packet: Uint8Array, quoted: Uint8Array, mtu: number): Uint8Array {
  const icmpBytes = ICMP_BYTES + quoted.length;
  const out = new Uint8Array(40 + icmpBytes);
  put32(out, 0, 0x60000000);
  put16(out, 4, icmpBytes);
  out[6] = 58;
  out[7] = HOP_LIMIT;
  out.set(packet.subarray(24, 40), 8);
  out.set(packet.subarray(8, 24), 24);
  out[40] = 2; // packet too big
  put32(out, 44, mtu);
  out.set(quoted, 48);
  // Pseudo header: addresses, length, next header (RFC 8200 §8.1).
  const sum = sumShort(out, 8, 32 + icmpBytes) + icmpBytes + 58;
  put16(out, 42, ~((sum & 0xffff) + (sum >>> 16)) & 0xffff);
  return out;
}
